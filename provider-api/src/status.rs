//! How a request is refused: Kubernetes' `Status`, and the one table that makes
//! one of a [`Refusal`].

mod cases;
mod wire;

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::Full;
use serde::Serialize;

use crate::{Format, Refusal};

/// An error as Kubernetes serves it.
///
/// On the wire it is a
/// [`Status`](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go) of version `v1`. The autoscaler
/// shows its message, word for word, in `kubectl describe hpa`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What kind of error it is. It alone decides the HTTP status code.
    pub reason: Reason,
    /// What a person reads.
    pub message: String,
    /// What a program reads, where there is anything.
    pub details: Option<Box<StatusDetails>>,
}

/// The kinds of error.
///
/// They are some of
/// [Kubernetes' list](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go). Each has one HTTP status
/// code, see [`Reason::code`], and goes by its own name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Kubernetes' and say it")]
pub enum Reason {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Invalid,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    Timeout,
}

/// What an error is about. What is empty is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDetails {
    /// The object's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The kind; for a metric, its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What is wrong with which part of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// After how many seconds the same request may succeed. The header `Retry-After` says
    /// so only up to one second: a client of Kubernetes would sleep for it, and hold up
    /// every autoscaler behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<i32>,
}

/// What is wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Kubernetes' word for it, such as `FieldValueForbidden`.
    pub reason: &'static str,
    /// What a person reads.
    pub message: String,
    /// The part: a field of the object, or an option of the request.
    pub field: String,
}

impl From<&Refusal> for Status {
    /// The table. A refusal's message is the status' message.
    fn from(refusal: &Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Unknown(_) => Self::new(Reason::NotFound, message),
            Refusal::NoData(_) | Refusal::Stale(_) => Self::new(Reason::Invalid, message),
            Refusal::NotReady(_) | Refusal::Unavailable(_) => {
                Self::new(Reason::ServiceUnavailable, message)
            }
            Refusal::Throttled { retry_after, .. } => Self::throttled(message, *retry_after),
            Refusal::BadRequest(_) => Self::new(Reason::BadRequest, message),
        }
    }
}

impl Refusal {
    /// The HTTP status code with which this is served.
    pub fn code(&self) -> StatusCode {
        Status::from(self).code()
    }
}

impl Reason {
    /// The HTTP status code.
    pub fn code(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Status {
    /// An error without details.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            details: None,
        }
    }

    /// The HTTP status code.
    pub fn code(&self) -> StatusCode {
        self.reason.code()
    }

    /// The answer that says this, in the format that the request asked for.
    pub fn answer(&self, format: Format) -> Response<Full<Bytes>> {
        let mut response = format.answer(self.code(), self);
        let headers = response.headers_mut();
        match self.reason {
            Reason::Forbidden => {
                headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
            }
            Reason::MethodNotAllowed => headers.insert(ALLOW, HeaderValue::from_static("GET")),
            // Kubernetes' client sleeps for as long as the header says, ten times
            // over, and an autoscaler sleeps with it. A longer wait is left to
            // whoever reads the details.
            Reason::TooManyRequests
                if self
                    .retry_after_seconds()
                    .is_some_and(|seconds| seconds <= 1) =>
            {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))
            }
            _ => None,
        };
        response
    }

    fn retry_after_seconds(&self) -> Option<i32> {
        self.details
            .as_ref()
            .and_then(|details| details.retry_after_seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;

    use super::*;

    fn throttled(retry_after: Duration) -> Refusal {
        Refusal::Throttled {
            message: "m".to_owned(),
            retry_after,
        }
    }

    #[test]
    fn every_refusal_has_its_code_and_keeps_its_message() {
        let says = |refusal: fn(String) -> Refusal| refusal("m".to_owned());
        for (refusal, reason, code) in [
            (says(Refusal::Unknown), Reason::NotFound, 404),
            (says(Refusal::NoData), Reason::Invalid, 422),
            (says(Refusal::Stale), Reason::Invalid, 422),
            (says(Refusal::NotReady), Reason::ServiceUnavailable, 503),
            (throttled(Duration::ZERO), Reason::TooManyRequests, 429),
            (says(Refusal::Unavailable), Reason::ServiceUnavailable, 503),
            (says(Refusal::BadRequest), Reason::BadRequest, 400),
        ] {
            let status = Status::from(&refusal);
            assert_eq!(
                (status.reason, status.message.as_str()),
                (reason, "m"),
                "{refusal:?}"
            );
            assert_eq!(refusal.code().as_u16(), code, "{refusal:?}");
        }
    }

    #[test]
    fn the_details_tell_how_long_to_wait_and_the_header_never_more_than_a_second() {
        for (retry_after, seconds, header) in [
            (Duration::from_millis(200), 1, Some("1")),
            (Duration::from_secs(1), 1, Some("1")),
            (Duration::from_millis(1001), 2, None),
            (Duration::MAX, i32::MAX, None),
        ] {
            let status = Status::from(&throttled(retry_after));
            let details = StatusDetails {
                retry_after_seconds: Some(seconds),
                ..StatusDetails::default()
            };
            assert_eq!(status.details, Some(Box::new(details)), "{retry_after:?}");
            assert_eq!(
                header_of(&status, "retry-after").as_deref(),
                header,
                "{retry_after:?}"
            );
        }
    }

    #[test]
    fn headers_go_with_the_reason() {
        assert_eq!(
            header_of(&Status::method_not_allowed(), "allow").as_deref(),
            Some("GET")
        );
        assert_eq!(
            header_of(
                &Status::new(Reason::Forbidden, ""),
                "x-content-type-options"
            )
            .as_deref(),
            Some("nosniff")
        );
        assert_eq!(
            header_of(&Status::not_found(), "cache-control").as_deref(),
            Some("no-cache, private")
        );
        assert_eq!(
            header_of(&Status::new(Reason::ServiceUnavailable, ""), "retry-after"),
            None
        );
    }

    fn header_of(status: &Status, name: &str) -> Option<String> {
        let answer = status.answer(Format::of_status(&Request::new(())));
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }
}
