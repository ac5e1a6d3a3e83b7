//! The clock of the process, which is set by Datadog's and can also run fast.

mod skew;

use std::time::{Duration as StdDuration, Instant};

use provider_api::Clock;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc2822};
use tracing::{info, warn};

use self::skew::Skew;

/// A longer wait outlives the process, and an instant may not hold it.
const A_YEAR: StdDuration = StdDuration::from_hours(365 * 24);

/// Tells the time and waits by it. The demo's runs fast, from the past until it
/// has caught up with the present, so that minutes can be watched in seconds and
/// the last value is as new as it says.
///
/// In the present it tells what the machine's clock tells, which is set while we run:
/// a machine that starts, or that wakes up, is often wrong at first. Where that differs from
/// Datadog's clock, Datadog's counts: the age of a value is the time since Datadog's time of
/// it. Waits are measured and not told, so they take what they take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    origin: Instant,
    /// The time at `origin`.
    start: OffsetDateTime,
    speed: f64,
    /// How much of its own time passes before the clock runs at the usual speed.
    fast_for: Duration,
    skew: &'static Skew,
}

impl WallClock {
    /// The machine's time.
    pub(crate) fn real() -> Self {
        Self::running(Duration::ZERO, 1.0)
    }

    /// A clock that begins on a whole minute, shows `span` or a little more at `speed`
    /// times the usual speed, and is right from then on. Datadog's buckets begin on
    /// whole minutes too, so every story falls into them in the same way.
    pub(crate) fn catching_up(span: Duration, speed: f64) -> Self {
        let start = Self::running(span, speed).start;
        let past_the_minute = Duration::seconds(start.second().into())
            + Duration::nanoseconds(start.nanosecond().into());
        // Only what the clock gains on ours moves its start.
        let gain = 1.0 - 1.0 / speed;
        let earlier = if gain > 0.0 {
            past_the_minute / gain
        } else {
            Duration::ZERO
        };
        Self::running(span + earlier, speed)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn running(fast_for: Duration, speed: f64) -> Self {
        let start = OffsetDateTime::now_utc() + fast_for / speed - fast_for;
        Self {
            origin: Instant::now(),
            start,
            speed,
            fast_for,
            // It lives as long as the process, as the clock does.
            skew: Box::leak(Box::default()),
        }
    }

    /// Datadog's clock shows this date, as HTTP writes one.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn hears(&self, date: &str) {
        let Ok(date) = OffsetDateTime::parse(date, &Rfc2822) else {
            return;
        };
        let machine = OffsetDateTime::now_utc();
        let set = self.setting(machine);
        tell(self.skew.hears(machine - date, set, Instant::now()));
    }

    /// What Datadog's clock showed long ago counts no longer.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn expire(&self) {
        tell(self.skew.expire(Instant::now()));
    }

    /// What it shows when it has run for `elapsed` and the machine's clock tells `machine`.
    fn shows(&self, elapsed: Duration, machine: OffsetDateTime) -> OffsetDateTime {
        let fast = elapsed * self.speed;
        if fast < self.fast_for {
            self.start + fast
        } else {
            machine
        }
    }

    /// How the machine's clock is set, which tells `machine` now: the same until somebody sets it.
    fn setting(&self, machine: OffsetDateTime) -> Duration {
        machine - self.start - self.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn elapsed(&self) -> Duration {
        Duration::try_from(self.origin.elapsed()).unwrap_or(Duration::MAX)
    }

    /// How long to wait, on the machine, until this clock has gone on by `span`.
    fn real_span(&self, span: Duration) -> StdDuration {
        let fast = (self.fast_for - self.elapsed() * self.speed)
            .clamp(Duration::ZERO, span.max(Duration::ZERO));
        (fast / self.speed + (span - fast))
            .try_into()
            .unwrap_or_default()
    }

    /// When `span` will have gone by on this clock, however it is set meanwhile.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn after(&self, span: Duration) -> Instant {
        Instant::now() + self.real_span(span).min(A_YEAR)
    }

    /// Waits until `span` has gone by on this clock.
    pub(crate) async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.real_span(span)).await;
    }
}

/// Tells the log how far the machine's clock is ahead of Datadog's from now on.
fn tell(turn: Option<Duration>) {
    match turn.map(Duration::whole_seconds) {
        None => {}
        Some(0) => info!("this machine's clock is taken for right"),
        Some(seconds) => warn!(
            "this machine's clock is {} s {} Datadog's, which counts here: set this machine's clock (NTP)",
            seconds.abs(),
            if seconds > 0 { "ahead of" } else { "behind" }
        ),
    }
}

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> OffsetDateTime {
        let machine = OffsetDateTime::now_utc();
        let ahead = self.skew.ahead(self.setting(machine));
        self.shows(self.elapsed(), machine - ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_begins_on_a_whole_minute_and_ends_in_the_present() {
        let span = Duration::minutes(14);
        let clock = WallClock::catching_up(span, 24.0);
        // It has been running since, for less than a second of ours.
        assert!(
            clock.start.unix_timestamp_nanos() % 60_000_000_000 < 1_000_000_000,
            "{clock:?}"
        );
        assert!(
            clock.fast_for >= span && clock.fast_for < span + Duration::minutes(2),
            "{clock:?}"
        );
        let ends = clock.start + clock.fast_for - clock.fast_for / clock.speed;
        let off = WallClock::real().now() - ends;
        assert!(off.abs() < Duration::seconds(1), "{off}");
        assert!(
            clock.real_span(Duration::seconds(24)) <= StdDuration::from_secs(1),
            "{clock:?}"
        );
    }

    #[test]
    fn datadogs_date_sets_a_clock_that_is_off() {
        let clock = WallClock::real();
        let date = clock.now() - Duration::minutes(5);
        let date = date.format(&Rfc2822).unwrap().replace("+0000", "GMT");
        for _ in 0..2 {
            clock.hears(&date);
            clock.hears("yesterday");
        }
        let off = WallClock::real().now() - clock.now() - Duration::minutes(5);
        assert!(off.abs() < Duration::seconds(2), "{off}");
    }

    #[test]
    fn a_clock_that_has_caught_up_is_set_when_the_machines_is() {
        let clock = WallClock::catching_up(Duration::minutes(14), 24.0);
        let machine = clock.start + Duration::hours(5);
        let shown = |elapsed| clock.shows(elapsed, machine);
        assert_eq!(
            shown(Duration::seconds(1)),
            clock.start + Duration::seconds(24)
        );
        assert_eq!(shown(Duration::minutes(1)), machine);
        assert_eq!(WallClock::real().shows(Duration::ZERO, machine), machine);
    }
}
