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

    /// Resolves once no call has reached Datadog for so long: for `patience`, and for `usual`
    /// after one that has, which `patience` is then. What was heard before counts no longer:
    /// whoever does not ask is told of no answer.
    pub(super) async fn lost_for(&self, patience: &mut Duration, usual: Duration) {
        self.0.send_replace(Heard::Nothing);
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
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    /// Stands from now on, and tells at each step whether it is lost.
    fn steps<const N: usize>(reach: &Reach, steps: [(bool, Instant); N]) -> [bool; N] {
        let mut patience = SPAN;
        let mut lost = pin!(reach.lost_for(&mut patience, SPAN));
        assert_eq!(lost.as_mut().now_or_never(), None);
        let mut is_lost = false;
        steps.map(|(answered, at)| {
            reach.heard(answered, at);
            is_lost |= lost.as_mut().now_or_never().is_some();
            is_lost
        })
    }

    #[tokio::test]
    async fn one_answer_in_between_counts_from_the_start() {
        let reach = Reach::default();
        let is_regained = || reach.regained().now_or_never().is_some();
        let now = Instant::now();
        assert!(!is_regained());
        let silent = [(false, now - SPAN / 2), (true, now), (false, now)];
        assert_eq!(steps(&reach, silent), [false; 3]);
        assert!(!is_regained());
        assert_eq!(steps(&reach, [(false, now - 2 * SPAN)]), [true]);
        reach.heard(true, now);
        assert!(is_regained());
    }

    #[tokio::test]
    async fn who_stands_again_is_lost_by_what_it_hears_from_then_on() {
        let reach = Reach::default();
        let now = Instant::now();
        assert_eq!(steps(&reach, [(false, now - 2 * SPAN)]), [true]);
        assert_eq!(steps(&reach, [(false, now - SPAN / 2)]), [false]);
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
