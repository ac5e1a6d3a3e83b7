//! What there is to ask for: the documents by which Kubernetes and its tools find
//! that out.
//!
//! The list of metrics is never empty, since clients take an empty one for an
//! error, and never long, since every `kubectl` reads it: it is a courtesy to
//! people. Whether a metric can be asked for does not depend on it.
//!
//! [Kubernetes' own](https://github.com/kubernetes/kubernetes/tree/master/staging/src/k8s.io/apiserver/pkg/endpoints/discovery)
//! documents say the same of its resources.

mod aggregated;
mod kept;
mod listing;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::VARY};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) use self::{kept::Kept, listing::Listing};
use crate::{
    Format, Status,
    encode::{Page, chosen},
    group::Group,
};

/// What there is to ask for at one time, written down.
pub(crate) struct Catalogue {
    listings: Vec<Listing>,
    aggregated: Page,
    /// A document for each version of a group.
    resources: Vec<(Group, &'static str, Page)>,
}

/// What `/apis` can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Groups {
    /// The names of the groups.
    Plain,
    /// The whole of the discovery.
    Aggregated,
}

impl Catalogue {
    /// What is listed of each group that is served.
    pub(crate) fn of(listings: Vec<Listing>) -> Self {
        let resources = listings
            .iter()
            .flat_map(|listing| {
                let versions = listing.group.versions().iter();
                versions.map(|version| (listing.group, *version, resources(listing, version)))
            })
            .collect();
        Self {
            aggregated: aggregated::page(&listings),
            resources,
            listings,
        }
    }

    /// Answers `/apis`: with the whole of the discovery where the API server asks for
    /// it, and otherwise with the groups alone.
    pub(crate) fn groups<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, Status> {
        let headers = request.headers();
        let offers = [Groups::Plain, Groups::Aggregated];
        let form = chosen(headers, &offers, |range, form| match form {
            Groups::Aggregated => aggregated::is_meant_by(range),
            Groups::Plain => {
                let is_text = ["application/json", "application/yaml"];
                range.is_plain() && is_text.iter().any(|media| range.includes(media))
            }
        });
        if form == Some(Groups::Aggregated) {
            return Ok(aggregated::answer(&self.aggregated, headers));
        }
        let entries: Vec<_> = self
            .listings
            .iter()
            .map(|listing| group_entry(listing.group))
            .collect();
        let groups = json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": entries });
        let mut answer = Format::of_text(request)?.answer_text(StatusCode::OK, &groups);
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        Ok(answer)
    }

    /// Answers `/apis/external.metrics.k8s.io/v1beta1`.
    ///
    /// # Errors
    /// 404 where the group is not served.
    pub(crate) fn resources<B>(
        &self,
        request: &Request<B>,
        group: Group,
        version: &str,
    ) -> Result<Response<Full<Bytes>>, Status> {
        let mut pages = self.resources.iter();
        let page = pages.find(|(of, named, _)| *of == group && *named == version);
        let (_, _, page) = page.ok_or_else(Status::not_found)?;
        Ok(Format::of_text(request)?.answer_page(StatusCode::OK, page))
    }
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

fn resources(listing: &Listing, version: &str) -> Page {
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
    Page::of(&json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(listing.group, version),
        "resources": entries,
    }))
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
        let catalogue = Catalogue::of(vec![listing]);
        let answer = catalogue.resources(&Request::new(()), Group::External, "v1beta1");
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
            let catalogue = Catalogue::of(vec![custom()]);
            let answer = catalogue.resources(&Request::new(()), Group::Custom, version);
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
        let answer = Catalogue::of(vec![external(&[]), custom()]).groups(&request);
        assert_eq!(body(answer).await, list);

        for (place, of) in Group::ALL.into_iter().enumerate() {
            let mut alone = entries[place].clone();
            alone["kind"] = json!("APIGroup");
            alone["apiVersion"] = json!("v1");
            assert_eq!(body(group(&Request::new(()), of)).await, alone);
        }
    }
}
