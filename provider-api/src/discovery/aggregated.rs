//! The document by which the API server learns of everything at once. It asks
//! every minute, so an unchanged one is not sent again. The plain documents have
//! no `ETag`: there the API server would take 304 for a failure.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Listing;
use crate::{
    encode::{MediaRange, Page},
    group::Group,
};

const MEDIA: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

pub(super) fn is_meant_by(range: &MediaRange<'_>) -> bool {
    range.includes("application/json")
        && range.parameter("as") == Some("APIGroupDiscoveryList")
        && range.parameter("g") == Some("apidiscovery.k8s.io")
        && range.parameter("v") == Some("v2")
}

pub(super) fn page(listings: &[Listing]) -> Page {
    let items: Vec<_> = listings.iter().map(group).collect();
    Page::of(&json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }))
}

pub(super) fn answer(page: &Page, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let mut answer = page.answer_once(headers);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    answer
}

fn group(listing: &Listing) -> Value {
    let version = |version: &&str| {
        json!({
            "version": version,
            "freshness": "Current",
            "resources": resources(listing, version),
        })
    };
    let versions: Vec<_> = listing.group.versions().iter().map(version).collect();
    json!({ "metadata": { "name": listing.group.name() }, "versions": versions })
}

/// An external metric is a resource. A custom one is a subresource of what has
/// it, and of that, nothing else can be had here.
fn resources(listing: &Listing, version: &str) -> Vec<Value> {
    let kind = json!({
        "group": listing.group.name(),
        "version": version,
        "kind": listing.group.kind(),
    });
    match listing.group {
        Group::External => listing
            .resources
            .iter()
            .map(|(name, is_namespaced)| {
                json!({
                    "resource": name,
                    "responseKind": kind,
                    "scope": scope(*is_namespaced),
                    "singularResource": "",
                    "verbs": ["get"],
                })
            })
            .collect(),
        Group::Custom => subresources(listing)
            .into_iter()
            .map(|((resource, is_namespaced), metrics)| {
                let subresource = |metric| json!({ "subresource": metric, "responseKind": kind, "verbs": ["get"] });
                json!({
                    "resource": resource,
                    // Old clients end where there is none.
                    "responseKind": { "group": "", "version": "", "kind": "" },
                    "scope": scope(is_namespaced),
                    "singularResource": "",
                    "verbs": [],
                    "subresources": metrics.into_iter().map(subresource).collect::<Vec<_>>(),
                })
            })
            .collect(),
    }
}

fn subresources(listing: &Listing) -> BTreeMap<(&str, bool), Vec<&str>> {
    let mut by_resource = BTreeMap::<_, Vec<_>>::new();
    for (name, is_namespaced) in &listing.resources {
        let (resource, metric) = name.split_once('/').unwrap_or((name, ""));
        let metrics = by_resource.entry((resource, *is_namespaced)).or_default();
        metrics.push(metric);
    }
    by_resource
}

fn scope(is_namespaced: bool) -> &'static str {
    if is_namespaced {
        "Namespaced"
    } else {
        "Cluster"
    }
}

#[cfg(test)]
mod tests {
    use http::{
        Request, StatusCode,
        header::{ACCEPT, ETAG, IF_NONE_MATCH, VARY},
    };
    use http_body_util::BodyExt;

    use super::*;
    use crate::{ListedMetric, Status, discovery::Catalogue};

    fn external(names: &[&str]) -> Listing {
        Listing::external(names.iter().map(|name| name.parse().unwrap()))
    }

    fn accepting(accept: &str) -> Request<()> {
        Request::builder().header(ACCEPT, accept).body(()).unwrap()
    }

    fn groups(
        request: &Request<()>,
        listings: Vec<Listing>,
    ) -> Result<Response<Full<Bytes>>, Status> {
        Catalogue::of(listings).groups(request)
    }

    async fn body(answer: Response<Full<Bytes>>) -> Value {
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    fn kind(version: &str) -> Value {
        json!({"group": "custom.metrics.k8s.io", "version": version, "kind": "MetricValueList"})
    }

    #[tokio::test]
    async fn the_api_server_gets_everything_at_once() {
        let custom = Listing::custom([
            ListedMetric::namespaced("pods".parse().unwrap(), "bar".parse().unwrap()),
            ListedMetric::root_scoped("nodes".parse().unwrap(), "load".parse().unwrap()),
            ListedMetric::namespaced("pods".parse().unwrap(), "foo".parse().unwrap()),
        ]);
        let answer = groups(&accepting(MEDIA), vec![external(&["foo"]), custom]).unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], MEDIA);
        assert_eq!(answer.headers()[VARY], "Accept");

        let resource = json!({
            "resource": "foo",
            "responseKind": {"group": "external.metrics.k8s.io", "version": "v1beta1", "kind": "ExternalMetricValueList"},
            "scope": "Namespaced",
            "singularResource": "",
            "verbs": ["get"],
        });
        let parent = |name, scope, subresources| {
            json!({
                "resource": name,
                "responseKind": {"group": "", "version": "", "kind": ""},
                "scope": scope,
                "singularResource": "",
                "verbs": [],
                "subresources": subresources,
            })
        };
        let custom_version = |version| {
            let metric = |name| json!({"subresource": name, "responseKind": kind(version), "verbs": ["get"]});
            let nodes = parent("nodes", "Cluster", json!([metric("load")]));
            let pods = parent("pods", "Namespaced", json!([metric("bar"), metric("foo")]));
            json!({"version": version, "freshness": "Current", "resources": [nodes, pods]})
        };
        let expected = json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": [
                {
                    "metadata": {"name": "external.metrics.k8s.io"},
                    "versions": [{"version": "v1beta1", "freshness": "Current", "resources": [resource]}],
                },
                {
                    "metadata": {"name": "custom.metrics.k8s.io"},
                    "versions": [custom_version("v1beta2"), custom_version("v1beta1")],
                },
            ],
        });
        assert_eq!(body(answer).await, expected);
    }

    #[test]
    fn an_unchanged_document_is_not_sent_again() {
        let mut request = accepting(MEDIA);
        let first = groups(&request, vec![external(&["b", "a"])]).unwrap();
        let etag = first.headers()[ETAG].clone();
        request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        let answered = |listings: Vec<Listing>| groups(&request, listings).unwrap().status();
        assert_eq!(
            answered(vec![external(&["a", "b"])]),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(answered(vec![external(&["a"])]), StatusCode::OK);
        assert_eq!(
            answered(vec![external(&["a", "b"]), Listing::custom([])]),
            StatusCode::OK
        );

        // Of the plain document the API server would take 304 for a failure.
        let mut plain = accepting("application/json");
        plain.headers_mut().insert(IF_NONE_MATCH, etag);
        let answer = groups(&plain, vec![external(&["a", "b"])]).unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[VARY], "Accept");
    }

    #[test]
    fn the_first_document_that_is_known_is_sent() {
        let v2beta1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        let kind = |accept: &str| {
            groups(&accepting(accept), Vec::new())
                .map(|answer| answer.headers()[CONTENT_TYPE].clone())
        };
        for (accept, sent) in [
            (format!("{MEDIA},{v2beta1},application/json"), MEDIA),
            (format!("{v2beta1},application/json"), "application/json"),
            (format!("application/json,{MEDIA}"), "application/json"),
            (
                format!("application/yaml,{MEDIA};q=0.5"),
                "application/yaml",
            ),
            ("*/*".to_owned(), "application/json"),
        ] {
            assert_eq!(kind(&accept).unwrap(), sent, "{accept}");
        }
        assert!(kind(v2beta1).is_err());
    }
}
