//! What hangs on leading.

use std::{convert::Infallible, future::pending, time::Duration};

use k8s_adapter::{ApiError, Election, Leadership};
use provider_api::Shutdown;
use tokio::{sync::watch, time::sleep};
use tracing::warn;

use super::Reach;

/// A leader that does not reach Datadog for so long stands back: another replica may reach it,
/// and the values that there are live for a minute yet.
const CUT_OFF: Duration = Duration::from_secs(30);
/// Each time in a row it leads twice as long, up to this: there may be nobody else, or Datadog
/// may be away for all.
const CUT_OFF_AT_MOST: Duration = Duration::from_secs(600);
/// So long it does not stand again, unless it reaches Datadog.
const STANDS_BACK: Duration = Duration::from_secs(30);

/// Stands for election for as long as nobody has asked the agent to end, and it reaches
/// Datadog.
pub(super) async fn stand(election: &Election, reach: &Reach, shutdown: &Shutdown) -> Infallible {
    let mut patience = CUT_OFF;
    loop {
        let ended = async {
            tokio::select! {
                () = shutdown.clone().asked() => {}
                () = reach.lost_for(patience) => {}
            }
        };
        election.run(ended).await;
        if shutdown.is_asked() {
            return pending().await;
        }
        warn!(
            "no call has reached Datadog for {} s: another replica may lead for now",
            patience.as_secs()
        );
        tokio::select! {
            () = shutdown.clone().asked() => {}
            () = reach.regained() => patience = CUT_OFF,
            () = sleep(STANDS_BACK) => patience = (patience * 2).min(CUT_OFF_AT_MOST),
        }
    }
}

/// Does this anew each time that this replica begins to lead, and drops it when it no longer
/// does.
pub(crate) async fn while_leading<F: Future<Output = Infallible>>(
    leadership: watch::Receiver<Leadership>,
    work: impl FnMut() -> F,
) -> Infallible {
    while_so(leadership, Leadership::is_leading, work).await
}

/// Does this anew each time that this replica begins to ask Datadog, and drops it when it no
/// longer does.
pub(crate) async fn while_asking<F: Future<Output = Infallible>>(
    leadership: watch::Receiver<Leadership>,
    work: impl FnMut() -> F,
) -> Infallible {
    let mut asks = Asks::default();
    while_so(leadership, move |now| asks.after(now), work).await
}

async fn while_so<F: Future<Output = Infallible>>(
    mut leadership: watch::Receiver<Leadership>,
    mut is_so: impl FnMut(&Leadership) -> bool,
    mut work: impl FnMut() -> F,
) -> Infallible {
    loop {
        turn(&mut leadership, &mut is_so, true).await;
        tokio::select! {
            never = work() => match never {},
            () = turn(&mut leadership, &mut is_so, false) => {}
        }
    }
}

/// Waits until it is so, or no longer.
async fn turn(
    leadership: &mut watch::Receiver<Leadership>,
    is_so: &mut impl FnMut(&Leadership) -> bool,
    wanted: bool,
) {
    if leadership
        .wait_for(|now| is_so(now) == wanted)
        .await
        .is_err()
    {
        // Whoever held the election is gone, and it stays as it was.
        let () = pending().await;
    }
}

/// Whether a replica asks Datadog.
///
/// Two that ask cost calls, and none that asks costs values. So whoever has asked goes on
/// until it hears who does in its place; and where nobody may hold an election, each replica
/// asks.
#[derive(Debug, Default)]
pub(crate) struct Asks(bool);

impl Asks {
    pub(crate) fn after(&mut self, leadership: &Leadership) -> bool {
        let Self(asks) = self;
        let asked = *asks;
        *asks = match leadership {
            Leadership::Leading { .. } => true,
            Leadership::Following { leader: Some(_) } => false,
            Leadership::Following { leader: None } | Leadership::Unknown => *asks,
            Leadership::Failing(why) => *asks || is_for_good(why),
        };
        if *asks && !asked && !leadership.is_leading() {
            warn!("no election can be held: each replica asks Datadog, and uses up the rate limit");
        }
        *asks
    }
}

/// Whether nobody will lead before somebody grants a permission.
fn is_for_good(why: &ApiError) -> bool {
    matches!(why, ApiError::Forbidden { .. })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use time::macros::datetime;

    use super::*;

    fn leading() -> Leadership {
        let since = datetime!(2026-01-02 03:00 UTC);
        Leadership::Leading { since }
    }

    fn following(leader: Option<&str>) -> Leadership {
        let leader = leader.map(ToOwned::to_owned);
        Leadership::Following { leader }
    }

    fn unreachable() -> Leadership {
        Leadership::Failing(Arc::new(ApiError::TimedOut(Duration::from_secs(1))))
    }

    fn forbidden() -> Leadership {
        Leadership::Failing(Arc::new(ApiError::Forbidden {
            message: "no".to_owned(),
            permission: "grant it",
        }))
    }

    fn course(turns: &[Leadership]) -> Vec<bool> {
        let mut asks = Asks::default();
        turns.iter().map(|turn| asks.after(turn)).collect()
    }

    #[test]
    fn whoever_asked_goes_on_until_it_hears_who_does() {
        assert_eq!(
            course(&[
                Leadership::Unknown,
                leading(),
                following(None),
                unreachable(),
                following(Some("other")),
                unreachable(),
                following(None),
                leading(),
            ]),
            [false, true, true, true, false, false, false, true]
        );
    }

    #[test]
    fn where_no_election_can_be_held_each_replica_asks() {
        assert_eq!(
            course(&[forbidden(), unreachable(), following(Some("other"))]),
            [true, true, false]
        );
    }

    #[tokio::test]
    async fn work_begins_anew_with_each_term_and_ends_with_it() {
        let (tell, leadership) = watch::channel(Leadership::Unknown);
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let alive = Arc::new(());
        let works = tokio::spawn(while_leading(leadership, {
            let alive = Arc::clone(&alive);
            move || {
                begun.send(()).unwrap();
                let alive = Arc::clone(&alive);
                async move {
                    let _alive = alive;
                    pending().await
                }
            }
        }));
        for _ in 0..2 {
            tell.send(leading()).unwrap();
            begins.recv().await.unwrap();
            assert_eq!(Arc::strong_count(&alive), 3);
            tell.send(following(None)).unwrap();
            while Arc::strong_count(&alive) > 2 {
                tokio::task::yield_now().await;
            }
        }
        assert!(begins.try_recv().is_err());
        works.abort();
    }
}
