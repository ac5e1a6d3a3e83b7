//! What the server says it has: read by the API server each minute, and by kubectl.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{
    Subject,
    answer::{equal, holds},
    case::{Case, Verdict},
};

const GROUP: &str = "external.metrics.k8s.io";
const RESOURCES: &str = "/apis/external.metrics.k8s.io/v1beta1";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "discovery/resources",
        promise: "the group-version lists its resources, each namespaced, of kind ExternalMetricValueList, to be got",
        relied_on: "the API server probes this document before it sends anybody to us",
        check: |subject| Box::pin(resources(subject)),
    },
    Case {
        name: "discovery/never-empty",
        promise: "the list of resources has an entry, also when no metric is known",
        relied_on: "client-go takes an empty list for an error: kubectl, helm and flux complain on every call",
        check: |subject| Box::pin(never_empty(subject)),
    },
    Case {
        name: "discovery/trailing-slash",
        promise: "the list is the same with a slash at its end",
        relied_on: "people and proxies add one",
        check: |subject| Box::pin(trailing_slash(subject)),
    },
    Case {
        name: "discovery/groups",
        promise: "/apis lists the group with its version, and the version that is preferred",
        relied_on: "older clients that ask the server itself",
        check: |subject| Box::pin(groups(subject)),
    },
    Case {
        name: "discovery/group",
        promise: "/apis/<group> is the group, as in /apis",
        relied_on: "older clients that ask the server itself",
        check: |subject| Box::pin(group(subject)),
    },
    Case {
        name: "discovery/aggregated",
        promise: "/apis answers the aggregator's question with an APIGroupDiscoveryList that holds the resources",
        relied_on: "what is missing here is missing in kubectl api-resources, without any error",
        check: |subject| Box::pin(aggregated(subject)),
    },
    Case {
        name: "discovery/aggregated-for-kubectl",
        promise: "a client that lists v2, v2beta1 and plain JSON gets v2 or plain JSON, never v2beta1",
        relied_on: "every client lists all three",
        check: |subject| Box::pin(aggregated_for_kubectl(subject)),
    },
    Case {
        name: "discovery/aggregated-not-modified",
        promise: "the aggregated document has a quoted ETag, and a 304 to whoever has it already",
        relied_on: "each API server reads it each minute",
        check: |subject| Box::pin(aggregated_not_modified(subject)),
    },
    Case {
        name: "discovery/list-never-304",
        promise: "the plain list is a 200 whatever If-None-Match says",
        relied_on: "the aggregator sends it along, and takes 304 for a failure",
        check: |subject| Box::pin(list_never_304(subject)),
    },
    Case {
        name: "discovery/unknown-version",
        promise: "a version that there is not is a 404 Status with empty details",
        relied_on: "clients try versions",
        check: |subject| Box::pin(unknown_version(subject)),
    },
    Case {
        name: "discovery/parallel-probes",
        promise: "five probes at once are all answered, and so is the next when four of them are cancelled",
        relied_on: "this is how the API server probes: the first answer counts, the rest is cancelled",
        check: |subject| Box::pin(parallel_probes(subject)),
    },
    Case {
        name: "discovery/read-only",
        promise: "a POST to the list is a 405",
        relied_on: "tools tell a wrong method from a wrong path",
        check: |subject| Box::pin(read_only(subject)),
    },
];

async fn resources(subject: &Subject) -> Verdict {
    let list = subject.get(RESOURCES).send().await?.document()?;
    equal("kind", &list["kind"], "APIResourceList")?;
    equal("apiVersion", &list["apiVersion"], "v1")?;
    equal(
        "groupVersion",
        &list["groupVersion"],
        format!("{GROUP}/v1beta1"),
    )?;
    holds(
        list["resources"].is_array(),
        "resources: an array",
        &list["resources"],
    )?;
    for resource in entries(&list["resources"]) {
        let name = resource["name"].as_str().unwrap_or_default();
        holds(!name.is_empty(), "a resource with a name", resource)?;
        equal("namespaced", &resource["namespaced"], true)?;
        equal("kind", &resource["kind"], "ExternalMetricValueList")?;
        equal("verbs", &resource["verbs"], json!(["get"]))?;
    }
    Ok(())
}

async fn never_empty(subject: &Subject) -> Verdict {
    let list = subject.get(RESOURCES).send().await?.document()?;
    let some = !entries(&list["resources"]).is_empty();
    holds(some, "resources: at least one entry", &list["resources"])
}

async fn trailing_slash(subject: &Subject) -> Verdict {
    let list = subject.get(RESOURCES).send().await?.document()?;
    let slash = format!("{RESOURCES}/");
    let same = subject.get(&slash).send().await?.document()?;
    equal("the list", &same, list)
}

async fn groups(subject: &Subject) -> Verdict {
    let list = subject
        .get("/apis")
        .accept("application/json")
        .send()
        .await?
        .document()?;
    equal("kind", &list["kind"], "APIGroupList")?;
    equal("apiVersion", &list["apiVersion"], "v1")?;
    let ours = entries(&list["groups"])
        .iter()
        .find(|group| group["name"] == GROUP);
    versions(ours.unwrap_or(&Value::Null))
}

async fn group(subject: &Subject) -> Verdict {
    let path = format!("/apis/{GROUP}");
    let group = subject.get(&path).send().await?.document()?;
    equal("kind", &group["kind"], "APIGroup")?;
    equal("name", &group["name"], GROUP)?;
    versions(&group)
}

fn versions(group: &Value) -> Verdict {
    let version = json!({ "groupVersion": format!("{GROUP}/v1beta1"), "version": "v1beta1" });
    let listed = entries(&group["versions"]).contains(&version);
    holds(listed, format!("{GROUP} with the version {version}"), group)?;
    equal("preferredVersion", &group["preferredVersion"], version)
}

async fn aggregated(subject: &Subject) -> Verdict {
    let answer = subject
        .get("/apis")
        .accept(AGGREGATED)
        .send()
        .await?
        .coded(200)?;
    for part in ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"] {
        answer.header_has("content-type", part)?;
    }
    answer.header_has("vary", "accept")?;
    let list = answer.json()?;
    equal("kind", &list["kind"], "APIGroupDiscoveryList")?;
    equal("apiVersion", &list["apiVersion"], "apidiscovery.k8s.io/v2")?;
    let group = entries(&list["items"])
        .iter()
        .find(|item| item["metadata"]["name"] == GROUP);
    let group = group.unwrap_or(&Value::Null);
    let version = entries(&group["versions"])
        .iter()
        .find(|version| version["version"] == "v1beta1");
    let version = version.unwrap_or(&Value::Null);
    holds(
        !version.is_null(),
        format!("{GROUP} v1beta1 among the items"),
        &list,
    )?;
    equal("freshness", &version["freshness"], "Current")?;
    let resources = entries(&version["resources"]);
    holds(
        !resources.is_empty(),
        "resources: at least one entry",
        version,
    )?;
    for resource in resources {
        equal("scope", &resource["scope"], "Namespaced")?;
        equal("verbs", &resource["verbs"], json!(["get"]))?;
        equal(
            "responseKind.kind",
            &resource["responseKind"]["kind"],
            "ExternalMetricValueList",
        )?;
    }
    Ok(())
}

async fn aggregated_for_kubectl(subject: &Subject) -> Verdict {
    let listed = format!(
        "{AGGREGATED},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
    );
    let answer = subject
        .get("/apis")
        .accept(&listed)
        .send()
        .await?
        .coded(200)?;
    let kind = answer.json()?["kind"].clone();
    let version = answer.header("content-type").to_owned();
    holds(
        kind == "APIGroupDiscoveryList" && version.contains("v=v2;") || kind == "APIGroupList",
        "APIGroupDiscoveryList of v2, or APIGroupList",
        format!("{kind} as {version}"),
    )
}

async fn aggregated_not_modified(subject: &Subject) -> Verdict {
    let first = subject
        .get("/apis")
        .accept(AGGREGATED)
        .send()
        .await?
        .coded(200)?;
    let tag = first.header("etag").to_owned();
    let quoted = tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"');
    holds(quoted, "ETag: a text in quotes", format!("ETag: {tag}"))?;
    let again = subject
        .get("/apis")
        .accept(AGGREGATED)
        .header("if-none-match", &tag);
    again.send().await?.coded(304)?;
    let other = subject
        .get("/apis")
        .accept(AGGREGATED)
        .header("if-none-match", "\"another\"");
    other.send().await?.coded(200)?;
    Ok(())
}

async fn list_never_304(subject: &Subject) -> Verdict {
    let first = subject.get("/apis").accept(AGGREGATED).send().await?;
    let tag = match first.header("etag") {
        "" => "*",
        tag => tag,
    };
    let list = subject
        .get(RESOURCES)
        .accept("application/json")
        .header("if-none-match", tag);
    list.send().await?.document()?;
    Ok(())
}

async fn unknown_version(subject: &Subject) -> Verdict {
    let path = format!("/apis/{GROUP}/v1beta2");
    let status = subject.get(&path).send().await?.refusal(404, "NotFound")?;
    equal("details", &status["details"], json!({}))
}

async fn parallel_probes(subject: &Subject) -> Verdict {
    let probe = || subject.get(RESOURCES).send();
    for answer in join_all((0..5).map(|_| probe())).await {
        answer?.document()?;
    }
    // The losers of a race are dropped, and their connections with them.
    let race = futures_util::future::select_all((0..5).map(|_| Box::pin(probe())));
    race.await.0?.document()?;
    probe().await?.document()?;
    Ok(())
}

async fn read_only(subject: &Subject) -> Verdict {
    let answer = subject.ask(Method::POST, RESOURCES).send().await?;
    answer.refusal(405, "MethodNotAllowed")?;
    Ok(())
}

/// The entries of what should be an array.
fn entries(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
