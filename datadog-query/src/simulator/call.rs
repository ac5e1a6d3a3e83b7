//! A call as it arrives: its route and what it asks there.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::asked::{Asked, Refused, is_of_a_name};

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

/// `GET /api/v1/query`, before anything of it is checked.
#[derive(Debug)]
pub(super) struct QueryCall {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) text: Option<String>,
    pub(super) asked: Result<Vec<Asked>, Refused>,
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
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        if method != Method::GET {
            return Self::Unknown;
        }
        match uri.path() {
            "/api/v1/query" => Self::Query(QueryCall::of(uri.query().unwrap_or_default())),
            "/api/v1/validate" => Self::Validate,
            path => match path.strip_prefix("/api/v1/metrics/") {
                Some(name) if !name.is_empty() => Self::Metadata(decoded(name)),
                _ => Self::Unknown,
            },
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

    pub(super) fn mentions(&self, metric: &str) -> bool {
        match self {
            Self::Query(QueryCall {
                asked: Ok(asked), ..
            }) => asked.iter().any(|asked| asked.metric == metric),
            Self::Query(QueryCall {
                text: Some(text), ..
            }) => text.split(|c| !is_of_a_name(c)).any(|word| word == metric),
            Self::Metadata(name) => name == metric,
            _ => false,
        }
    }

    /// The queries one by one, or the text that cannot be read as such.
    pub(super) fn queries(&self) -> Vec<String> {
        match self {
            Self::Query(QueryCall {
                asked: Ok(asked), ..
            }) => asked.iter().map(|asked| asked.text.clone()).collect(),
            Self::Query(QueryCall { text, .. }) => text.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

impl QueryCall {
    fn of(parameters: &str) -> Self {
        let value = |name: &str| {
            let mut pairs = parameters
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| decoded(&value.replace('+', " ")))
        };
        let text = value("query");
        let asked = Asked::all(text.as_deref().unwrap_or_default());
        Self {
            from: value("from"),
            to: value("to"),
            text,
            asked,
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(uri: &str) -> Call {
        Call::of(&Method::GET, &uri.parse().unwrap())
    }

    #[test]
    fn a_query_is_decoded_and_split() {
        let call = call("/api/v1/query?from=1&to=2&query=avg%3Aa%7B*%7D+%2C+max:b{x:1%2cy:2}&x");
        assert_eq!(call.queries(), ["avg:a{*}", "max:b{x:1,y:2}"]);
        let Call::Query(query) = call else {
            panic!("{call:?}")
        };
        assert_eq!(
            (query.from.as_deref(), query.to.as_deref()),
            (Some("1"), Some("2"))
        );
        assert_eq!(query.text.as_deref(), Some("avg:a{*} , max:b{x:1,y:2}"));
    }

    #[test]
    fn what_cannot_be_read_is_told_as_it_came() {
        assert_eq!(call("/api/v1/query?query=avg:a,b").queries(), ["avg:a,b"]);
    }

    #[test]
    fn every_path_has_its_route() {
        let routes = [
            "/api/v1/query",
            "/api/v1/metrics/a.b",
            "/api/v1/validate",
            "/api/v1/metrics/",
            "/",
        ];
        let expected = [
            Some(Route::Query),
            Some(Route::Metrics),
            Some(Route::Validate),
            None,
            None,
        ];
        assert_eq!(routes.map(|path| call(path).route()), expected);
        assert_eq!(
            Call::of(&Method::POST, &"/api/v1/query".parse().unwrap()).route(),
            None
        );
    }
}
