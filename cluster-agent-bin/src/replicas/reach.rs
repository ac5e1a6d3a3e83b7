//! Whether this replica reaches Datadog, as its calls have told.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Since when no call has reached Datadog; nothing, if the last one did. A clone tells the same.
#[derive(Clone, Debug)]
pub(crate) struct Reach(Arc<watch::Sender<Option<Instant>>>);

impl Default for Reach {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Reach {
    /// A call has ended at `now`, and Datadog has answered or not.
    pub(crate) fn heard(&self, answered: bool, now: Instant) {
        self.0.send_if_modified(|since| match (answered, *since) {
            (true, Some(_)) => {
                *since = None;
                true
            }
            (false, None) => {
                *since = Some(now);
                true
            }
            _ => false,
        });
    }

    /// Resolves once no call has reached Datadog for so long.
    pub(super) async fn lost_for(&self, span: Duration) {
        let mut since = self.0.subscribe();
        loop {
            let begun = *since.borrow_and_update();
            let changed = since.changed();
            match begun {
                Some(begun) => tokio::select! {
                    () = sleep_until(begun + span) => return,
                    _ = changed => {}
                },
                // Its sender lives in `self`.
                None => {
                    let _ = changed.await;
                }
            }
        }
    }

    /// Resolves as soon as the last call has reached Datadog.
    pub(super) async fn regained(&self) {
        // Its sender lives in `self`.
        let _ = self.0.subscribe().wait_for(Option::is_none).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn one_answer_in_between_counts_from_the_start() {
        let reach = Reach::default();
        let is_lost = || reach.lost_for(SPAN).now_or_never().is_some();
        let is_regained = || reach.regained().now_or_never().is_some();
        let now = Instant::now();
        assert_eq!((is_lost(), is_regained()), (false, true));
        reach.heard(false, now - 2 * SPAN);
        reach.heard(false, now);
        assert_eq!((is_lost(), is_regained()), (true, false));
        reach.heard(true, now);
        assert_eq!((is_lost(), is_regained()), (false, true));
        reach.heard(false, now);
        assert_eq!((is_lost(), is_regained()), (false, false));
    }
}
