//! What may be told once a minute, however often it happens.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

const PERIOD: Duration = Duration::from_secs(60);

/// Counts what was not told, so that nobody can fill the log, and nothing is hidden by it.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Duration>,
    untold: u64,
}

impl Seldom {
    /// It happened, `now` after a beginning that is always the same. Where it may be told,
    /// this is how many times it happened untold.
    pub(crate) fn happened(&self, now: Duration) -> Option<u64> {
        // Each change is whole before the lock is let go.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back counts as time that went by.
        match state.told {
            Some(told) if now.abs_diff(told) < PERIOD => {
                state.untold += 1;
                None
            }
            _ => {
                state.told = Some(now);
                Some(std::mem::take(&mut state.untold))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_told_once_a_minute_with_how_often_it_was_not() {
        let seldom = Seldom::default();
        let told = [0, 1, 59, 60, 61, 1000, 10]
            .map(|seconds| seldom.happened(Duration::from_secs(seconds)));
        let expected = [Some(0), None, None, Some(2), None, Some(1), Some(0)];
        assert_eq!(told, expected);
    }
}
