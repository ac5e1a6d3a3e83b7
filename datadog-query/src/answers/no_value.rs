//! Why a query has no value.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    error::{Chain, Error},
    point::{NoPoint, UnequalBuckets},
};

/// Why a query has no value. The message does not repeat the query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoValue {
    /// Nothing matches the query, or nothing was sent lately.
    #[error(
        "Datadog has no series for this query in the last {} s: check the metric's name and its \
         tags, which are stored in lower case", span.as_secs()
    )]
    NoSeries {
        /// How far back was asked.
        span: Duration,
    },
    /// The query has several answers, and none of them is the value.
    #[error(
        "the query has {count} series ({}): leave out its `by {{…}}`, narrow its scope to one, or \
         say how they are merged",
        Scopes { scopes, count: *count }
    )]
    SeveralSeries {
        /// How many there are.
        count: usize,
        /// The scopes of the first three.
        scopes: Vec<String>,
    },
    /// There is one series, and it has no point that counts.
    #[error(transparent)]
    NoPoint(#[from] NoPoint),
    /// There are several, and they cannot be merged.
    #[error(transparent)]
    UnequalBuckets(#[from] UnequalBuckets),
    /// The query fits no call.
    #[error("the query takes {characters} characters, and a call holds {limit}")]
    TooLong {
        /// The characters that it takes as it travels, escaped.
        characters: usize,
        /// The characters that a call holds.
        limit: usize,
    },
    /// An answer came whose series cannot be told apart.
    #[error("Datadog's answer does not tell which query it belongs to")]
    Mismatched,
    /// A query spoilt the call, this one or a neighbour, and the round had no calls left to
    /// find out which.
    #[error(
        "Datadog refused a call because of a query in it, and which one is not found yet: {}",
        Chain(.0)
    )]
    Unsearched(Arc<Error>),
    /// There is no answer.
    #[error("{}", Chain(.0))]
    Failed(Arc<Error>),
}

impl NoValue {
    /// Whether the query itself is wrong: it has no value until somebody edits it, however
    /// often Datadog is asked, and it spoils the calls that it travels in.
    #[must_use]
    pub fn is_the_querys_own(&self) -> bool {
        match self {
            Self::TooLong { .. } => true,
            Self::Failed(error) => error.blames_a_query(),
            Self::NoSeries { .. }
            | Self::SeveralSeries { .. }
            | Self::NoPoint(_)
            | Self::UnequalBuckets(_)
            | Self::Mismatched
            | Self::Unsearched(_) => false,
        }
    }
}

struct Scopes<'a> {
    scopes: &'a [String],
    count: usize,
}

impl fmt::Display for Scopes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scopes.join("; "))?;
        if self.count > self.scopes.len() {
            f.write_str("; …")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::ExchangeError;

    #[test]
    fn a_failure_is_told_with_its_cause_on_one_line() {
        let source = ExchangeError::Unreachable("the name of the host does not resolve".to_owned());
        let failed = NoValue::Failed(Arc::new(Error::Unreachable {
            host: "api.datadoghq.eu".to_owned(),
            source,
        }));
        assert_eq!(
            failed.to_string(),
            "no answer from api.datadoghq.eu: the name of the host does not resolve"
        );
    }
}
