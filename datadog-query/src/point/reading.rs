//! How the answer to a query becomes its value.

use std::{fmt, str::FromStr, time::Duration};

use time::OffsetDateTime;

use super::{NoPoint, Point, PointMode, fold::fold, verdict};
use crate::{
    query::{Aggregator, InvalidAggregator},
    reply::Series,
};

/// How the answer to a query becomes its value: by default it has one series, whose newest
/// complete point is the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reading {
    /// Which point of a series counts.
    pub mode: PointMode,
    /// How long after its bucket is over a point is complete. Agents report some seconds
    /// late and clouds some minutes, and until they have, a *count* is too small.
    pub settling: Duration,
    /// What becomes of several series.
    pub several: SeveralSeries,
}

impl Reading {
    /// The value of a series at `now`, with its own time.
    ///
    /// A value that is made of several points has the time of the newest of them. Where
    /// there are fewer than were asked for, it is made of those there are: a metric that
    /// has just begun, or is sparse, has a value, and what is missing is never taken for
    /// zero.
    ///
    /// # Errors
    ///
    /// Says what the series holds instead.
    pub fn point(&self, series: &Series, now: OffsetDateTime) -> Result<Point, NoPoint> {
        let served = verdict::served(self, series, now);
        let Some(newest) = served.first() else {
            return Err(verdict::nothing(self, series));
        };
        let time = newest.point.time;
        let values: Vec<f64> = served.iter().map(|bucket| bucket.point.value).collect();
        let value = fold(self.mode.aggregator(), &values)
            .expect("there is a value, and the smallest, largest or mean of finite ones is finite");
        Ok(Point { time, value })
    }
}

/// What becomes of several series of one query. Written `refuse`, or as an [`Aggregator`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SeveralSeries {
    /// None of them is the value.
    #[default]
    Refused,
    /// They become one, as [`merge`](crate::merge) says.
    Merged(Aggregator),
}

impl fmt::Display for SeveralSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refuse"),
            Self::Merged(aggregator) => aggregator.fmt(f),
        }
    }
}

impl FromStr for SeveralSeries {
    type Err = InvalidAggregator;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "refuse" => Ok(Self::Refused),
            aggregator => aggregator.parse().map(Self::Merged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_several_series_is_written_and_read_back() {
        for (text, several) in [
            ("refuse", SeveralSeries::Refused),
            ("avg", SeveralSeries::Merged(Aggregator::Avg)),
            ("sum", SeveralSeries::Merged(Aggregator::Sum)),
            ("min", SeveralSeries::Merged(Aggregator::Min)),
            ("max", SeveralSeries::Merged(Aggregator::Max)),
        ] {
            assert_eq!(text.parse(), Ok(several));
            assert_eq!(several.to_string(), text);
        }
        assert!("median".parse::<SeveralSeries>().is_err());
    }
}
