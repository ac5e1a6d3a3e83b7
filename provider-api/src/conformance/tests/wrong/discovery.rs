//! Wrong about what there is.

use http::header::{ACCEPT, IF_NONE_MATCH};
use serde_json::json;

use super::{Fault, Quirk, answering, asking, by_chance};

const LIST: &str = "/apis/external.metrics.k8s.io/v1beta1";

pub(super) const FAULTS: &[Fault] = &[
    answering(
        "resources of another kind",
        |_, reply| reply.each("resources", |one| one["kind"] = json!("Metric")),
        &["discovery/resources", "custom/resources"],
    ),
    answering(
        "no resources",
        |_, reply| {
            if reply.is("APIResourceList") {
                reply.edit(|list| list["resources"] = json!([]));
            }
        },
        &["discovery/never-empty", "custom/resources"],
    ),
    answering(
        "a slash makes another list",
        |asked, reply| {
            if asked.uri.path() == "/apis/external.metrics.k8s.io/v1beta1/" {
                reply.coded(404);
            }
        },
        &["discovery/trailing-slash"],
    ),
    answering(
        "no groups",
        |_, reply| {
            if reply.is("APIGroupList") {
                reply.edit(|list| list["groups"] = json!([]));
            }
        },
        &["discovery/groups", "custom/groups"],
    ),
    answering(
        "no preferred version",
        |_, reply| {
            if reply.is("APIGroup") {
                reply.edit(|group| group["preferredVersion"] = json!(null));
            }
        },
        &["discovery/group"],
    ),
    answering(
        "nothing aggregated",
        |_, reply| {
            if reply.is("APIGroupDiscoveryList") {
                reply.edit(|list| list["items"] = json!([]));
            }
        },
        &["discovery/aggregated", "custom/aggregated"],
    ),
    answering(
        "v2beta1 spoken",
        |asked, reply| {
            let accepted = asked
                .headers
                .get(ACCEPT)
                .and_then(|value| value.to_str().ok());
            if accepted.is_some_and(|accepted| accepted.contains("v2beta1")) {
                reply.header(
                    "content-type",
                    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
                );
            }
        },
        &["discovery/aggregated-for-kubectl"],
    ),
    answering(
        "nothing is ever modified",
        |asked, reply| {
            if asked.headers.contains_key(IF_NONE_MATCH) {
                reply.coded(304);
            }
        },
        &[
            "discovery/aggregated-not-modified",
            "discovery/list-never-304",
        ],
    ),
    answering(
        "details of a version that there is not",
        |_, reply| {
            if reply.code() == 404 {
                reply.edit(|status| status["details"] = json!({ "kind": "version" }));
            }
        },
        &["discovery/unknown-version"],
    ),
    by_chance(
        "one at a time",
        Quirk::OneAtATime,
        &["discovery/parallel-probes"],
    ),
    asking(
        "any method reads",
        |asked| asked.method = http::Method::GET,
        &[
            "discovery/read-only",
            "external/methods",
            "external/head",
            "custom/methods",
        ],
    ),
    answering(
        "more resources than configured",
        |asked, reply| {
            if asked.uri.path() == LIST {
                reply.edit(|list| {
                    let one = list["resources"][0].clone();
                    list["resources"] = json!(vec![one; 1000]);
                });
            }
        },
        &["limits/discovery"],
    ),
    answering(
        "paths of others in the schema",
        |asked, reply| {
            if asked.uri.path() == "/openapi/v2" {
                reply.edit(|page| page["paths"]["/apis/apps/v1/"] = json!({}));
            }
        },
        &["openapi/v2"],
    ),
    answering(
        "a schema without a tag",
        |asked, reply| {
            if asked.uri.path() == "/openapi/v2" {
                reply.without("etag");
            }
        },
        &["openapi/v2-not-modified"],
    ),
    answering(
        "keys of others in the schema",
        |asked, reply| {
            if asked.uri.path() == "/openapi/v3" {
                reply.edit(|index| {
                    let paths = index["paths"].as_object_mut().unwrap();
                    let first = paths.values().next().unwrap().clone();
                    paths.insert("version".to_owned(), first);
                });
            }
        },
        &["openapi/v3"],
    ),
    answering(
        "any hash is right",
        |_, reply| {
            if reply.code() == 301 {
                reply.coded(200);
            }
        },
        &["openapi/v3-hash"],
    ),
];
