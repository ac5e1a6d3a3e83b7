//! What goes wrong, when, and for which calls.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::{
    Delivery,
    body::Body,
    call::{Call, Route},
    scenario::metric_name,
    spell::{Spell, some_span, span},
};
use crate::api_version::ApiVersion;

/// A failure for a stretch of scenario time, for all calls or for some.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    answer: Failure,
    #[serde(default, deserialize_with = "some_span")]
    from: Option<Duration>,
    #[serde(default, rename = "for", deserialize_with = "some_span")]
    lasting: Option<Duration>,
    route: Option<Route>,
    #[serde(default, deserialize_with = "some_metric")]
    metric: Option<String>,
}

/// How a call fails. Each was met on the real server or on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failure {
    /// 403 of the front proxy, as with wrong keys.
    Forbidden,
    /// 403: the application key lacks the scope of the route.
    MissingPermission,
    /// 400: a percentile or the like that is not configured on the metric.
    MissingAggregation,
    /// 414, a page of the proxy.
    UriTooLong,
    /// 422: the window holds no point.
    NoData,
    /// 200 without any series.
    NoSeries,
    /// 429 of the application, with the headers of the rate limit.
    TooManyRequests,
    /// 429 of the front proxy, without them.
    TooManyRequestsAtEdge,
    /// 500 of the application.
    ServerError,
    /// 502 of the front proxy.
    BadGateway,
    /// 502, a page that is no JSON.
    BadGatewayPage,
    /// 504 of the application's server.
    GatewayTimeout,
    /// 200 whose body says that the query timed out. Of version 2 it is said beside data.
    StatusError,
    /// 200 whose body says that the query could not be read.
    StatusErrorOfQuery,
    /// The good answer, its JSON cut in half.
    Malformed,
    /// The good answer, after a while.
    Slow(#[serde(deserialize_with = "span")] Duration),
    /// The good answer, byte by byte with a pause before each.
    Trickle(#[serde(deserialize_with = "span")] Duration),
    /// The good answer, its connection closed in the middle.
    CutOff,
    /// No answer: the connection is closed.
    HangUp,
}

impl Fault {
    /// How this call fails at this many seconds since the scenario's start, if it does.
    pub(super) fn strikes(&self, call: &Call, offset: f64) -> Option<Failure> {
        let strikes = Spell {
            from: self.from,
            lasting: self.lasting,
        }
        .covers(offset)
            && self.route.is_none_or(|route| Some(route) == call.route())
            && self
                .metric
                .as_ref()
                .is_none_or(|metric| call.mentions(metric));
        strikes.then_some(self.answer)
    }
}

impl Failure {
    /// The answer of the front proxy, before keys are looked at and calls are counted.
    pub(super) fn at_edge(self) -> Option<Body> {
        match self {
            Self::Forbidden => Some(Body::edge(StatusCode::FORBIDDEN, "Forbidden")),
            Self::UriTooLong => Some(Body::page(StatusCode::URI_TOO_LONG)),
            Self::TooManyRequestsAtEdge => Some(Body::edge(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
            )),
            Self::BadGateway => Some(Body::edge(StatusCode::BAD_GATEWAY, "Bad Gateway")),
            Self::BadGatewayPage => Some(Body::page(StatusCode::BAD_GATEWAY)),
            _ => None,
        }
    }

    /// The application's answer in place of a good one. The other failures are the good
    /// answer, ill delivered or emptied, or are told by the quota.
    pub(super) fn instead(self, version: Option<ApiVersion>) -> Option<Body> {
        let (status, errors): (_, &[&str]) = match self {
            Self::MissingPermission => (
                StatusCode::FORBIDDEN,
                &["Forbidden", "Failed permission authorization checks"],
            ),
            Self::MissingAggregation => (
                StatusCode::BAD_REQUEST,
                &["configuration error :: type: missing_aggregation :: aggregations: AGG_AVG"],
            ),
            Self::NoData => (StatusCode::UNPROCESSABLE_ENTITY, &["Unprocessable Content"]),
            Self::ServerError if version == Some(ApiVersion::V2) => {
                return Some(Body::internal_server_error());
            }
            Self::ServerError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                &["This endpoint has encountered an internal server error"],
            ),
            Self::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, &["504 GATEWAY TIMEOUT"]),
            Self::StatusError => return Some(Body::status_error(version, "Query timed out")),
            Self::StatusErrorOfQuery => {
                return Some(Body::status_error(
                    version,
                    "Error parsing query: \nInvalid query input:\n",
                ));
            }
            _ => return None,
        };
        Some(Body::errors(status, errors))
    }

    /// What the socket does with a body of this many bytes.
    pub(super) fn delivery(self, bytes: usize) -> Delivery {
        match self {
            Self::Slow(delay) => Delivery::After(delay),
            Self::Trickle(pause) => Delivery::Trickled { pause },
            Self::CutOff => Delivery::CutOff { after: bytes / 2 },
            Self::HangUp => Delivery::HangUp,
            _ => Delivery::AtOnce,
        }
    }
}

fn some_metric<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    metric_name(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(fault: &str, call: &str, offset: f64) -> bool {
        let fault: Fault = serde_saphyr::from_str(fault).unwrap();
        let request = http::Request::get(call).body(bytes::Bytes::new()).unwrap();
        fault.strikes(&Call::of(&request), offset).is_some()
    }

    #[test]
    fn a_fault_strikes_in_its_time_on_its_route_and_metric() {
        let query = "/api/v1/query?query=avg:a.b{*},avg:c{*}";
        let rows = [
            ("{ answer: no_data }", query, true),
            ("{ answer: no_data, from: 60s, for: 10s }", query, true),
            ("{ answer: no_data, from: 70s }", query, false),
            ("{ answer: no_data, route: query }", query, true),
            ("{ answer: no_data, route: metrics }", query, false),
            (
                "{ answer: no_data, route: validate }",
                "/api/v1/validate",
                true,
            ),
            ("{ answer: no_data, metric: c }", query, true),
            ("{ answer: no_data, metric: a }", query, false),
            (
                "{ answer: no_data, metric: a.b }",
                "/api/v1/metrics/a.b",
                true,
            ),
            // A call that cannot be read mentions the words that it holds.
            (
                "{ answer: no_data, metric: c }",
                "/api/v1/query?query=avg:c,",
                true,
            ),
        ];
        for (fault, call, expected) in rows {
            assert_eq!(strikes(fault, call, 65.0), expected, "{fault} for {call}");
        }
    }
}
