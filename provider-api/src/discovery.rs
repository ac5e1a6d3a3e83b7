//! What there is to ask for: the documents by which Kubernetes and its tools find
//! that out.
//!
//! The list of metrics is never empty, since clients take an empty one for an
//! error, and never long, since every `kubectl` reads it: it is a courtesy to
//! people. Whether a metric can be asked for does not depend on it.

mod aggregated;
mod listing;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) use self::listing::Listing;
use crate::{Format, Status, encode, group::Group};

/// Answers `/apis`: with the whole of the discovery where the API server asks for
/// it, and otherwise with the groups alone.
pub(crate) fn groups<B>(
    request: &Request<B>,
    listings: &[Listing],
) -> Result<Response<Full<Bytes>>, Status> {
    let asks_for_all = encode::chosen(request.headers(), |range| {
        if aggregated::is_meant_by(range) {
            return Some(true);
        }
        let plain = range.parameter("as").is_none() && range.includes("application/json");
        plain.then_some(false)
    });
    if asks_for_all == Some(true) {
        return Ok(aggregated::answer(request, listings));
    }
    let entries: Vec<_> = listings
        .iter()
        .map(|listing| group_entry(listing.group))
        .collect();
    let groups = json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": entries });
    Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &groups))
}

/// Answers `/apis/external.metrics.k8s.io`.
pub(crate) fn group<B>(
    request: &Request<B>,
    group: Group,
) -> Result<Response<Full<Bytes>>, Status> {
    let mut entry = group_entry(group);
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &entry))
}

/// Answers `/apis/external.metrics.k8s.io/v1beta1`.
pub(crate) fn resources<B>(
    request: &Request<B>,
    listing: &Listing,
    version: &str,
) -> Result<Response<Full<Bytes>>, Status> {
    let resource = |name: &str, is_namespaced: bool| {
        json!({
            "name": name,
            "singularName": "",
            "namespaced": is_namespaced,
            "kind": listing.group.kind(),
            "verbs": ["get"],
        })
    };
    let entries: Vec<_> = listing
        .resources
        .iter()
        .map(|(name, is_namespaced)| resource(name, *is_namespaced))
        .collect();
    let resources = json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(listing.group, version),
        "resources": entries,
    });
    Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &resources))
}

fn group_entry(group: Group) -> Value {
    let versions: Vec<_> = group
        .versions()
        .iter()
        .map(|version| json!({ "groupVersion": api_version(group, version), "version": version }))
        .collect();
    json!({ "name": group.name(), "preferredVersion": versions[0], "versions": versions })
}

fn api_version(group: Group, version: &str) -> String {
    format!("{}/{version}", group.name())
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;
    use http_body_util::BodyExt;

    use super::*;
    use crate::ListedMetric;

    fn external(names: &[&str]) -> Listing {
        Listing::external(names.iter().map(|name| name.parse().unwrap()))
    }

    fn custom() -> Listing {
        let of = |resource: &str, name: &str| (resource.parse().unwrap(), name.parse().unwrap());
        let namespaced = |(resource, name)| ListedMetric::namespaced(resource, name);
        let root_scoped = |(resource, name)| ListedMetric::root_scoped(resource, name);
        Listing::custom([
            root_scoped(of("nodes", "load")),
            namespaced(of("pods", "Bar")),
            namespaced(of("deployments.apps", "qux")),
            namespaced(of("pods", "Bar")),
        ])
    }

    async fn body(answer: Result<Response<Full<Bytes>>, Status>) -> Value {
        let body = answer.unwrap().into_body().collect().await.unwrap();
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn external_metrics_are_listed_once_by_name() {
        let listing = external(&["foo", "Bar", "foo"]);
        let entry = |name| json!({"name": name, "singularName": "", "namespaced": true, "kind": "ExternalMetricValueList", "verbs": ["get"]});
        let expected = json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": "external.metrics.k8s.io/v1beta1",
            "resources": [entry("bar"), entry("foo")],
        });
        let answer = resources(&Request::new(()), &listing, "v1beta1");
        assert_eq!(body(answer).await, expected);
    }

    #[tokio::test]
    async fn custom_metrics_are_listed_below_what_has_them() {
        let entry = |name, is_namespaced| json!({"name": name, "singularName": "", "namespaced": is_namespaced, "kind": "MetricValueList", "verbs": ["get"]});
        for version in ["v1beta1", "v1beta2"] {
            let expected = json!({
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": format!("custom.metrics.k8s.io/{version}"),
                "resources": [
                    entry("deployments.apps/qux", true),
                    entry("nodes/load", false),
                    entry("pods/Bar", true),
                ],
            });
            let answer = resources(&Request::new(()), &custom(), version);
            assert_eq!(body(answer).await, expected);
        }
    }

    #[tokio::test]
    async fn each_group_names_its_versions() {
        let version =
            |text: &str| json!({"groupVersion": text, "version": text.rsplit('/').next()});
        let external_version = version("external.metrics.k8s.io/v1beta1");
        let newer = version("custom.metrics.k8s.io/v1beta2");
        let older = version("custom.metrics.k8s.io/v1beta1");
        let entries = json!([
            {"name": "external.metrics.k8s.io", "versions": [external_version], "preferredVersion": external_version},
            {"name": "custom.metrics.k8s.io", "versions": [newer, older], "preferredVersion": newer},
        ]);
        let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": entries});
        let request = Request::builder()
            .header(ACCEPT, "application/json")
            .body(())
            .unwrap();
        let answer = groups(&request, &[external(&[]), custom()]);
        assert_eq!(body(answer).await, list);

        for (place, of) in Group::ALL.into_iter().enumerate() {
            let mut alone = entries[place].clone();
            alone["kind"] = json!("APIGroup");
            alone["apiVersion"] = json!("v1");
            assert_eq!(body(group(&Request::new(()), of)).await, alone);
        }
    }
}
