//! What the organisation's other users take.

use time::Duration;

/// The calls that others were seen to take, the later ones weighing more.
#[derive(Clone, Debug, Default)]
pub(super) struct Others {
    calls: f64,
    /// The seconds in which they were.
    seconds: f64,
}

/// After so many seconds what was seen weighs a third.
const MEMORY: f64 = 600.0;

/// A burst within less is not a rate.
const A_MINUTE: f64 = 60.0;

impl Others {
    /// They took so many calls in this span of time.
    pub(super) fn took(&mut self, calls: u64, span: Duration) {
        let seconds = span.as_seconds_f64().max(0.0);
        let fading = (-seconds / MEMORY).exp();
        self.calls = self.calls * fading + calls as f64;
        self.seconds = self.seconds * fading + seconds;
    }

    /// Their calls in a second.
    pub(super) fn rate(&self) -> f64 {
        self.calls / self.seconds.max(A_MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_they_take_evenly_is_their_rate_and_what_they_took_long_ago_is_not() {
        let mut others = Others::default();
        for _ in 0..60 {
            others.took(5, Duration::seconds(10));
        }
        assert!((others.rate() - 0.5).abs() < 1e-9, "{others:?}");
        others.took(0, Duration::hours(1));
        assert!(others.rate() < 0.01, "{others:?}");
    }

    #[test]
    fn a_burst_in_a_moment_is_spread_over_a_minute() {
        let mut others = Others::default();
        others.took(30, Duration::milliseconds(100));
        assert_eq!(others.rate(), 0.5);
    }
}
