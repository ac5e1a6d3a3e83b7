//! Which point of a series is its value.

mod fold;
mod merge;
mod mode;
mod reading;
mod verdict;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub use self::{
    merge::{Merged, Share, UnequalBuckets, merge},
    mode::{InvalidPointMode, PointMode},
    reading::{Reading, SeveralSeries},
    verdict::Verdict,
};

/// A finite value and the time that it is the value of: the start of its
/// bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When its bucket starts.
    pub time: OffsetDateTime,
    /// The value, always finite.
    pub value: f64,
}

/// Why no point of a series can be its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPoint {
    /// The series holds no point at all.
    #[error("the series that Datadog sent holds no points")]
    Empty,
    /// No point has a value.
    #[error("all {count} points that Datadog sent are null")]
    OnlyNulls {
        /// How many points there are.
        count: usize,
    },
    /// Values are there, and none of them is complete yet.
    #[error(
        "the only value that Datadog sent is of a time that is not over: it counts from {}",
        instant(*complete_at)
    )]
    OnlyIncomplete {
        /// When the first of them is.
        complete_at: OffsetDateTime,
    },
    /// Several series that were to be merged have values, and in no bucket all of them.
    #[error(
        "its series have values, but there is no time of which all of them have one: give the \
         query a `.rollup(…)`, or say with `.fill(…)` what stands in their holes"
    )]
    NeverTogether,
}

/// As Kubernetes writes times, since this is read beside others of its own.
fn instant(time: OffsetDateTime) -> String {
    // Only a year beyond 9999 has no such form.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_time_from_which_a_value_counts_is_written_as_kubernetes_writes_times() {
        let complete_at = datetime!(1970-01-01 00:00:20 UTC);
        assert_eq!(
            NoPoint::OnlyIncomplete { complete_at }.to_string(),
            "the only value that Datadog sent is of a time that is not over: it counts from 1970-01-01T00:00:20Z"
        );
    }
}
