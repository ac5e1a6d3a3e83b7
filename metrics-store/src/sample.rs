//! A value that can be served.

use datadog_query::Point;
use provider_api::{InvalidQuantity, Quantity};
use time::{Duration, OffsetDateTime};

/// A value and the time to which it belongs: Datadog's time of the point, never
/// the time at which we asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The value, exact as Kubernetes carries it.
    pub value: Quantity,
    /// When it was measured.
    pub time: OffsetDateTime,
}

impl Sample {
    /// How old the sample is at `now`; nothing, when it lies in the future of a
    /// clock that is slow.
    pub fn age(&self, now: OffsetDateTime) -> Duration {
        (now - self.time).max(Duration::ZERO)
    }
}

impl TryFrom<Point> for Sample {
    type Error = InvalidQuantity;

    fn try_from(point: Point) -> Result<Self, InvalidQuantity> {
        Ok(Self {
            value: point.value.try_into()?,
            time: point.time,
        })
    }
}
