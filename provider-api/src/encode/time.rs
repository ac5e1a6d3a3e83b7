//! Instants and spans, as Kubernetes writes them: in whole seconds.

use std::time::Duration;

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// RFC 3339 in UTC. A year that it has no digits for is served as no time.
pub(crate) fn in_whole_seconds<S: Serializer>(
    timestamp: &OffsetDateTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut text = [0; "2026-01-02T03:04:05Z".len()];
    let written = timestamp
        .checked_to_offset(UtcOffset::UTC)
        .and_then(|utc| utc.replace_nanosecond(0).ok())
        .and_then(|utc| utc.format_into(&mut &mut text[..], &Rfc3339).ok())
        .and_then(|length| str::from_utf8(&text[..length]).ok());
    written.serialize(serializer)
}

pub(crate) fn as_seconds<S: Serializer>(
    window: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    window.map(seconds).serialize(serializer)
}

pub(super) fn seconds(window: Duration) -> i64 {
    window.as_secs().try_into().unwrap_or(i64::MAX)
}
