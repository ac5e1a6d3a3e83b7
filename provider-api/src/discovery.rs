//! What there is to ask for: the documents by which Kubernetes and its tools find
//! that out.
//!
//! The list of metrics is never empty, since clients take an empty one for an
//! error, and never long, since every `kubectl` reads it: it is a courtesy to
//! people. Whether a metric can be asked for does not depend on it.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::{
    ExternalMetric, Format, MetricName, Status,
    encode::{self, MediaRange},
};

/// How many metrics are listed; the first by name.
const LISTED: usize = 100;
/// What is listed where no metric is known.
const PLACEHOLDER: &str = "externalmetrics";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers `/apis`: with the whole of the discovery where the API server asks for
/// it, and otherwise with the group alone.
pub(crate) fn groups<B>(
    request: &Request<B>,
    metrics: Vec<MetricName>,
) -> Result<Response<Full<Bytes>>, Status> {
    let asks_for_all = encode::chosen(request.headers(), |range| {
        if is_aggregated(range) {
            return Some(true);
        }
        let plain = range.parameter("as").is_none() && range.includes("application/json");
        plain.then_some(false)
    });
    if asks_for_all == Some(true) {
        return Ok(aggregated(request, metrics));
    }
    let groups = json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [group_entry()] });
    Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &groups))
}

/// Answers `/apis/external.metrics.k8s.io`.
pub(crate) fn group<B>(request: &Request<B>) -> Result<Response<Full<Bytes>>, Status> {
    let mut group = group_entry();
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &group))
}

/// Answers `/apis/external.metrics.k8s.io/v1beta1`.
pub(crate) fn resources<B>(
    request: &Request<B>,
    metrics: Vec<MetricName>,
) -> Result<Response<Full<Bytes>>, Status> {
    let resource = |name| {
        json!({
            "name": name,
            "singularName": "",
            "namespaced": true,
            "kind": ExternalMetric::KIND,
            "verbs": ["get"],
        })
    };
    let resources = json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": ExternalMetric::API_VERSION,
        "resources": listed(metrics).into_iter().map(resource).collect::<Vec<_>>(),
    });
    Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &resources))
}

fn group_entry() -> Value {
    let version =
        json!({ "groupVersion": ExternalMetric::API_VERSION, "version": ExternalMetric::VERSION });
    json!({ "name": ExternalMetric::GROUP, "versions": [version], "preferredVersion": version })
}

/// The document by which the API server learns of everything at once. It asks
/// every minute, so an unchanged one is not sent again. The plain documents have
/// no `ETag`: there the API server would take 304 for a failure.
fn aggregated<B>(request: &Request<B>, metrics: Vec<MetricName>) -> Response<Full<Bytes>> {
    let names = listed(metrics);
    let mut hasher = DefaultHasher::new();
    names.hash(&mut hasher);
    let etag = format!("\"{:016X}\"", hasher.finish());
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag.as_bytes());

    let mut answer = if known {
        let mut unchanged = Response::new(Full::default());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        Format::json(request).answer_text(StatusCode::OK, &aggregated_document(names))
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(
        ETAG,
        etag.try_into().expect("quotes and hexadecimal digits"),
    );
    answer
}

fn aggregated_document(names: Vec<String>) -> Value {
    let resource = |name| {
        json!({
            "resource": name,
            "responseKind": {
                "group": ExternalMetric::GROUP,
                "version": ExternalMetric::VERSION,
                "kind": ExternalMetric::KIND,
            },
            "scope": "Namespaced",
            "singularResource": "",
            "verbs": ["get"],
        })
    };
    let version = json!({
        "version": ExternalMetric::VERSION,
        "freshness": "Current",
        "resources": names.into_iter().map(resource).collect::<Vec<_>>(),
    });
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{ "metadata": { "name": ExternalMetric::GROUP }, "versions": [version] }],
    })
}

fn is_aggregated(range: &MediaRange<'_>) -> bool {
    range.includes("application/json")
        && range.parameter("as") == Some("APIGroupDiscoveryList")
        && range.parameter("g") == Some("apidiscovery.k8s.io")
        && range.parameter("v") == Some("v2")
}

/// The names in small letters, as Kubernetes' clients ask for them.
fn listed(metrics: Vec<MetricName>) -> Vec<String> {
    let sorted: BTreeSet<_> = metrics
        .into_iter()
        .map(|name| name.as_str().to_lowercase())
        .collect();
    if sorted.is_empty() {
        return vec![PLACEHOLDER.to_owned()];
    }
    sorted.into_iter().take(LISTED).collect()
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;
    use http_body_util::BodyExt;

    use super::*;

    fn names(names: &[&str]) -> Vec<MetricName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn accepting(accept: &str) -> Request<()> {
        Request::builder().header(ACCEPT, accept).body(()).unwrap()
    }

    async fn body(answer: Response<Full<Bytes>>) -> Value {
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn metrics_are_listed_once_by_name() {
        let answer = resources(&Request::new(()), names(&["foo", "Bar", "foo"])).unwrap();
        let entry = |name| json!({"name": name, "singularName": "", "namespaced": true, "kind": "ExternalMetricValueList", "verbs": ["get"]});
        let expected = json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": "external.metrics.k8s.io/v1beta1",
            "resources": [entry("bar"), entry("foo")],
        });
        assert_eq!(body(answer).await, expected);
    }

    #[test]
    fn the_list_is_never_empty_and_never_long() {
        assert_eq!(listed(Vec::new()), ["externalmetrics"]);
        let many: Vec<_> = (0..10_000)
            .map(|number| format!("m{number:05}").parse().unwrap())
            .collect();
        let listed = listed(many);
        assert_eq!((listed.len(), listed[99].as_str()), (100, "m00099"));
    }

    #[tokio::test]
    async fn the_group_names_its_version() {
        let version =
            json!({"groupVersion": "external.metrics.k8s.io/v1beta1", "version": "v1beta1"});
        let entry = json!({"name": "external.metrics.k8s.io", "versions": [version], "preferredVersion": version});
        let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [entry]});
        assert_eq!(
            body(groups(&accepting("application/json"), Vec::new()).unwrap()).await,
            list
        );

        let mut alone = entry;
        alone["kind"] = json!("APIGroup");
        alone["apiVersion"] = json!("v1");
        assert_eq!(body(group(&Request::new(())).unwrap()).await, alone);
    }

    #[tokio::test]
    async fn the_api_server_gets_everything_at_once() {
        let answer = groups(&accepting(AGGREGATED), names(&["foo"])).unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], AGGREGATED);
        assert_eq!(answer.headers()[VARY], "Accept");
        let resource = json!({
            "resource": "foo",
            "responseKind": {"group": "external.metrics.k8s.io", "version": "v1beta1", "kind": "ExternalMetricValueList"},
            "scope": "Namespaced",
            "singularResource": "",
            "verbs": ["get"],
        });
        let expected = json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": [{
                "metadata": {"name": "external.metrics.k8s.io"},
                "versions": [{"version": "v1beta1", "freshness": "Current", "resources": [resource]}],
            }],
        });
        assert_eq!(body(answer).await, expected);
    }

    #[test]
    fn an_unchanged_document_is_not_sent_again() {
        let mut request = accepting(AGGREGATED);
        let first = groups(&request, names(&["b", "a"])).unwrap();
        request
            .headers_mut()
            .insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let answered = |metrics: &[&str]| groups(&request, names(metrics)).unwrap().status();
        assert_eq!(answered(&["a", "b"]), StatusCode::NOT_MODIFIED);
        assert_eq!(answered(&["a"]), StatusCode::OK);

        // Of the plain document the API server would take 304 for a failure.
        let etag = first.headers()[ETAG].clone();
        let mut plain = accepting("application/json");
        plain.headers_mut().insert(IF_NONE_MATCH, etag);
        assert_eq!(
            groups(&plain, names(&["a", "b"])).unwrap().status(),
            StatusCode::OK
        );
    }

    #[test]
    fn the_first_document_that_is_known_is_sent() {
        let v2beta1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        let kind = |accept: &str| {
            groups(&accepting(accept), Vec::new())
                .map(|answer| answer.headers()[CONTENT_TYPE].clone())
        };
        assert_eq!(
            kind(&format!("{AGGREGATED},{v2beta1},application/json")).unwrap(),
            AGGREGATED
        );
        assert_eq!(
            kind(&format!("{v2beta1},application/json")).unwrap(),
            "application/json"
        );
        assert_eq!(
            kind(&format!("application/json,{AGGREGATED}")).unwrap(),
            "application/json"
        );
        assert!(kind(v2beta1).is_err());
    }
}
