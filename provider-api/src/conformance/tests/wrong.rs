//! Servers that are wrong, each in one way that has been seen in the wild or nearly.

use bytes::Bytes;
use http::{
    HeaderValue, Request, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER},
    request::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::Answer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// `items: null` for no values, as a nil slice is written.
    NullItems,
    /// `windowSeconds`, as the Go field is called.
    RenamedWindow,
    /// The value as a number.
    NumberValue,
    /// A time with a fraction and an offset.
    FractionalTime,
    /// A metric without labels has no such field.
    NoLabels,
    /// An unknown metric is an empty list.
    UnknownIsEmpty,
    /// Errors as plain text.
    TextErrors,
    /// An empty list of resources.
    EmptyResources,
    /// Aggregated discovery without any group.
    NothingAggregated,
    /// A 304 to everybody who sends an ETag.
    AlwaysNotModified,
    /// Selectors are dropped.
    SelectorDropped,
    /// JSON whatever is asked for.
    JsonOnly,
    /// Answers that may be kept.
    Cacheable,
    /// A `Retry-After` of half a minute.
    LongRetryAfter,
    /// The version is not filled in.
    NoVersion,
    /// Any method is a GET.
    AnyMethod,
}

/// Which cases catch which fault.
pub(super) const FAULTS: &[(Fault, &[&str])] = &[
    (Fault::NullItems, &["external/empty-list"]),
    (
        Fault::RenamedWindow,
        &[
            "external/item-fields",
            "external/window",
            "external/protobuf",
        ],
    ),
    (
        Fault::NumberValue,
        &[
            "external/canonical-value",
            "external/value",
            "external/protobuf",
        ],
    ),
    (
        Fault::FractionalTime,
        &["external/timestamp", "external/protobuf"],
    ),
    (
        Fault::NoLabels,
        &[
            "external/item-fields",
            "external/protobuf",
            "external/selector-operators",
            "external/selector-as-the-aggregator-writes-it",
            "external/no-selector",
        ],
    ),
    (
        Fault::UnknownIsEmpty,
        &["external/unknown-metric", "external/no-such-path"],
    ),
    (
        Fault::TextErrors,
        &[
            "discovery/unknown-version",
            "discovery/read-only",
            "external/unknown-metric",
            "external/unknown-namespace",
            "external/bad-selector",
            "external/bad-field-selector",
            "external/bad-timeout",
            "external/no-such-path",
            "external/name-with-a-slash",
            "external/reserved-name",
            "external/methods",
            "external/watch",
            "external/not-acceptable",
            "external/unavailable",
            "external/throttled",
            "external/timeout",
            "external/panic",
        ],
    ),
    (Fault::EmptyResources, &["discovery/never-empty"]),
    (Fault::NothingAggregated, &["discovery/aggregated"]),
    (
        Fault::AlwaysNotModified,
        &[
            "discovery/aggregated-not-modified",
            "discovery/list-never-304",
        ],
    ),
    (
        Fault::SelectorDropped,
        &[
            "external/selector-operators",
            "external/selector-as-the-aggregator-writes-it",
            "external/bad-selector",
        ],
    ),
    (
        Fault::JsonOnly,
        &[
            "discovery/aggregated",
            "discovery/aggregated-not-modified",
            "external/protobuf",
            "external/yaml",
            "external/not-acceptable",
            "external/refusal-in-protobuf",
        ],
    ),
    (Fault::Cacheable, &["serving/not-cached"]),
    (Fault::LongRetryAfter, &["external/no-long-retry-after"]),
    (Fault::NoVersion, &["serving/version"]),
    (
        Fault::AnyMethod,
        &["discovery/read-only", "external/methods", "external/head"],
    ),
];

impl Fault {
    /// What reaches the good server, and what was really asked.
    pub(super) fn request(self, request: Request<Incoming>) -> (Request<Incoming>, Parts) {
        let (asked, body) = request.into_parts();
        let mut parts = asked.clone();
        match self {
            Self::SelectorDropped => {
                let query = parts.uri.query().unwrap_or_default();
                let kept: Vec<_> = query
                    .split('&')
                    .filter(|part| !part.starts_with("labelSelector="))
                    .collect();
                let path = parts.uri.path();
                parts.uri = format!("{path}?{}", kept.join("&")).parse().unwrap();
            }
            Self::JsonOnly => {
                parts.headers.remove(ACCEPT);
            }
            Self::AnyMethod => parts.method = http::Method::GET,
            _ => {}
        }
        (Request::from_parts(parts, body), asked)
    }

    /// What the client reads in place of the good server's answer.
    pub(super) async fn answer(self, asked: &Parts, answer: Answer) -> Answer {
        let path = asked.uri.path();
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
            return Answer::from_parts(parts, Full::new(body));
        };
        let mut items: Vec<&mut Value> =
            json["items"].as_array_mut().into_iter().flatten().collect();
        match self {
            Self::RenamedWindow => items.iter_mut().for_each(|item| {
                item["windowSeconds"] = item["window"].take();
                item.as_object_mut().unwrap().remove("window");
            }),
            Self::NumberValue => items.iter_mut().for_each(|item| item["value"] = json!(1.5)),
            Self::FractionalTime => items
                .iter_mut()
                .for_each(|item| item["timestamp"] = json!("2026-01-02T04:04:05.5+01:00")),
            Self::NoLabels => items.iter_mut().for_each(|item| {
                item.as_object_mut().unwrap().remove("metricLabels");
            }),
            Self::NullItems if items.is_empty() && json["kind"] == "ExternalMetricValueList" => {
                json["items"] = Value::Null;
            }
            Self::UnknownIsEmpty
                if path.ends_with("/conformance-no-such-metric") && json["code"] == 404 =>
            {
                parts.status = StatusCode::OK;
                json = json!({
                    "kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1",
                    "metadata": {}, "items": [],
                });
            }
            Self::TextErrors if json["kind"] == "Status" => {
                let text = HeaderValue::from_static("text/plain");
                parts.headers.insert(CONTENT_TYPE, text);
                let told = json["message"].to_string();
                return Answer::from_parts(parts, Full::new(told.into()));
            }
            Self::EmptyResources if json["kind"] == "APIResourceList" => {
                json["resources"] = json!([]);
            }
            Self::NothingAggregated if json["kind"] == "APIGroupDiscoveryList" => {
                json["items"] = json!([]);
            }
            Self::AlwaysNotModified if asked.headers.contains_key(IF_NONE_MATCH) => {
                parts.status = StatusCode::NOT_MODIFIED;
                parts
                    .headers
                    .insert(ETAG, HeaderValue::from_static("\"x\""));
                return Answer::from_parts(parts, Full::new(Bytes::new()));
            }
            Self::Cacheable if path.starts_with("/apis/") => {
                let kept = HeaderValue::from_static("max-age=60");
                parts.headers.insert(CACHE_CONTROL, kept);
            }
            Self::LongRetryAfter if parts.status.is_server_error() => {
                let long = HeaderValue::from_static("30");
                parts.headers.insert(RETRY_AFTER, long);
            }
            Self::NoVersion if path == "/version" => json["gitVersion"] = json!(""),
            _ => return Answer::from_parts(parts, Full::new(body)),
        }
        let text = match asked.uri.query() {
            Some(query) if query.contains("pretty=true") => format!("{json:#}"),
            _ => json.to_string(),
        };
        Answer::from_parts(parts, Full::new(text.into()))
    }
}
