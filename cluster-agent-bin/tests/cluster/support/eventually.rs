//! Waiting for a condition, never for a time.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// The pause between two looks. It decides how soon a wait ends, never whether it succeeds.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until `look` succeeds and returns what it found. Past the deadline the test fails
/// with the last thing seen, so an `Err` says what is there in place of what was wanted.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "other processes are waited for, and they live by the real clock"
)]
pub(crate) fn eventually<T, E: Display>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let seen = match look() {
            Ok(found) => return found,
            Err(seen) => seen,
        };
        assert!(
            Instant::now() < deadline,
            "{what}: not so within {within:?}; last seen: {seen}"
        );
        thread::sleep(PAUSE);
    }
}

/// The step from a text that was read to the text that is waited for:
/// `cp.field("hpa/web", "{.status.desiredReplicas}").and_then(is("3"))`.
pub(crate) fn is(wanted: &str) -> impl Fn(String) -> Result<(), String> {
    move |seen| {
        if seen == wanted {
            Ok(())
        } else {
            Err(format!("`{seen}` in place of `{wanted}`"))
        }
    }
}

/// `seconds(30)` reads better in a test than the whole path.
pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
