//! A call as it arrives: its route and what it asks there.

use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{
    asked::{Asked, is_of_a_name},
    window::Window,
};
use crate::api_version::ApiVersion;

mod v1;
mod v2;

/// What is wanted of the simulated Datadog.
#[derive(Debug)]
pub(super) enum Call {
    Query(QueryCall),
    /// The facts about the metric of this name.
    Metadata(String),
    /// Whether the API key is good.
    Validate,
    Unknown,
}

/// A call of one of the two query routes, or what is wrong with it.
#[derive(Debug)]
pub(super) struct QueryCall {
    pub(super) version: ApiVersion,
    /// The queries as they came, those of version 1 in one text.
    pub(super) texts: Vec<String>,
    pub(super) window: Result<Window, String>,
    pub(super) asked: Result<Vec<Asked>, String>,
}

/// A route by the name that a fault calls it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Route {
    Query,
    Metrics,
    Validate,
}

impl Call {
    pub(super) fn of(request: &Request<Bytes>) -> Self {
        let uri = request.uri();
        match (request.method(), uri.path()) {
            (&Method::GET, "/api/v1/query") => {
                Self::Query(v1::read(uri.query().unwrap_or_default()))
            }
            (&Method::POST, "/api/v2/query/timeseries") => Self::Query(v2::read(request.body())),
            (&Method::GET, "/api/v1/validate") => Self::Validate,
            (&Method::GET, path) => match path.strip_prefix("/api/v1/metrics/") {
                Some(name) if !name.is_empty() => Self::Metadata(decoded(name)),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    pub(super) fn route(&self) -> Option<Route> {
        match self {
            Self::Query(_) => Some(Route::Query),
            Self::Metadata(_) => Some(Route::Metrics),
            Self::Validate => Some(Route::Validate),
            Self::Unknown => None,
        }
    }

    /// Of the query route.
    pub(super) fn version(&self) -> Option<ApiVersion> {
        match self {
            Self::Query(query) => Some(query.version),
            Self::Metadata(_) | Self::Validate | Self::Unknown => None,
        }
    }

    pub(super) fn mentions(&self, metric: &str) -> bool {
        match self {
            Self::Query(QueryCall {
                asked: Ok(asked), ..
            }) => asked.iter().any(|asked| asked.metric == metric),
            Self::Query(QueryCall { texts, .. }) => texts
                .iter()
                .flat_map(|text| text.split(|c| !is_of_a_name(c)))
                .any(|word| word == metric),
            Self::Metadata(name) => name == metric,
            Self::Validate | Self::Unknown => false,
        }
    }

    /// The queries one by one, or the texts that cannot be read as such.
    pub(super) fn queries(&self) -> Vec<String> {
        match self {
            Self::Query(QueryCall {
                asked: Ok(asked), ..
            }) => asked.iter().map(|asked| asked.text.clone()).collect(),
            Self::Query(QueryCall { texts, .. }) => texts.clone(),
            Self::Metadata(_) | Self::Validate | Self::Unknown => Vec::new(),
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Option<Route> {
        let request = Request::builder().method(method).uri(path);
        Call::of(&request.body(Bytes::new()).unwrap()).route()
    }

    #[test]
    fn every_path_has_its_route() {
        for (method, path, expected) in [
            ("GET", "/api/v1/query", Some(Route::Query)),
            ("POST", "/api/v2/query/timeseries", Some(Route::Query)),
            ("GET", "/api/v1/metrics/a.b", Some(Route::Metrics)),
            ("GET", "/api/v1/validate", Some(Route::Validate)),
            ("GET", "/api/v1/metrics/", None),
            ("GET", "/", None),
            ("POST", "/api/v1/query", None),
            ("GET", "/api/v2/query/timeseries", None),
        ] {
            assert_eq!(route(method, path), expected, "{method} {path}");
        }
    }
}
