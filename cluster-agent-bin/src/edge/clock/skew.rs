//! How far the machine's clock is ahead of Datadog's.

use std::time::{Duration as StdDuration, Instant};

use parking_lot::Mutex;
use time::Duration;

/// A date is told in whole seconds, and takes its time to arrive. A clock that is off by no
/// more is right.
const SLACK: Duration = Duration::seconds(10);
/// Two dates in a row count if they differ from the machine's clock alike. One alone may be
/// that of something in between.
const ALIKE: Duration = Duration::seconds(5);
/// For so long the last date counts: a machine's clock is set as well.
const COUNTS_FOR: StdDuration = StdDuration::from_mins(10);

/// By how much the machine's clock is ahead of Datadog's: nothing, as long as both agree or
/// Datadog's is not known.
#[derive(Debug, Default)]
pub(super) struct Skew(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    last: Option<Duration>,
    counts_until: Option<Instant>,
    ahead: Duration,
    /// How the machine's clock was set then, as the span between it and one that nobody sets.
    set: Duration,
}

impl Skew {
    /// What counts where the machine's clock is `set` so. Once it is set anew, what was found
    /// out before is over: whoever set it has most likely set it right.
    pub(super) fn ahead(&self, set: Duration) -> Duration {
        let Self(heard) = self;
        let heard = heard.lock();
        match (set - heard.set).abs() > ALIKE {
            true => Duration::ZERO,
            false => heard.ahead,
        }
    }

    /// A date of Datadog's has come at `at`, which the machine's clock is `ahead` of. Returns
    /// what is new of it.
    pub(super) fn hears(&self, ahead: Duration, set: Duration, at: Instant) -> Option<Duration> {
        let Self(heard) = self;
        let mut heard = heard.lock();
        let last = heard.last.replace(ahead);
        if last.is_none_or(|last| (ahead - last).abs() > ALIKE) {
            return None;
        }
        heard.counts_until = Some(at + COUNTS_FOR);
        heard.set = set;
        let now = match ahead.abs() > SLACK {
            true => ahead,
            false => Duration::ZERO,
        };
        // Each date is a little other.
        let is_news = (now - heard.ahead).abs() > ALIKE;
        is_news.then(|| {
            heard.ahead = now;
            now
        })
    }

    /// What was heard too long before `at` counts no longer. Returns what is new of it.
    pub(super) fn expire(&self, at: Instant) -> Option<Duration> {
        let Self(heard) = self;
        let mut heard = heard.lock();
        heard.counts_until.take_if(|until| *until <= at)?;
        heard.last = None;
        let was = std::mem::take(&mut heard.ahead);
        (!was.is_zero()).then_some(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_MINUTES: Duration = Duration::minutes(5);

    /// What each date brings.
    fn turns(skew: &Skew, ahead: &[Duration], at: Instant) -> Vec<Option<Duration>> {
        let heard = ahead
            .iter()
            .map(|ahead| skew.hears(*ahead, Duration::ZERO, at));
        heard.collect()
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant has no other beginning"
    )]
    fn a_clock_that_is_off_is_found_out_by_two_dates_and_told_once() {
        let (skew, begun) = (Skew::default(), Instant::now());
        let second = Duration::SECOND;
        let told = turns(
            &skew,
            &[
                second,
                second,
                // One alone is none.
                FIVE_MINUTES,
                second,
                -FIVE_MINUTES,
                -FIVE_MINUTES + second,
                -FIVE_MINUTES,
            ],
            begun,
        );
        let found = Some(-FIVE_MINUTES + second);
        assert_eq!(told, [None, None, None, None, None, found, None]);
        assert_eq!(skew.ahead(Duration::ZERO), -FIVE_MINUTES + second);
        // The machine's clock is set.
        let told = turns(&skew, &[second, second], begun);
        assert_eq!(told, [None, Some(Duration::ZERO)]);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant has no other beginning"
    )]
    fn what_was_heard_long_ago_counts_no_longer() {
        let (skew, begun) = (Skew::default(), Instant::now());
        assert_eq!(skew.expire(begun), None);
        turns(&skew, &[FIVE_MINUTES; 2], begun);
        assert_eq!(skew.expire(begun + COUNTS_FOR / 2), None);
        assert_eq!(skew.expire(begun + COUNTS_FOR), Some(Duration::ZERO));
        assert_eq!(skew.ahead(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant has no other beginning"
    )]
    fn a_clock_that_is_set_right_is_not_corrected_any_longer() {
        let (skew, begun) = (Skew::default(), Instant::now());
        turns(&skew, &[FIVE_MINUTES; 2], begun);
        assert_eq!(skew.ahead(Duration::SECOND), FIVE_MINUTES);
        assert_eq!(skew.ahead(-FIVE_MINUTES), Duration::ZERO);
        // It was not right after all.
        for _ in 0..2 {
            skew.hears(FIVE_MINUTES, -FIVE_MINUTES, begun);
        }
        assert_eq!(skew.ahead(-FIVE_MINUTES), FIVE_MINUTES);
    }
}
