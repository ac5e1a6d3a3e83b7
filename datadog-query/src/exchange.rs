//! How a request becomes an answer.

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

/// Carries one request to Datadog and brings the whole answer back.
///
/// Any tower service with these types is one: a function in a test, or a leaf
/// that speaks HTTP below as many layers as wanted. An answer with an error
/// status is still an answer. How many calls run at once and how long one may
/// take is the exchange's business.
pub trait Exchange:
    Service<Request<Bytes>, Response = Response<Bytes>, Error = ExchangeError, Future: Send>
    + Clone
    + Send
{
}

impl<S> Exchange for S where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = ExchangeError, Future: Send>
        + Clone
        + Send
{
}

/// Why there is no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The time ran out before the answer was whole.
    #[error("no whole answer in time")]
    TimedOut,
    /// No connection came about; the text tells at which step.
    #[error("{0}")]
    Unreachable(String),
    /// The connection ended before the answer was whole.
    #[error("the connection ended within the answer: {0}")]
    CutOff(String),
    /// The answer is larger than the exchange accepts.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that it accepts.
        limit: u64,
    },
    /// The exchange itself ended first, as it does when a program stops.
    #[error("the call was given up")]
    GivenUp,
}
