//! The clock, as a parameter.

use time::OffsetDateTime;

/// Tells the time to the few places that cannot be handed a `now`: the server's
/// accept loop, and caches in front of another server.
///
/// Any function that returns an instant is a clock, so a test writes
/// `|| datetime!(2026-01-02 03:04:05 UTC)`.
pub trait Clock: Send + Sync + 'static {
    /// The time of this call.
    fn now(&self) -> OffsetDateTime;
}

impl<F: Fn() -> OffsetDateTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> OffsetDateTime {
        self()
    }
}
