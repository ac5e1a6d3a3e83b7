//! The ways to take a value from a series.

use std::{fmt, num::NonZeroU32, str::FromStr};

use crate::query::Aggregator;

/// Which point of a series is its value. Written `last-complete`, `penultimate`, `last`, and
/// `avg:5`, `max:5` or `min:5`.
///
/// Datadog sends the bucket that contains the end of the window, and its value covers only
/// the part that has passed: a count or a rate looks half as big as it is. So a point is
/// *complete* when its bucket is over and has [settled](super::Reading::settling). A point
/// without a finite value never counts, and hides no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PointMode {
    /// The newest complete point.
    #[default]
    LastComplete,
    /// The newest point but one, and the newest where it is alone, complete or not: what
    /// Datadog's own agent takes. A sparse metric is read one whole bucket late.
    Penultimate,
    /// The newest point, also while it is incomplete and its count or rate too small.
    Last,
    /// The mean of so many newest complete points.
    Avg(NonZeroU32),
    /// The largest of so many newest complete points.
    Max(NonZeroU32),
    /// The smallest of so many newest complete points.
    Min(NonZeroU32),
}

impl PointMode {
    /// How many points the value is made of, at most.
    #[must_use]
    pub fn points(self) -> NonZeroU32 {
        match self {
            Self::LastComplete | Self::Penultimate | Self::Last => NonZeroU32::MIN,
            Self::Avg(points) | Self::Max(points) | Self::Min(points) => points,
        }
    }

    pub(super) fn aggregator(self) -> Aggregator {
        match self {
            Self::LastComplete | Self::Penultimate | Self::Last | Self::Avg(_) => Aggregator::Avg,
            Self::Max(_) => Aggregator::Max,
            Self::Min(_) => Aggregator::Min,
        }
    }
}

impl fmt::Display for PointMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastComplete => f.write_str("last-complete"),
            Self::Penultimate => f.write_str("penultimate"),
            Self::Last => f.write_str("last"),
            Self::Avg(_) | Self::Max(_) | Self::Min(_) => {
                write!(f, "{}:{}", self.aggregator(), self.points())
            }
        }
    }
}

/// A text names no [`PointMode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} does not say which point is the value: use last-complete, penultimate, last, or \
     avg:5, max:5, min:5 for the last five"
)]
pub struct InvalidPointMode(String);

impl FromStr for PointMode {
    type Err = InvalidPointMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPointMode(text.to_owned());
        let Some((name, points)) = text.split_once(':') else {
            return match text {
                "last-complete" => Ok(Self::LastComplete),
                "penultimate" => Ok(Self::Penultimate),
                "last" => Ok(Self::Last),
                _ => Err(invalid()),
            };
        };
        let points = points.parse().map_err(|_| invalid())?;
        match name {
            "avg" => Ok(Self::Avg(points)),
            "max" => Ok(Self::Max(points)),
            "min" => Ok(Self::Min(points)),
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mode_that_is_none_is_told_with_those_there_are() {
        for text in ["", "newest", "sum:5", "avg", "avg:0", "max:-1", "last:2"] {
            assert_eq!(
                text.parse::<PointMode>().unwrap_err(),
                InvalidPointMode(text.to_owned())
            );
        }
        assert_eq!(
            InvalidPointMode("newest".into()).to_string(),
            "\"newest\" does not say which point is the value: use last-complete, penultimate, \
             last, or avg:5, max:5, min:5 for the last five"
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed_again(points: NonZeroU32) {
            use PointMode::*;
            for mode in [LastComplete, Penultimate, Last, Avg(points), Max(points), Min(points)] {
                prop_assert_eq!(mode.to_string().parse(), Ok(mode));
            }
        }

        #[test]
        fn what_is_parsed_is_printed_again(text in "(last-complete|penultimate|last|(avg|max|min):[1-9][0-9]{0,8})") {
            prop_assert_eq!(text.parse::<PointMode>().unwrap().to_string(), text);
        }
    }
}
