//! What hangs on leading.

use std::{convert::Infallible, future::pending, time::Duration};

use k8s_adapter::{Election, Leadership};
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
                () = reach.lost_for(&mut patience, CUT_OFF) => {}
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

/// Resolves once the API server says who leads, after it did not.
pub(super) async fn heard_again(leadership: &mut watch::Receiver<Leadership>) {
    let is_failing = |now: &Leadership| matches!(now, Leadership::Failing(_));
    becomes(leadership, is_failing).await;
    becomes(leadership, |now| !is_failing(now)).await;
}

/// Does this anew each time that it becomes so, and drops it when it no longer is.
pub(crate) async fn while_so<T, F: Future<Output = Infallible>>(
    mut now: watch::Receiver<T>,
    is_so: impl Fn(&T) -> bool,
    work: impl Fn() -> F,
) -> Infallible {
    loop {
        becomes(&mut now, &is_so).await;
        tokio::select! {
            never = work() => match never {},
            () = becomes(&mut now, |now| !is_so(now)) => {}
        }
    }
}

async fn becomes<T>(now: &mut watch::Receiver<T>, is_so: impl Fn(&T) -> bool) {
    if now.wait_for(is_so).await.is_err() {
        // Whoever told is gone, and it stays as it was.
        let () = pending().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn work_begins_anew_each_time_that_it_is_so_and_ends_with_it() {
        let (tell, now) = watch::channel(false);
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let alive = Arc::new(());
        let work = {
            let alive = Arc::clone(&alive);
            move || {
                begun.send(()).unwrap();
                let alive = Arc::clone(&alive);
                async move {
                    let _alive = alive;
                    pending().await
                }
            }
        };
        let works = tokio::spawn(while_so(now, |so| *so, work));
        for _ in 0..2 {
            tell.send(true).unwrap();
            begins.recv().await.unwrap();
            assert_eq!(Arc::strong_count(&alive), 3);
            tell.send(false).unwrap();
            while Arc::strong_count(&alive) > 2 {
                tokio::task::yield_now().await;
            }
        }
        assert!(begins.try_recv().is_err());
        works.abort();
    }

    #[tokio::test]
    async fn the_api_server_is_heard_again_only_after_it_failed() {
        use futures_util::FutureExt as _;
        use k8s_adapter::ApiError;

        let (tell, mut now) = watch::channel(Leadership::Following { leader: None });
        let mut heard = Box::pin(heard_again(&mut now));
        let other = || Leadership::Following {
            leader: Some("other".to_owned()),
        };
        tell.send(other()).unwrap();
        assert_eq!(heard.as_mut().now_or_never(), None);
        let failing = ApiError::TimedOut(Duration::from_secs(1));
        tell.send(Leadership::Failing(Arc::new(failing))).unwrap();
        assert_eq!(heard.as_mut().now_or_never(), None);
        tell.send(other()).unwrap();
        assert_eq!(heard.as_mut().now_or_never(), Some(()));
    }
}
