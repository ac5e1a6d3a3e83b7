//! What is known of one query.

use datadog_query::NoValue;
use provider_api::InvalidQuantity;
use time::OffsetDateTime;

use crate::Sample;

/// What is known of one query. How old it is, is a question asked with `now`:
/// see [`Policy::usable`](crate::Policy::usable).
#[derive(Clone, Debug, Default)]
pub enum State {
    /// Datadog has not answered yet.
    #[default]
    Waiting,
    /// The last answer had a value.
    Fresh(Sample),
    /// The last answer had none.
    Failing {
        /// Why.
        cause: Cause,
        /// Since when it has been so, whatever the cause in between.
        since: OffsetDateTime,
        /// The last value there was.
        last: Option<Sample>,
    },
}

impl State {
    /// The state after an answer that came at `now`.
    #[must_use]
    pub fn after(self, answer: Result<Sample, Cause>, now: OffsetDateTime) -> Self {
        match (self, answer) {
            (_, Ok(sample)) => Self::Fresh(sample),
            (Self::Waiting, Err(cause)) => Self::Failing {
                cause,
                since: now,
                last: None,
            },
            (Self::Fresh(sample), Err(cause)) => Self::Failing {
                cause,
                since: now,
                last: Some(sample),
            },
            (Self::Failing { since, last, .. }, Err(cause)) => Self::Failing { cause, since, last },
        }
    }

    /// Why the last answer had no value.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Waiting | Self::Fresh(_) => None,
            Self::Failing { cause, .. } => Some(cause),
        }
    }

    /// The newest value there was, however old.
    pub fn last(&self) -> Option<&Sample> {
        match self {
            Self::Waiting => None,
            Self::Fresh(sample) => Some(sample),
            Self::Failing { last, .. } => last.as_ref(),
        }
    }
}

/// Why an answer had no value.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// Datadog has never heard of the metric.
    #[error("Datadog has no metric of this name: check its spelling")]
    UnknownMetric,
    /// Datadog was asked, and gave no usable value.
    #[error(transparent)]
    NoValue(#[from] NoValue),
    /// Datadog gave a number that Kubernetes cannot carry.
    #[error(transparent)]
    NotAQuantity(#[from] InvalidQuantity),
}
