//! How long a Lease is good for, and how often it is renewed.

use std::time::Duration;

use super::InvalidElection;

/// The three spans of an election. By default a Lease is good for a minute, its holder
/// leads for at most half of it after a renewal, and everybody looks at it each quarter.
///
/// All replicas may have different ones: a Lease says for how long it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    pub(super) duration: Duration,
    pub(super) renew_deadline: Duration,
    pub(super) retry_period: Duration,
}

/// A Lease that claims to be good for longer was written by mistake, and would keep
/// everybody from leading after its holder is gone.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// The object counts in whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

impl Timing {
    /// The Lease is good for `duration`, which is written into it in whole seconds; a
    /// holder that has not renewed it for `renew_deadline` leads no longer; everybody
    /// looks at it once in a `retry_period`.
    ///
    /// # Errors
    /// When `duration` is not whole seconds up to an hour, or it is not longer than
    /// `renew_deadline`, and that than a `retry_period` above zero.
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, InvalidElection> {
        if duration.subsec_nanos() != 0 || !(SHORTEST..=LONGEST).contains(&duration) {
            return Err(InvalidElection::Duration(duration));
        }
        if !(duration > renew_deadline && renew_deadline > retry_period && !retry_period.is_zero())
        {
            return Err(InvalidElection::Order {
                duration,
                renew_deadline,
                retry_period,
            });
        }
        Ok(Self {
            duration,
            renew_deadline,
            retry_period,
        })
    }

    /// The Lease is good for `duration`; the other spans are a half and a quarter of it.
    ///
    /// # Errors
    /// When `duration` is not whole seconds up to an hour.
    pub fn of(duration: Duration) -> Result<Self, InvalidElection> {
        Self::new(duration, duration / 2, duration / 4)
    }

    /// How soon a look is repeated that came to nothing and cannot wait.
    pub(super) fn soon(self) -> Duration {
        self.retry_period / 5
    }

    /// How long a look, and the write that may follow it, can take: a leader has time
    /// for another one before its deadline.
    pub(super) fn patience(self) -> Duration {
        self.renew_deadline / 3
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(60),
            renew_deadline: Duration::from_secs(30),
            retry_period: Duration::from_secs(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_minute_a_half_and_a_quarter() {
        assert_eq!(Timing::of(Duration::from_secs(60)), Ok(Timing::default()));
    }

    #[test]
    fn spans_that_could_make_two_leaders_are_refused_with_the_mend() {
        let refused = |millis: [u64; 3]| {
            let [duration, deadline, retry] = millis.map(Duration::from_millis);
            Timing::new(duration, deadline, retry)
                .err()
                .map(|error| error.to_string())
        };
        let order = |spans: &str| {
            Some(format!(
                "{spans}: the first must be longer than the second, and that than the third, which is above zero"
            ))
        };
        assert_eq!(refused([15_000, 10_000, 2_000]), None);
        assert_eq!(
            refused([10_000, 10_000, 2_000]),
            order("a Lease of 10s, a renew deadline of 10s and a retry period of 2s")
        );
        assert_eq!(
            refused([10_000, 2_000, 2_000]),
            order("a Lease of 10s, a renew deadline of 2s and a retry period of 2s")
        );
        assert_eq!(
            refused([10_000, 2_000, 0]),
            order("a Lease of 10s, a renew deadline of 2s and a retry period of 0ns")
        );
        let whole = "a Lease is good for whole seconds, from one to an hour";
        assert_eq!(
            refused([1_500, 1_000, 500]),
            Some(format!("{whole}, and not for 1.5s"))
        );
        assert_eq!(
            refused([3_601_000, 1_000, 500]),
            Some(format!("{whole}, and not for 3601s"))
        );
    }
}
