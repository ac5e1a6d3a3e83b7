//! The times that Kubernetes writes to the microsecond.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp};
use time::OffsetDateTime;

/// The time as an object holds it. Both reach to the year 9999; beyond is its end.
pub(crate) fn micro_time(time: OffsetDateTime) -> MicroTime {
    let micros = i64::try_from(time.unix_timestamp_nanos() / 1_000).ok();
    let time = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    MicroTime(time.unwrap_or(Timestamp::MAX))
}
