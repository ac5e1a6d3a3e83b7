//! The span of time that a call asks for.

use std::time::Duration;

use time::OffsetDateTime;

/// The span of time that a call asks for, in whole seconds as Datadog takes
/// it. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    from: i64,
    to: i64,
}

impl Window {
    /// The window of this length that ends now. A part of a second counts as
    /// a second.
    #[must_use]
    pub fn ending(now: OffsetDateTime, span: Duration) -> Self {
        let to = now.unix_timestamp();
        let seconds = span
            .as_secs()
            .saturating_add(u64::from(span.subsec_nanos() > 0));
        Self {
            from: to.saturating_sub_unsigned(seconds.max(1)),
            to,
        }
    }

    /// Its start, in Unix seconds.
    #[must_use]
    pub fn from(&self) -> i64 {
        self.from
    }

    /// Its end, in Unix seconds.
    #[must_use]
    pub fn to(&self) -> i64 {
        self.to
    }

    /// When the call is made that asks for it, to the second.
    pub(crate) fn asked_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.to).expect("it was made of such a time")
    }

    /// Its length.
    #[must_use]
    pub fn span(&self) -> Duration {
        Duration::from_secs(self.to.abs_diff(self.from))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_window_covers_whole_seconds_and_is_never_empty() {
        let now = datetime!(2026-01-01 00:10:00.9 UTC);
        let to = datetime!(2026-01-01 00:10:00 UTC).unix_timestamp();
        for (span, seconds) in [
            (Duration::from_secs(300), 300),
            (Duration::from_millis(1500), 2),
            (Duration::ZERO, 1),
        ] {
            let window = Window::ending(now, span);
            assert_eq!(
                window,
                Window {
                    from: to - seconds,
                    to
                }
            );
            assert_eq!(window.span(), Duration::from_secs(seconds.unsigned_abs()));
        }
    }
}
