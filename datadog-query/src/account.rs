//! Whom to ask and as whom, and what a refusal from there means.

use bytes::Bytes;
use http::Response;

use crate::{
    endpoint::Endpoint,
    error::Error,
    exchange::ExchangeError,
    keys::Keys,
    rate_limit::{RateLimit, retry_after},
    said::{one_line, said},
};

/// One address and the keys for it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) endpoint: Endpoint,
    pub(crate) keys: Keys,
}

impl Account {
    /// The error that an answer other than a success is. `scope` is the
    /// permission that the call needs of the application key, if it needs one.
    pub(crate) fn refusal(&self, response: &Response<Bytes>, scope: Option<&'static str>) -> Error {
        let host = self.host();
        let status = response.status().as_u16();
        let text = said(response.body(), &self.keys);
        match status {
            401 | 403 => match scope {
                // Bad keys end at the edge; a permission is missed behind it,
                // in these words.
                Some(scope) if status == 403 && text.contains("Failed permission") => {
                    Error::PermissionMissing { host, scope, text }
                }
                _ => Error::KeysRefused { host, status, text },
            },
            429 => Error::RateLimited {
                host,
                retry_after: retry_after(response.headers()),
                limit: RateLimit::of(response.headers()).map(Box::new),
            },
            // A query error has been seen under either. It repeats the query,
            // so that only its start tells a time-out for certain.
            200 | 400 if text.starts_with("Query timed out") => {
                Error::Server { host, status, text }
            }
            200 | 400 => Error::InvalidQuery { status, text },
            // The second is for the body of version 2.
            414 | 413 => Error::UriTooLong { host },
            422 => Error::NoData { text },
            408 | 500..=599 => Error::Server { host, status, text },
            _ => Error::Unexpected { host, status, text },
        }
    }

    /// The error that no answer at all is.
    pub(crate) fn silence(&self, source: ExchangeError) -> Error {
        match source {
            ExchangeError::TimedOut => Error::TimedOut { host: self.host() },
            source => Error::Unreachable {
                host: self.host(),
                source,
            },
        }
    }

    /// The error that an answer of something else than Datadog is.
    pub(crate) fn malformed(&self, text: &str) -> Error {
        Error::Malformed {
            host: self.host(),
            text: one_line(&self.keys.scrub(text)),
        }
    }

    fn host(&self) -> String {
        self.endpoint.host().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn account() -> Account {
        Account {
            endpoint: Endpoint::of_site("datadoghq.eu").unwrap(),
            keys: Keys::new(&"api-key-0123456789".into(), &"app-key-0123456789".into()).unwrap(),
        }
    }

    fn refusal(status: u16, headers: &[(&str, &str)], body: &'static str) -> Error {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        account().refusal(
            &response.body(body.into()).unwrap(),
            Some("timeseries_query"),
        )
    }

    /// Each after an answer that was recorded or reported.
    #[test]
    fn every_known_refusal_tells_what_to_do() {
        let table: &[(u16, &str, &str)] = &[
            (
                403,
                r#"{"status":"error","code":403,"errors":["Forbidden"]}"#,
                "api.datadoghq.eu refused the keys (HTTP 403: Forbidden): check DD_API_KEY, DD_APP_KEY and DD_SITE",
            ),
            (
                401,
                r#"{"errors":["Unauthorized"]}"#,
                "api.datadoghq.eu refused the keys (HTTP 401: Unauthorized): check DD_API_KEY, DD_APP_KEY and DD_SITE",
            ),
            (
                403,
                "<!DOCTYPE html>\n<html><head><title>Forbidden</title></head></html>",
                "api.datadoghq.eu refused the keys (HTTP 403: Forbidden): check DD_API_KEY, DD_APP_KEY and DD_SITE",
            ),
            (
                403,
                r#"{"errors":["Forbidden","Failed permission authorization checks"]}"#,
                "the application key lacks a permission at api.datadoghq.eu (HTTP 403: Forbidden, Failed permission authorization checks): give it the scope timeseries_query",
            ),
            (
                200,
                r#"{"status":"error","error":"Error parsing query: \nunable to parse avg:foo: Rule 'scope_expr' didn't match at '' (line 1, column 8).","series":[]}"#,
                "Datadog cannot run the query (HTTP 200: Error parsing query: unable to parse avg:foo: Rule 'scope_expr' didn't match at '' (line 1, column 8).)",
            ),
            (
                400,
                r#"{"errors":["'AND' and 'OR' cannot be mixed with ','"]}"#,
                "Datadog cannot run the query (HTTP 400: 'AND' and 'OR' cannot be mixed with ',')",
            ),
            (
                200,
                r#"{"status":"error","error":"Query timed out"}"#,
                "api.datadoghq.eu failed (HTTP 200: Query timed out)",
            ),
            (
                422,
                r#"{"errors":["Unprocessable Content"]}"#,
                "Datadog has no data for the query in this span of time (HTTP 422: Unprocessable Content)",
            ),
            (
                414,
                "<html><head><title>414 Request-URI Too Large</title></head></html>",
                "the call is longer than api.datadoghq.eu accepts: use shorter queries or fewer in one call",
            ),
            (
                500,
                r#"{"errors":["This endpoint has encountered an internal server error"]}"#,
                "api.datadoghq.eu failed (HTTP 500: This endpoint has encountered an internal server error)",
            ),
            (
                502,
                "<html>\n<head><title>502 Bad Gateway</title></head>\n</html>",
                "api.datadoghq.eu failed (HTTP 502: 502 Bad Gateway)",
            ),
            (504, "", "api.datadoghq.eu failed (HTTP 504)"),
            (
                404,
                "",
                "api.datadoghq.eu answered HTTP 404: is it the address of Datadog's API?",
            ),
            (
                302,
                "",
                "api.datadoghq.eu answered HTTP 302: is it the address of Datadog's API?",
            ),
            (
                429,
                r#"{"errors":["Too many requests"]}"#,
                "api.datadoghq.eu allows no more calls in this period: its rate limit is reached",
            ),
        ];
        for (status, body, message) in table {
            assert_eq!(refusal(*status, &[], body).to_string(), *message);
        }
    }

    #[test]
    fn what_callers_ask_of_an_error_follows_from_what_failed() {
        let of = |status, body| {
            let error = refusal(status, &[], body);
            (error.is_transient(), error.blames_a_query())
        };
        for (status, body, transient, blames) in [
            (403, "", false, false),
            (
                403,
                r#"{"errors":["Failed permission authorization checks"]}"#,
                false,
                false,
            ),
            (400, r#"{"errors":["Error parsing query"]}"#, false, true),
            (
                200,
                r#"{"status":"error","error":"Invalid query input:\n"}"#,
                false,
                true,
            ),
            (422, "", true, true),
            (414, "", false, true),
            (413, "", false, true),
            // The text repeats the query, and a query may speak of time-outs.
            (
                400,
                r#"{"errors":["unable to parse avg:app.timeout{"]}"#,
                false,
                true,
            ),
            // A slow or busy Datadog is never the fault of one query.
            (
                200,
                r#"{"status":"error","error":"Query timed out"}"#,
                true,
                false,
            ),
            (429, "", true, false),
            (500, "", true, false),
            (404, "", false, false),
        ] {
            assert_eq!(of(status, body), (transient, blames), "{status} {body}");
        }
        for source in [
            ExchangeError::TimedOut,
            ExchangeError::Unreachable("dns".into()),
        ] {
            let error = account().silence(source);
            assert_eq!(
                (error.is_transient(), error.blames_a_query()),
                (true, false)
            );
        }
    }

    #[test]
    fn a_rate_limit_tells_when_calls_are_allowed_again() {
        let headers = [("x-ratelimit-reset", "42"), ("x-ratelimit-name", "query")];
        let error = refusal(429, &headers, "");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(42)));
        assert_eq!(
            error.to_string(),
            "api.datadoghq.eu allows no more calls in this period: its rate limit is reached"
        );
        assert_eq!(refusal(429, &[], "").retry_after(), None);
    }

    #[test]
    fn a_key_that_is_echoed_does_not_reach_the_message() {
        let message =
            refusal(403, &[], r#"{"errors":["unknown key api-key-0123456789"]}"#).to_string();
        assert!(message.contains("unknown key [key]"), "{message}");
    }
}
