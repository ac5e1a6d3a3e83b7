//! The clock of the process, which can also run fast.

use std::time::{Duration as StdDuration, Instant};

use provider_api::Clock;
use time::{Duration, OffsetDateTime};

/// Tells the time and waits by it. The demo's runs fast, from the past until it
/// has caught up with the present, so that minutes can be watched in seconds and
/// the last value is as new as it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    origin: Instant,
    /// The time at `origin`.
    start: OffsetDateTime,
    speed: f64,
    /// How much of its own time passes before the clock runs at the usual speed.
    fast_for: Duration,
}

impl WallClock {
    /// The machine's time.
    pub(crate) fn real() -> Self {
        Self::catching_up(Duration::ZERO, 1.0)
    }

    /// A clock that shows `span` at `speed` times the usual speed and is right
    /// from then on.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn catching_up(span: Duration, speed: f64) -> Self {
        let start = OffsetDateTime::now_utc() + span / speed - span;
        Self {
            origin: Instant::now(),
            start,
            speed,
            fast_for: span,
        }
    }

    /// How long to wait, on the machine, until this clock has gone on by `span`.
    fn real_span(&self, span: Duration) -> StdDuration {
        let fast = (self.start + self.fast_for - self.now())
            .clamp(Duration::ZERO, span.max(Duration::ZERO));
        (fast / self.speed + (span - fast))
            .try_into()
            .unwrap_or_default()
    }

    /// Waits until `span` has gone by on this clock.
    pub(crate) async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.real_span(span)).await;
    }
}

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> OffsetDateTime {
        let real = Duration::try_from(self.origin.elapsed()).unwrap_or(Duration::MAX);
        let fast = (real * self.speed).min(self.fast_for);
        self.start + fast + (real - fast / self.speed)
    }
}
