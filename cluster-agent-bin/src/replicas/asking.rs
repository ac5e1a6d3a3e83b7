//! Whether a replica asks Datadog.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_adapter::Leadership;
use metrics_store::Store;
use parking_lot::Mutex;
use provider_api::Clock as _;
use tokio::{sync::watch, time::timeout};
use tracing::{info, warn};

use crate::edge::WallClock;

/// How often a replica sees whether it lacks values.
const PERIOD: Duration = Duration::from_secs(5);

/// When another replica has told something last.
#[derive(Clone, Debug)]
pub(super) struct Told(Arc<Mutex<Instant>>);

impl Told {
    pub(super) fn at(start: Instant) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    pub(super) fn again(&self, now: Instant) {
        *self.0.lock() = now;
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.0.lock())
    }
}

/// Says whether this replica asks Datadog. Never ends.
///
/// A leader tells what it knows at least once in `silence`. Whoever lacks values, and was told
/// nothing for longer, has none that tells.
pub(super) async fn decide(
    mut leadership: watch::Receiver<Leadership>,
    store: &Store,
    told: &Told,
    asks: &watch::Sender<bool>,
    silence: Duration,
    clock: WallClock,
) -> Infallible {
    let (mut duty, mut was_starving) = (Duty::default(), false);
    loop {
        let has_duty = duty.after(&leadership.borrow_and_update());
        let now = clock.after(time::Duration::ZERO);
        let is_starving = !has_duty
            && told.since(now) > silence
            && (was_starving || store.is_synced() && store.waiting(clock.now()) > 0);
        match (was_starving, is_starving) {
            (false, true) => warn!(
                "no replica has told anything for {} s, and values are missing: this one asks Datadog too",
                silence.as_secs()
            ),
            (true, false) => info!("another replica tells what it knows, or this one leads"),
            _ => {}
        }
        was_starving = is_starving;
        let asks_now = has_duty || is_starving;
        asks.send_if_modified(|asks| std::mem::replace(asks, asks_now) != asks_now);
        // Whoever held the election is gone, and it stays as it was.
        if let Ok(Err(_)) = timeout(PERIOD, leadership.changed()).await {
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// Whether it is this replica's duty to ask Datadog.
///
/// Two that ask cost calls, and none that asks costs values. So whoever has asked goes on
/// until it hears who does in its place; and where nobody may hold an election, each replica
/// asks.
#[derive(Debug, Default)]
struct Duty(bool);

impl Duty {
    fn after(&mut self, leadership: &Leadership) -> bool {
        let Self(has) = self;
        let had = *has;
        *has = match leadership {
            Leadership::Leading { .. } => true,
            Leadership::Following { leader: Some(_) } => false,
            Leadership::Following { leader: None } | Leadership::Unknown => had,
            // Nobody will lead before somebody grants a permission, or makes the namespace.
            Leadership::Failing(why) => had || !why.is_transient(),
        };
        if *has && !had && !leadership.is_leading() {
            warn!("no election can be held: each replica asks Datadog, and uses up the rate limit");
        }
        *has
    }
}

#[cfg(test)]
mod tests {
    use k8s_adapter::ApiError;
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
        let mut duty = Duty::default();
        turns.iter().map(|turn| duty.after(turn)).collect()
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
}
