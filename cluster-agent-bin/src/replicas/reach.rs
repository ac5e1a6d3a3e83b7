//! Whether this replica reaches Datadog, as its calls have told.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// What the calls of this replica have told. A clone tells the same.
#[derive(Clone, Debug)]
pub(crate) struct Reach(Arc<watch::Sender<Heard>>);

/// What the last call has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// There was none.
    Nothing,
    Answer,
    /// No call since then has reached Datadog.
    Silence {
        since: Instant,
    },
}

impl Default for Reach {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Heard::Nothing)))
    }
}

impl Reach {
    /// A call has ended at `now`, and Datadog has answered or not.
    pub(crate) fn heard(&self, answered: bool, now: Instant) {
        self.0.send_if_modified(|heard| {
            let is = match (answered, *heard) {
                (true, _) => Heard::Answer,
                (false, silence @ Heard::Silence { .. }) => silence,
                (false, _) => Heard::Silence { since: now },
            };
            std::mem::replace(heard, is) != is
        });
    }

    /// What was heard until now counts no longer: whoever does not ask is told of no answer.
    pub(super) fn forget(&self) {
        self.0.send_replace(Heard::Nothing);
    }

    /// Resolves once no call has reached Datadog for so long: for `patience`, and for `usual`
    /// after one that has, which `patience` is then.
    pub(super) async fn lost_for(&self, patience: &mut Duration, usual: Duration) {
        let mut told = self.0.subscribe();
        loop {
            let heard = *told.borrow_and_update();
            // Its sender lives in `self`.
            let changed = told.changed();
            match heard {
                Heard::Silence { since } => tokio::select! {
                    () = sleep_until(since + *patience) => return,
                    _ = changed => {}
                },
                Heard::Answer => {
                    *patience = usual;
                    let _ = changed.await;
                }
                Heard::Nothing => _ = changed.await,
            }
        }
    }

    /// Resolves as soon as the last call has reached Datadog.
    pub(super) async fn regained(&self) {
        let answer = |heard: &Heard| *heard == Heard::Answer;
        // Its sender lives in `self`.
        let _ = self.0.subscribe().wait_for(answer).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    fn is_lost(reach: &Reach) -> bool {
        reach.lost_for(&mut { SPAN }, SPAN).now_or_never().is_some()
    }

    #[tokio::test]
    async fn one_answer_in_between_counts_from_the_start() {
        let reach = Reach::default();
        let stands = || (is_lost(&reach), reach.regained().now_or_never().is_some());
        let now = Instant::now();
        assert_eq!(stands(), (false, false));
        reach.heard(false, now - 2 * SPAN);
        reach.heard(false, now);
        assert_eq!(stands(), (true, false));
        reach.heard(true, now);
        assert_eq!(stands(), (false, true));
        reach.heard(false, now);
        assert_eq!(stands(), (false, false));
    }

    #[tokio::test]
    async fn who_stands_again_is_lost_by_what_it_hears_from_then_on() {
        let reach = Reach::default();
        let now = Instant::now();
        reach.heard(false, now - 2 * SPAN);
        reach.forget();
        assert!(!is_lost(&reach), "nobody has asked since");
        reach.heard(false, now - SPAN / 2);
        assert!(!is_lost(&reach));
    }

    #[tokio::test]
    async fn an_answer_ends_the_patience_with_a_datadog_that_was_away() {
        let reach = Reach::default();
        let mut patience = 20 * SPAN;
        let now = Instant::now();
        let lost = async {
            reach.heard(true, now);
            tokio::task::yield_now().await;
            reach.heard(false, now - SPAN);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = reach.lost_for(&mut patience, SPAN) => {}
            () = lost => {}
        }
        assert_eq!(patience, SPAN);
    }
}
