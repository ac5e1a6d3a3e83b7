//! So many in a time, and not more.

use std::time::Duration;

use tokio::time::Instant;

/// At most `burst` at once, and then one in each `period`.
pub(super) struct Bucket {
    burst: u32,
    period: Duration,
    left: u32,
    filled: Instant,
}

impl Bucket {
    pub(super) fn full(burst: u32, period: Duration, now: Instant) -> Self {
        Self {
            burst,
            period,
            left: burst,
            filled: now,
        }
    }

    /// Whether there may be one more now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let periods = (now - self.filled).as_nanos() / self.period.as_nanos().max(1);
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        if periods >= self.burst - self.left {
            self.left = self.burst;
            self.filled = now;
        } else {
            self.left += periods;
            self.filled += self.period * periods;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_in_each_period() {
        let begun = Instant::now();
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::full(3, second, begun);
        let mut taken_at = |millis: u64| {
            let now = begun + Duration::from_millis(millis);
            std::iter::repeat_with(|| bucket.take(now))
                .take_while(|may| *may)
                .count()
        };
        let taken = [0, 0, 999, 1_000, 1_500, 2_000, 60_000, 60_999].map(&mut taken_at);
        assert_eq!(taken, [3, 0, 0, 1, 0, 1, 3, 0]);
    }
}
