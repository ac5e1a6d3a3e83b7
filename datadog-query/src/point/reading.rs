//! How the answer to a query becomes its value.

use std::{fmt, str::FromStr};

use super::PointMode;
use crate::query::{Aggregator, InvalidAggregator};

/// How the answer to a query becomes its value: by default it has one series, whose newest
/// complete point is the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reading {
    /// Which point of a series counts.
    pub point: PointMode,
    /// What becomes of several series.
    pub several: SeveralSeries,
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
