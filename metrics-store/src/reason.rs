//! Why there is no new value, in a word.

use std::{fmt, str::FromStr};

use datadog_query::{Error, NoValue};

use crate::Cause;

/// Why there is no new value, as a word in the form of Kubernetes' reasons: what people
/// filter by, and what is done about it hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Datadog answers, and has nothing, or nothing newer.
    NoData,
    /// Datadog has no metric of this name.
    UnknownMetric,
    /// Datadog cannot run the query.
    InvalidQuery,
    /// The query has several series, and none is its value.
    SeveralSeries,
    /// Datadog's number is none that Kubernetes can carry.
    InvalidValue,
    /// Datadog refuses the keys, or they lack a permission.
    KeysRefused,
    /// Datadog allows no more calls in this period.
    RateLimited,
    /// Datadog cannot be reached, or fails.
    Unavailable,
    /// What was known is too old, and nobody has asked since.
    NotAsked,
}

impl Reason {
    const ALL: [Self; 9] = [
        Self::NoData,
        Self::UnknownMetric,
        Self::InvalidQuery,
        Self::SeveralSeries,
        Self::InvalidValue,
        Self::KeysRefused,
        Self::RateLimited,
        Self::Unavailable,
        Self::NotAsked,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoData => "NoData",
            Self::UnknownMetric => "UnknownMetric",
            Self::InvalidQuery => "InvalidQuery",
            Self::SeveralSeries => "SeveralSeries",
            Self::InvalidValue => "InvalidValue",
            Self::KeysRefused => "KeysRefused",
            Self::RateLimited => "RateLimited",
            Self::Unavailable => "Unavailable",
            Self::NotAsked => "NotAsked",
        }
    }

    /// Whether somebody has to correct the query or the metric, so that no value could be
    /// right.
    pub fn is_a_mistake(self) -> bool {
        matches!(
            self,
            Self::UnknownMetric | Self::InvalidQuery | Self::SeveralSeries
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is none of the reasons.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no reason for a missing value")]
pub struct UnknownReason(String);

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.word() == word)
            .ok_or_else(|| UnknownReason(word.to_owned()))
    }
}

impl From<&Cause> for Reason {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::UnknownMetric => Self::UnknownMetric,
            Cause::NoValue(why) => why.into(),
            Cause::NotAQuantity(_) => Self::InvalidValue,
            Cause::Told { reason, .. } => *reason,
        }
    }
}

impl From<&NoValue> for Reason {
    fn from(why: &NoValue) -> Self {
        match why {
            NoValue::NoSeries { .. } | NoValue::NoPoint(_) => Self::NoData,
            NoValue::SeveralSeries { .. } | NoValue::UnequalBuckets(_) => Self::SeveralSeries,
            NoValue::TooLong { .. } => Self::InvalidQuery,
            NoValue::Failed(error) => (&**error).into(),
            _ => Self::Unavailable,
        }
    }
}

impl From<&Error> for Reason {
    fn from(error: &Error) -> Self {
        match error {
            Error::NoData { .. } => Self::NoData,
            Error::InvalidQuery { .. } | Error::UriTooLong { .. } => Self::InvalidQuery,
            Error::KeysRefused { .. } | Error::PermissionMissing { .. } => Self::KeysRefused,
            Error::RateLimited { .. } => Self::RateLimited,
            Error::AllFailed { first, .. } => (&**first).into(),
            _ => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_as_the_reason_that_it_is() {
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert_eq!(
            "Whatever".parse::<Reason>().unwrap_err().to_string(),
            "`Whatever` is no reason for a missing value"
        );
    }
}
