//! A clock and a stub of the API server for the tests of this crate.

#[cfg(any(feature = "access", feature = "registration"))]
mod clock;
#[cfg(any(feature = "access", feature = "autoscalers", feature = "election"))]
mod server;

use time::{OffsetDateTime, macros::datetime};

#[cfg(any(feature = "access", feature = "registration"))]
pub(crate) use self::clock::TestClock;
#[cfg(feature = "access")]
pub(crate) use self::server::Asked;
#[cfg(any(feature = "access", feature = "autoscalers", feature = "election"))]
pub(crate) use self::server::api_server;

/// The time of the tests.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);
