//! Wrong about custom metrics.

use http::request::Parts;
use serde_json::json;

use super::{Fault, Quirk, Reply, answering, asking, within};

fn is_list(reply: &Reply) -> bool {
    reply.is("MetricValueList")
}

/// Asks another version.
fn to(asked: &mut Parts, version: &str, other: &str) {
    let uri = asked.uri.to_string();
    let custom = "custom.metrics.k8s.io/";
    // Only metrics: discovery knows both.
    let uri = uri.replace(
        &format!("{custom}{version}/n"),
        &format!("{custom}{other}/n"),
    );
    asked.uri = uri.parse().unwrap();
}

pub(super) const FAULTS: &[Fault] = &[
    answering(
        "everything in namespaces",
        |_, reply| reply.each("resources", |one| one["namespaced"] = json!(true)),
        &["custom/resources-scope"],
    ),
    answering(
        "any version",
        |asked, reply| {
            if asked.uri.path().ends_with("/v1beta9") {
                reply.coded(200);
            }
        },
        &["custom/unknown-version"],
    ),
    asking(
        "the newer version alone",
        |asked| to(asked, "v1beta1", "v1beta2"),
        &["custom/list", "custom/v1beta1", "custom/protobuf"],
    ),
    asking(
        "the older version alone",
        |asked| to(asked, "v1beta2", "v1beta1"),
        &[
            "custom/list",
            "custom/v1beta2",
            "custom/protobuf",
            "custom/access-to-one",
            "custom/access-to-all",
            "custom/access-to-root-scoped",
            "custom/access-to-namespace-metric",
        ],
    ),
    answering(
        "objects without a namespace",
        |_, reply| {
            reply.each("items", |item| {
                if let Some(object) = item.get_mut("describedObject") {
                    object.as_object_mut().unwrap().remove("namespace");
                }
            });
        },
        &["custom/object"],
    ),
    answering(
        "another value",
        |_, reply| {
            if is_list(reply) {
                reply.each("items", |item| item["value"] = json!("7"));
            }
        },
        &["custom/value", "custom/protobuf"],
    ),
    answering(
        "nodes in a namespace",
        |asked, reply| {
            if asked.uri.path().contains("/nodes/") {
                reply.each("items", |item| {
                    item["describedObject"]["namespace"] = json!("shop");
                });
            }
        },
        &["custom/root-scoped"],
    ),
    answering(
        "metrics of metrics",
        |asked, reply| {
            if asked.uri.path().contains("/metrics/") {
                reply.each("items", |item| {
                    item["describedObject"]["name"] = json!("metrics");
                });
            }
        },
        &["custom/namespace-metric"],
    ),
    answering(
        "a star is a name",
        |asked, reply| {
            if asked.uri.path().contains("/*/") && is_list(reply) {
                reply.edit(|list| list["items"] = json!([]));
            }
        },
        &[
            "custom/root-scoped",
            "custom/all-objects",
            "custom/metric-label-selector",
        ],
    ),
    answering(
        "paths are not decoded",
        |asked, reply| {
            if asked.uri.path().contains("%2A") {
                reply.coded(404);
            }
        },
        &["custom/all-objects-as-the-aggregator-writes-it"],
    ),
    dropping!(
        "selectors of series are dropped",
        "metricLabelSelector=",
        &["custom/metric-label-selector", "custom/bad-metric-selector"],
    ),
    answering(
        "a selector as text",
        |_, reply| {
            reply.each("items", |item| {
                if item.get("metric").is_some() {
                    item["metric"]["selector"] = json!("verb=GET");
                }
            });
        },
        &["custom/metric-selector-told"],
    ),
    answering(
        "an unknown object is empty",
        |asked, reply| {
            if asked.uri.path().contains("conformance-nobody") {
                reply.coded(200);
                reply.edit(|json| *json = json!({ "kind": "MetricValueList", "items": [] }));
            }
        },
        &["custom/unknown-object"],
    ),
    answering(
        "short paths are too much",
        |asked, reply| {
            if asked.uri.path().ends_with("/pods") {
                reply.coded(500);
            }
        },
        &["custom/short-paths"],
    ),
    within(
        "the metric is not asked about",
        Quirk::SubresourceForgotten,
        &[
            "custom/access-to-one",
            "custom/access-to-all",
            "custom/access-to-root-scoped",
        ],
    ),
    within(
        "the name is not asked about",
        Quirk::NameForgotten,
        &[
            "custom/access-to-one",
            "custom/access-to-all",
            "custom/access-to-root-scoped",
            "custom/access-to-namespace-metric",
        ],
    ),
];
