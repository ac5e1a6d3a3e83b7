//! Why a call brought no answer.

use std::{collections::BTreeMap, error, fmt, time::Duration};

use crate::{exchange::ExchangeError, rate_limit::RateLimit};

/// Why a call to Datadog brought no usable answer: a variant for each thing
/// that someone can do about it.
///
/// Texts of the other side are one line of at most 300 characters, without
/// the keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The keys are not those of this site, or not any longer.
    #[error(
        "{host} refused the keys (HTTP {status}{}): check DD_API_KEY, DD_APP_KEY and DD_SITE",
        Text(text)
    )]
    KeysRefused {
        /// Who was asked.
        host: String,
        /// The status of the answer.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The keys are right, and the application key may not do this.
    #[error(
        "the application key lacks a permission at {host} (HTTP 403{}): give it the scope {scope}",
        Text(text)
    )]
    PermissionMissing {
        /// Who was asked.
        host: String,
        /// The scope that the call needs.
        scope: &'static str,
        /// What it said.
        text: String,
    },
    /// Too many calls.
    // Not for how long: whoever reads this reads it later.
    #[error("{host} allows no more calls in this period: its rate limit is reached")]
    RateLimited {
        /// Who was asked.
        host: String,
        /// When calls are allowed again, if it was told.
        retry_after: Option<Duration>,
        /// What was told about the limit.
        limit: Option<Box<RateLimit>>,
    },
    /// Datadog cannot run a query. In a call with several queries it does not
    /// tell which.
    #[error("Datadog cannot run the query (HTTP {status}{})", Text(text))]
    InvalidQuery {
        /// The status of the answer, which can be 200.
        status: u16,
        /// What it said.
        text: String,
    },
    /// Datadog answers so when the window holds no point for a query.
    #[error(
        "Datadog has no data for the query in this span of time (HTTP 422{})",
        Text(text)
    )]
    NoData {
        /// What it said.
        text: String,
    },
    /// The call is longer than an address or a body may be.
    #[error("the call is longer than {host} accepts: use shorter queries or fewer in one call")]
    UriTooLong {
        /// Who was asked.
        host: String,
    },
    /// The other side failed, or gave up on the query.
    #[error("{host} failed (HTTP {status}{})", Text(text))]
    Server {
        /// Who was asked.
        host: String,
        /// The status of the answer, which can be 200.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The time ran out.
    #[error("{host} gave no whole answer in time")]
    TimedOut {
        /// Who was asked.
        host: String,
    },
    /// No whole answer came back.
    #[error("no answer from {host}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// At which step it failed.
        #[source]
        source: ExchangeError,
    },
    /// The answer is not one of Datadog's.
    #[error("{host} sent something that is not an answer of Datadog's API: {text}")]
    Malformed {
        /// Who was asked.
        host: String,
        /// What is wrong with it.
        text: String,
    },
    /// A status that this call does not have.
    #[error(
        "{host} answered HTTP {status}{}: is it the address of Datadog's API?",
        Text(text)
    )]
    Unexpected {
        /// Who was asked.
        host: String,
        /// The status of the answer.
        status: u16,
        /// What it said.
        text: String,
    },
    /// There are several endpoints, and each has failed.
    #[error("all {count} endpoints failed, the first of them so")]
    AllFailed {
        /// How many there are.
        count: usize,
        /// What the first one said, in the order in which they are to be asked.
        #[source]
        first: Box<Error>,
    },
}

impl Error {
    /// What is told of a call that has failed at these endpoints, by their order.
    pub(crate) fn of_all(mut failed: BTreeMap<usize, Self>) -> Self {
        let count = failed.len();
        let (_, first) = failed
            .pop_first()
            .expect("a call that has failed nowhere has an answer");
        match count {
            1 => first,
            _ => Self::AllFailed {
                count,
                first: Box::new(first),
            },
        }
    }

    /// Whether the same call may work a little later with nobody doing
    /// anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::NoData { .. }
            | Self::Server { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Malformed { .. } => true,
            Self::KeysRefused { .. }
            | Self::PermissionMissing { .. }
            | Self::InvalidQuery { .. }
            | Self::UriTooLong { .. }
            | Self::Unexpected { .. } => false,
            Self::AllFailed { first, .. } => first.is_transient(),
        }
    }

    /// How long to wait before the next call, if the other side told it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether one query can have spoilt the call for its neighbours, so that
    /// fewer queries in a call help.
    #[must_use]
    pub fn blames_a_query(&self) -> bool {
        match self {
            Self::InvalidQuery { .. } | Self::NoData { .. } | Self::UriTooLong { .. } => true,
            Self::Unreachable { source, .. } => matches!(source, ExchangeError::TooLarge { .. }),
            Self::KeysRefused { .. }
            | Self::PermissionMissing { .. }
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::AllFailed { .. } => false,
        }
    }

    /// Whether the endpoint is to blame, so that another one may answer: it is not reached, not
    /// in time, not well, does not know the keys, or is not Datadog. A refused query, a rate
    /// limit and a query without data are answers, and would be given anywhere.
    #[must_use]
    pub fn blames_the_endpoint(&self) -> bool {
        match self {
            Self::KeysRefused { .. }
            | Self::PermissionMissing { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::AllFailed { .. } => true,
            // With another status Datadog is well, and gave up on the query.
            Self::Server { status, .. } => *status != 200 && *status != 400,
            Self::Unreachable { source, .. } => match source {
                ExchangeError::TimedOut
                | ExchangeError::Unreachable(_)
                | ExchangeError::CutOff(_) => true,
                ExchangeError::TooLarge { .. } | ExchangeError::GivenUp => false,
            },
            Self::RateLimited { .. }
            | Self::InvalidQuery { .. }
            | Self::NoData { .. }
            | Self::UriTooLong { .. } => false,
        }
    }
}

/// `: text`, or nothing where nothing was said.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.0)
        }
    }
}

/// An error and its causes on one line: a condition of an object has no room
/// for a chain.
pub(crate) struct Chain<'a>(pub(crate) &'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
