//! Whether an endpoint answers, and when one that does not is tried again.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use crate::error::Error;

/// How long an endpoint that fails is left alone at first.
const SHORTEST: Duration = Duration::from_secs(30);

/// How long it is left alone at last: to be back a few minutes late costs less than a call that
/// waits for its time-out.
const LONGEST: Duration = Duration::from_mins(5);

/// What the calls to one endpoint have shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Health {
    /// It has not been asked.
    #[default]
    Untried,
    Good {
        since: OffsetDateTime,
        /// How often it was tried until it was good.
        tries: u32,
    },
    Failing(Failure),
}

/// That an endpoint fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) since: OffsetDateTime,
    /// Why it failed the last time.
    pub(crate) cause: Arc<Error>,
    /// How often it has been tried, and when last.
    tries: u32,
    tried: OffsetDateTime,
}

impl Failure {
    fn beginning(now: OffsetDateTime, cause: Arc<Error>, tries: u32) -> Self {
        Self {
            since: now,
            cause,
            tries,
            tried: now,
        }
    }

    /// When it is tried again.
    pub(crate) fn retry_at(&self) -> OffsetDateTime {
        self.tried + wait(self.tries)
    }
}

impl Health {
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failing(failure) => Some(failure),
            Self::Untried | Self::Good { .. } => None,
        }
    }

    /// Whether it may be asked: always while nothing speaks against it, and one call each time
    /// that its wait is over. That call counts as tried from now on, so that all others leave it
    /// alone until the answer is there; should no answer ever come, as when the call is dropped,
    /// the next one goes out when the next wait is over.
    pub(crate) fn admits(&mut self, now: OffsetDateTime) -> bool {
        let Self::Failing(failure) = self else {
            return true;
        };
        // Outside of the wait is also before it: the clock has been set back.
        let waits = (failure.tried..failure.retry_at()).contains(&now);
        if !waits {
            failure.tries += 1;
            failure.tried = now;
        }
        !waits
    }

    /// Since when it has been as it is.
    pub(crate) fn since(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Untried => None,
            Self::Good { since, .. } => Some(*since),
            Self::Failing(failure) => Some(failure.since),
        }
    }

    /// It has answered.
    pub(crate) fn answered(&mut self, now: OffsetDateTime) {
        let tries = match self {
            Self::Good { .. } => return,
            Self::Untried => 0,
            Self::Failing(failure) => failure.tries,
        };
        *self = Self::Good { since: now, tries };
    }

    /// It has failed, and is tried again at the time that is returned. Of many calls that fail
    /// together, the first begins the wait, and the others change nothing in it. One that fails
    /// again soon after it was good waits longer than before, so that what fails every other time
    /// is not gone back to each half minute.
    pub(crate) fn failed(&mut self, cause: Arc<Error>, now: OffsetDateTime) -> OffsetDateTime {
        let failure = match self {
            Self::Failing(failure) => Failure {
                cause,
                ..failure.clone()
            },
            Self::Good { since, tries } if now < *since + wait(*tries) => {
                Failure::beginning(now, cause, *tries + 1)
            }
            Self::Untried | Self::Good { .. } => Failure::beginning(now, cause, 1),
        };
        let retry_at = failure.retry_at();
        *self = Self::Failing(failure);
        retry_at
    }
}

/// The wait after so many tries: none, 30 s, 60 s, … 5 min.
fn wait(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(8);
    match tries {
        0 => Duration::ZERO,
        _ => (SHORTEST * 2_u32.pow(doublings)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn at(seconds: u64) -> OffsetDateTime {
        START + Duration::from_secs(seconds)
    }

    fn cause(status: u16) -> Arc<Error> {
        Arc::new(Error::Server {
            host: "api.datadoghq.eu".into(),
            status,
            text: String::new(),
        })
    }

    fn retry_at(health: &Health) -> Option<OffsetDateTime> {
        health.failure().map(Failure::retry_at)
    }

    /// The seconds at which it is tried again, if each try fails.
    fn tries(health: &mut Health, seconds: std::ops::Range<u64>) -> Vec<u64> {
        let mut tried = Vec::new();
        for second in seconds {
            if health.admits(at(second)) {
                tried.push(second);
                health.failed(cause(502), at(second));
            }
        }
        tried
    }

    #[test]
    fn one_that_fails_is_tried_again_after_waits_that_grow_to_five_minutes() {
        let mut health = Health::default();
        assert_eq!(
            tries(&mut health, 0..1500),
            [0, 30, 90, 210, 450, 750, 1050, 1350]
        );
        assert_eq!(retry_at(&health), Some(at(1650)));
    }

    #[test]
    fn of_many_callers_one_tries_it_and_a_try_without_an_end_is_followed_by_the_next() {
        let mut health = Health::default();
        health.failed(cause(502), at(0));
        let admitted = |health: &mut Health, second| [(); 3].map(|()| health.admits(at(second)));
        assert_eq!(admitted(&mut health, 29), [false, false, false]);
        assert_eq!(admitted(&mut health, 30), [true, false, false]);
        assert_eq!(admitted(&mut health, 90), [true, false, false]);
    }

    #[test]
    fn calls_that_fail_together_begin_one_wait() {
        let mut health = Health::default();
        for status in [500, 502, 504] {
            health.failed(cause(status), at(0));
        }
        let expected = Failure::beginning(at(0), cause(504), 1);
        assert_eq!(health, Health::Failing(expected));
    }

    #[test]
    fn one_that_answers_is_good_at_once() {
        let mut health = Health::default();
        health.failed(cause(502), at(0));
        health.answered(at(30));
        assert!((0..3).all(|_| health.admits(at(30))));
        assert_eq!(retry_at(&health), None);
    }

    #[test]
    fn one_that_fails_again_soon_waits_longer_and_one_that_held_does_not() {
        let relapsed = |second| {
            let mut health = Health::default();
            health.failed(cause(502), at(0));
            health.answered(at(30));
            health.failed(cause(502), at(second));
            retry_at(&health)
        };
        assert_eq!(relapsed(59), Some(at(59 + 60)));
        assert_eq!(relapsed(60), Some(at(60 + 30)));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_waiting() {
        let mut health = Health::default();
        health.failed(cause(502), at(7200));
        assert!(health.admits(at(0)));
        assert!(!health.admits(at(0)));
        assert!(health.admits(at(60)));
    }

    /// What happens to an endpoint, at most a few minutes apart.
    fn events() -> impl Strategy<Value = Vec<(u64, bool)>> {
        prop::collection::vec((0_u64..400, any::<bool>()), 0..40)
    }

    proptest! {
        #[test]
        fn it_fails_exactly_when_the_last_call_to_it_did(events in events()) {
            let (mut health, mut second, mut fails) = (Health::default(), 0, false);
            for (pause, answers) in events {
                second += pause;
                if health.admits(at(second)) {
                    fails = !answers;
                    match answers {
                        true => health.answered(at(second)),
                        false => drop(health.failed(cause(502), at(second))),
                    }
                }
                prop_assert_eq!(health.failure().is_some(), fails);
                prop_assert_eq!(retry_at(&health).is_some(), fails);
            }
        }

        #[test]
        fn nobody_waits_longer_than_five_minutes_and_never_less_than_half_a_minute(events in events()) {
            let (mut health, mut second) = (Health::default(), 0);
            for (pause, answers) in events {
                second += pause;
                if !health.admits(at(second)) {
                    continue;
                }
                match answers {
                    true => health.answered(at(second)),
                    false => drop(health.failed(cause(502), at(second))),
                }
                if let Some(retry_at) = retry_at(&health) {
                    let wait = retry_at - at(second);
                    prop_assert!(SHORTEST <= wait.unsigned_abs() && wait.unsigned_abs() <= LONGEST, "{}", wait);
                    prop_assert!(!health.admits(retry_at - Duration::from_secs(1)));
                    prop_assert!(health.clone().admits(retry_at));
                }
            }
        }
    }
}
