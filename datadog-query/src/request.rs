//! The calls, as requests.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
    request::Builder,
};

use crate::{
    api_version::ApiVersion,
    batch::{Batch, escaped},
    endpoint::Endpoint,
    error::Error,
    keys::Keys,
    metric::MetricName,
    window::Window,
};

pub(crate) mod v2;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("datadog-query/", env!("CARGO_PKG_VERSION")));

/// Many queries over one window.
pub(crate) fn query(
    endpoint: &Endpoint,
    keys: &Keys,
    version: ApiVersion,
    batch: &Batch,
    window: Window,
) -> Result<Request<Bytes>, Error> {
    match version {
        ApiVersion::V1 => {
            let (from, to, query) = (window.from(), window.to(), escaped(&batch.joined()));
            let path = format!("/api/v1/query?from={from}&to={to}&query={query}");
            get(endpoint, keys, &path)
        }
        ApiVersion::V2 => {
            let post = Request::post(format!("{endpoint}{}", v2::PATH)).header(CONTENT_TYPE, JSON);
            signed(post, endpoint, keys, v2::body(batch, window))
        }
    }
}

/// `GET /api/v1/metrics/{name}`: what is known of a metric.
pub(crate) fn metric(
    endpoint: &Endpoint,
    keys: &Keys,
    name: &MetricName,
) -> Result<Request<Bytes>, Error> {
    get(endpoint, keys, &format!("/api/v1/metrics/{name}"))
}

/// `GET /api/v1/validate`: whether the API key belongs to this site.
pub(crate) fn validate(endpoint: &Endpoint, keys: &Keys) -> Result<Request<Bytes>, Error> {
    get(endpoint, keys, "/api/v1/validate")
}

fn get(endpoint: &Endpoint, keys: &Keys, path: &str) -> Result<Request<Bytes>, Error> {
    let get = Request::get(format!("{endpoint}{path}"));
    signed(get, endpoint, keys, Bytes::new())
}

fn signed(
    request: Builder,
    endpoint: &Endpoint,
    keys: &Keys,
    body: Bytes,
) -> Result<Request<Bytes>, Error> {
    request
        .header(HeaderName::from_static("dd-api-key"), keys.api())
        .header(HeaderName::from_static("dd-application-key"), keys.app())
        .header(ACCEPT, JSON)
        .header(USER_AGENT, AGENT)
        .body(body)
        // All parts were checked when they were made: what is left to go
        // wrong is the length.
        .map_err(|_| Error::UriTooLong {
            host: endpoint.host().to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::{
        batch::{BatchLimits, batches},
        query::Query,
    };

    fn asked(texts: &[&str]) -> Result<Request<Bytes>, Error> {
        asked_of(ApiVersion::V1, texts)
    }

    fn asked_of(version: ApiVersion, texts: &[&str]) -> Result<Request<Bytes>, Error> {
        let queries = texts.iter().map(|text| Query::written(text).unwrap());
        let limits = BatchLimits {
            characters: usize::MAX,
            ..BatchLimits::default()
        };
        let batch = batches(queries, limits).0.remove(0);
        let window = Window::ending(datetime!(2026-01-01 00:05:00 UTC), Duration::from_secs(300));
        let keys = Keys::new(&"an-api-key".into(), &"an-app-key".into()).unwrap();
        query(
            &Endpoint::of_site("datadoghq.eu").unwrap(),
            &keys,
            version,
            &batch,
            window,
        )
    }

    #[test]
    fn a_batch_is_one_address_and_the_keys_are_in_the_headers_alone() {
        let request = asked(&["avg:a{b:c}", "b{*} / 2"]).unwrap();
        assert_eq!(
            request.uri().to_string(),
            "https://api.datadoghq.eu/api/v1/query?from=1767225600&to=1767225900\
             &query=avg%3Aa%7Bb%3Ac%7D%2Cb%7B%2A%7D%20%2F%202"
        );
        assert_eq!(request.headers()["dd-api-key"], "an-api-key");
        assert_eq!(request.headers()["dd-application-key"], "an-app-key");
        assert!(!format!("{request:?}").contains("an-ap"), "{request:?}");
    }

    #[test]
    fn a_batch_of_version_2_is_a_body_of_json_and_no_query_is_in_its_address() {
        let request = asked_of(ApiVersion::V2, &["avg:a{b:c}"]).unwrap();
        assert_eq!(
            (request.method(), request.uri().to_string().as_str()),
            (
                &http::Method::POST,
                "https://api.datadoghq.eu/api/v2/query/timeseries"
            )
        );
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()["dd-api-key"], "an-api-key");
        assert!(!format!("{request:?}").contains("an-ap"), "{request:?}");
    }

    #[test]
    fn an_address_that_no_request_can_hold_is_an_error() {
        let refused = asked(&[&format!("avg:m{{a:{}}}", "x".repeat(70_000))]).unwrap_err();
        assert_eq!(
            refused,
            Error::UriTooLong {
                host: "api.datadoghq.eu".into()
            }
        );
    }

    proptest! {
        #[test]
        fn any_query_travels_letter_for_letter(text in "[a-z]{1,5}\\PC{0,20}") {
            let text = format!("f({{{text}}})");
            prop_assume!(Query::written(&text).is_ok());
            let request = asked(&[&text]).unwrap();
            let sent = request.uri().query().unwrap().rsplit_once('=').unwrap().1;
            prop_assert_eq!(percent_decode_str(sent).decode_utf8().unwrap(), text);
        }
    }
}
