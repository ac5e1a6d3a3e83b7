//! Wrong about external metrics.

use http::{Method, header::ACCEPT};
use serde_json::{Value, json};

use super::{Fault, Reply, answering, asking};

fn is_list(reply: &Reply) -> bool {
    reply.is("ExternalMetricValueList")
}

/// A 200 with this value.
pub(super) fn claims(reply: &mut Reply, value: &str) {
    reply.coded(200);
    reply.edit(|json| {
        *json = json!({
            "kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": {},
            "items": [{ "metricName": "namespaces", "metricLabels": {}, "timestamp": null, "value": value }],
        });
    });
}

pub(super) const FAULTS: &[Fault] = &[
    answering(
        "the kind of custom metrics",
        |_, reply| {
            if is_list(reply) {
                reply.edit(|list| list["kind"] = json!("MetricValueList"));
            }
        },
        &[
            "external/list",
            "external/json-by-default",
            "external/table-falls-back",
            "external/trailing-slash",
        ],
    ),
    answering(
        "windowSeconds",
        |_, reply| {
            reply.each("items", |item| {
                if item["window"].is_number() {
                    item["windowSeconds"] = item["window"].take();
                }
                item.as_object_mut()
                    .unwrap()
                    .retain(|_, value| !value.is_null());
            });
        },
        &[
            "external/item-fields",
            "external/window",
            "external/protobuf",
            "custom/v1beta1",
        ],
    ),
    answering(
        "a number as the value",
        |_, reply| {
            if is_list(reply) {
                reply.each("items", |item| item["value"] = json!(1.5));
            }
        },
        &[
            "external/canonical-value",
            "external/value",
            "external/protobuf",
        ],
    ),
    answering(
        "a time with a fraction",
        |_, reply| {
            reply.each("items", |item| {
                if item.get("timestamp").is_some() {
                    item["timestamp"] = json!("2026-01-02T04:04:05.5+01:00");
                }
            });
        },
        &[
            "external/timestamp",
            "external/protobuf",
            "custom/timestamp",
        ],
    ),
    answering(
        "no labels",
        |_, reply| {
            reply.each("items", |item| {
                item.as_object_mut().unwrap().remove("metricLabels");
            });
        },
        &[
            "external/item-fields",
            "external/protobuf",
            "external/selector-operators",
            "external/selector-as-the-aggregator-writes-it",
            "external/no-selector",
        ],
    ),
    answering(
        "null for no items",
        |_, reply| {
            if is_list(reply) && reply.json()["items"] == json!([]) {
                reply.edit(|list| list["items"] = Value::Null);
            }
        },
        &["external/empty-list"],
    ),
    answering(
        "the first value alone",
        |_, reply| {
            if is_list(reply) {
                reply.edit(|list| list["items"].as_array_mut().unwrap().truncate(1));
            }
        },
        &["external/several-values"],
    ),
    answering(
        "an unknown metric is empty",
        |asked, reply| {
            if reply.code() == 404 && asked.uri.path().ends_with("/conformance-no-such-metric") {
                reply.coded(200);
                reply.edit(|json| {
                    *json = json!({
                        "kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1",
                        "metadata": {}, "items": [],
                    });
                });
            }
        },
        &[
            "external/unknown-metric",
            "external/no-such-path",
            "external/refusal-in-protobuf",
            "custom/unknown-metric",
            "custom/unknown-metric-of-all",
        ],
    ),
    answering(
        "errors as text",
        |_, reply| {
            if reply.is("Status") {
                let told = reply.json()["message"].to_string();
                reply.text(&told);
            }
        },
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
            "limits/deadline",
        ],
    ),
    dropping!(
        "selectors are dropped",
        "labelSelector=",
        &[
            "external/selector-operators",
            "external/selector-as-the-aggregator-writes-it",
            "external/bad-selector",
            "custom/label-selector",
            "custom/unknown-metric-of-all",
            "custom/bad-selector",
        ],
    ),
    asking(
        "JSON alone",
        |asked| {
            asked.headers.remove(ACCEPT);
        },
        &[
            "discovery/aggregated",
            "discovery/aggregated-not-modified",
            "external/protobuf",
            "external/yaml",
            "external/not-acceptable",
            "external/refusal-in-protobuf",
            "custom/aggregated",
            "custom/protobuf",
            "custom/not-acceptable",
        ],
    ),
    answering(
        "no stars in what is accepted",
        |asked, reply| {
            if asked
                .headers
                .get(ACCEPT)
                .is_some_and(|accepted| accepted == "application/*")
            {
                reply.coded(406);
            }
        },
        &["external/json-by-default"],
    ),
    answering(
        "a table or nothing",
        |asked, reply| {
            let accepted = asked
                .headers
                .get(ACCEPT)
                .and_then(|accepted| accepted.to_str().ok());
            if accepted.is_some_and(|accepted| accepted.contains("as=Table")) {
                reply.coded(406);
            }
        },
        &["external/table-falls-back"],
    ),
    dropping!("never pretty", "pretty=", &["external/pretty"]),
    answering(
        "a slash makes another metric",
        |asked, reply| {
            let path = asked.uri.path();
            if path.contains("/namespaces/") && path.ends_with('/') {
                reply.coded(404);
            }
        },
        &["external/trailing-slash", "custom/trailing-slash"],
    ),
    answering(
        "no list options",
        |asked, reply| {
            if asked
                .uri
                .query()
                .is_some_and(|query| query.contains("limit="))
            {
                reply.coded(400);
            }
        },
        &["external/list-options"],
    ),
    answering(
        "an empty selector is none",
        |asked, reply| {
            if asked.uri.query() == Some("labelSelector=") {
                reply.coded(400);
            }
        },
        &["external/no-selector"],
    ),
    answering(
        "namespaces are looked up",
        |asked, reply| {
            if asked.uri.path().contains("conformance-nowhere") {
                reply.coded(500);
            }
        },
        &["external/unknown-namespace"],
    ),
    dropping!(
        "fields are not selected",
        "fieldSelector=",
        &["external/bad-field-selector"]
    ),
    dropping!(
        "a bad timeout is none",
        "timeout=bogus",
        &["external/bad-timeout"]
    ),
    dropping!("a watch is a list", "watch=", &["external/watch"]),
    answering(
        "names with slashes",
        |asked, reply| {
            if asked.uri.path().contains("%2F") {
                claims(reply, "1");
            }
        },
        &["external/name-with-a-slash"],
    ),
    answering(
        "status is of the namespace",
        |asked, reply| {
            if asked.uri.path().ends_with("/status") {
                claims(reply, "1");
            }
        },
        &["external/reserved-name"],
    ),
    answering(
        "HEAD is answered",
        |asked, reply| {
            if asked.method == Method::HEAD {
                reply.coded(200);
            }
        },
        &["external/head", "custom/methods"],
    ),
    answering(
        "away is an error within",
        |_, reply| {
            if reply.code() == 503 {
                reply.coded(500);
            }
        },
        &["external/unavailable"],
    ),
    answering(
        "busy for nobody knows how long",
        |_, reply| {
            if reply.code() == 429 {
                reply.edit(|status| status["details"] = json!({}));
            }
        },
        &["external/throttled"],
    ),
    answering(
        "come again in half a minute",
        |_, reply| {
            if matches!(reply.code(), 429 | 503) {
                reply.header("retry-after", "30");
            }
        },
        &["external/no-long-retry-after", "load/in-flight"],
    ),
];
