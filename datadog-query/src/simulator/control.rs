//! The routes under `/simulator/`, which Datadog does not have: they change a running
//! simulator and tell what it was asked.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{account::Account, body::Body};

/// One call as it was answered. The keys of the caller are not in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answered {
    /// When the call came.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The path without its parameters.
    pub path: String,
    /// The queries of the call, as they were written.
    pub queries: Vec<String>,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// The answer to a request of these routes, or none if it is for Datadog.
pub(super) fn answer(account: &mut Account, request: &Request<Bytes>) -> Option<Body> {
    let route = request.uri().path().strip_prefix("/simulator/")?;
    let changed = match (request.method(), route) {
        (&Method::GET, "calls") => return Some(Body::json(StatusCode::OK, &account.calls)),
        (&Method::PUT, "series") => list(request.body()).map(|series| account.series = series),
        (&Method::PUT, "faults") => list(request.body()).map(|faults| account.faults = faults),
        _ => {
            let error = "the simulator has GET /simulator/calls, PUT /simulator/series and \
                         PUT /simulator/faults";
            return Some(Body::errors(StatusCode::NOT_FOUND, &[error]));
        }
    };
    Some(match changed {
        Ok(()) => Body::json(StatusCode::OK, &serde_json::json!({})),
        Err(error) => Body::errors(StatusCode::BAD_REQUEST, &[&error.to_string()]),
    })
}

fn list<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<Vec<T>> {
    serde_json::from_slice(body)
}
