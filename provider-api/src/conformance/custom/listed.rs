//! What the server says of its custom metrics.

use serde_json::{Value, json};

use super::VERSIONS;
use crate::conformance::{
    Subject,
    answer::{equal, holds},
    case::{Case, Verdict},
};

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "custom/resources",
        promise: "both versions list resource/metric, of kind MetricValueList, to be got, and never nothing",
        relied_on: "the API server probes this document before it sends anybody to us",
        check: |subject| Box::pin(resources(subject)),
    },
    Case {
        name: "custom/resources-scope",
        promise: "metrics of objects without a namespace, and of namespaces themselves, are listed as not namespaced",
        relied_on: "clients put the namespace into the path, or leave it out, by this",
        check: |subject| Box::pin(scope(subject)),
    },
    Case {
        name: "custom/groups",
        promise: "/apis lists the group",
        relied_on: "the aggregator, and older clients that ask the server itself",
        check: |subject| Box::pin(groups(subject)),
    },
    Case {
        name: "custom/aggregated",
        promise: "aggregated discovery has the group: a resource for each kind of object, a subresource for each metric",
        relied_on: "what is missing here is missing in kubectl api-resources, without any error",
        check: |subject| Box::pin(aggregated(subject)),
    },
    Case {
        name: "custom/unknown-version",
        promise: "a version that there is not is a 404 Status",
        relied_on: "clients try versions",
        check: |subject| Box::pin(unknown_version(subject)),
    },
];

fn entries(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

async fn resources(subject: &Subject) -> Verdict {
    subject.custom()?;
    for version in VERSIONS {
        let path = format!("/apis/custom.metrics.k8s.io/{version}");
        let list = subject.get(&path).send().await?.document()?;
        equal("kind", &list["kind"], "APIResourceList")?;
        equal(
            "groupVersion",
            &list["groupVersion"],
            format!("custom.metrics.k8s.io/{version}"),
        )?;
        let resources = entries(&list["resources"]);
        holds(
            !resources.is_empty(),
            "resources: at least one entry",
            &list,
        )?;
        for resource in resources {
            equal("kind", &resource["kind"], "MetricValueList")?;
            equal("verbs", &resource["verbs"], json!(["get"]))?;
        }
        let slash = subject.get(&format!("{path}/")).send().await?.document()?;
        equal("the list with a slash", &slash, list)?;
    }
    Ok(())
}

async fn scope(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    let list = subject
        .get("/apis/custom.metrics.k8s.io/v1beta1")
        .send()
        .await?
        .document()?;
    let mut expected = vec![(format!("{}/{}", custom.resource, custom.metric), true)];
    if let Some((resource, _, metric)) = &custom.root {
        expected.push((format!("{resource}/{metric}"), false));
    }
    if let Some(metric) = &custom.of_namespace {
        expected.push((format!("namespaces/{metric}"), false));
    }
    for (name, namespaced) in expected {
        // A server may list some of its metrics only, but none of them wrongly.
        for entry in entries(&list["resources"])
            .iter()
            .filter(|entry| entry["name"] == *name)
        {
            equal(
                &format!("namespaced of {name}"),
                &entry["namespaced"],
                namespaced,
            )?;
        }
    }
    Ok(())
}

async fn groups(subject: &Subject) -> Verdict {
    subject.custom()?;
    let list = subject
        .get("/apis")
        .accept("application/json")
        .send()
        .await?
        .document()?;
    let group = entries(&list["groups"])
        .iter()
        .find(|group| group["name"] == "custom.metrics.k8s.io");
    let group = group.unwrap_or(&Value::Null);
    let listed = entries(&group["versions"])
        .iter()
        .any(|version| version["version"] == "v1beta1");
    holds(listed, "custom.metrics.k8s.io with v1beta1", &list)?;
    let preferred = &group["preferredVersion"];
    let known = entries(&group["versions"]).contains(preferred);
    holds(known, "preferredVersion: one of the versions", group)
}

async fn aggregated(subject: &Subject) -> Verdict {
    subject.custom()?;
    let ask = subject
        .get("/apis")
        .accept("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let list = ask.send().await?.coded(200)?.json()?;
    let group = entries(&list["items"])
        .iter()
        .find(|item| item["metadata"]["name"] == "custom.metrics.k8s.io");
    let versions = entries(&group.unwrap_or(&Value::Null)["versions"]);
    for name in VERSIONS {
        let version = versions.iter().find(|version| version["version"] == name);
        let version = version.unwrap_or(&Value::Null);
        let resources = entries(&version["resources"]);
        holds(!resources.is_empty(), format!("resources of {name}"), &list)?;
        for resource in resources {
            holds(
                !resource["responseKind"].is_null(),
                "responseKind: not null",
                resource,
            )?;
            for subresource in entries(&resource["subresources"]) {
                equal(
                    "responseKind.kind",
                    &subresource["responseKind"]["kind"],
                    "MetricValueList",
                )?;
            }
        }
    }
    Ok(())
}

async fn unknown_version(subject: &Subject) -> Verdict {
    subject.custom()?;
    let path = "/apis/custom.metrics.k8s.io/v1beta9";
    subject.get(path).send().await?.refusal(404, "NotFound")?;
    Ok(())
}
