//! What the cluster is asked about who reads a custom metric.

use serde_json::{Value, json};

use crate::conformance::{
    Subject,
    answer::equal,
    case::{Case, Miss, Verdict},
};

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "custom/access-to-one",
        promise: "reading one object's metric is asked about as getting the subresource of its name of that object",
        relied_on: "RBAC rules per metric: verb get, resources [\"pods/requests\"]",
        check: |subject| Box::pin(to_one(subject)),
    },
    Case {
        name: "custom/access-to-all",
        promise: "reading all is the same with the name `*`",
        relied_on: "RBAC rules with resourceNames",
        check: |subject| Box::pin(to_all(subject)),
    },
    Case {
        name: "custom/access-to-root-scoped",
        promise: "an object without a namespace is asked about without one",
        relied_on: "ClusterRoles alone give such a right",
        check: |subject| Box::pin(to_root_scoped(subject)),
    },
    Case {
        name: "custom/access-to-namespace-metric",
        promise: "a namespace's own metric is asked about as the resource `metrics` of the metric's name",
        relied_on: "Kubernetes' path parser reads it so, and RBAC rules are written for that",
        check: |subject| Box::pin(to_namespace_metric(subject)),
    },
    Case {
        name: "custom/denied",
        promise: "a refusal names the user, the verb, the resource with its metric, and the cluster's reason",
        relied_on: "a person who writes the missing rule",
        check: |subject| Box::pin(denied(subject)),
    },
];

/// That one question was asked, and this one.
async fn asked(subject: &Subject, word: &str, tail: &str, expected: Value) -> Verdict {
    let user = subject.user(word);
    let path = subject.custom_path("v1beta2", tail);
    subject.get_as(&user, &path)?.send().await?;
    match subject.access_reviews(&user).await?.as_slice() {
        [spec] => equal("resourceAttributes", &spec["resourceAttributes"], expected),
        all => Err(Miss::fault(
            format!("one SubjectAccessReview for {user}"),
            Value::from(all),
        )),
    }
}

fn attributes(mut more: Value) -> Value {
    more["verb"] = json!("get");
    more["group"] = json!("custom.metrics.k8s.io");
    more["version"] = json!("v1beta2");
    more
}

async fn to(subject: &Subject, word: &str, object: &str) -> Verdict {
    let custom = subject.custom()?;
    let namespace = &subject.surroundings.namespace;
    let unknown = &subject.surroundings.unknown;
    let (resource, _) = custom
        .resource
        .split_once('.')
        .unwrap_or((&custom.resource, ""));
    let tail = format!("namespaces/{namespace}/{resource}/{object}/{unknown}");
    let expected = json!({
        "namespace": namespace, "resource": resource, "subresource": unknown, "name": object,
    });
    asked(subject, word, &tail, attributes(expected)).await
}

async fn to_one(subject: &Subject) -> Verdict {
    to(subject, "getter", &subject.custom()?.object).await
}

async fn to_all(subject: &Subject) -> Verdict {
    to(subject, "getter-of-all", "*").await
}

async fn to_root_scoped(subject: &Subject) -> Verdict {
    subject.custom()?;
    let unknown = &subject.surroundings.unknown;
    let expected = json!({ "resource": "nodes", "subresource": unknown, "name": "node-1" });
    asked(
        subject,
        "node-getter",
        &format!("nodes/node-1/{unknown}"),
        attributes(expected),
    )
    .await
}

async fn to_namespace_metric(subject: &Subject) -> Verdict {
    subject.custom()?;
    let namespace = &subject.surroundings.namespace;
    let unknown = &subject.surroundings.unknown;
    let tail = format!("namespaces/{namespace}/metrics/{unknown}");
    let expected = json!({ "namespace": namespace, "resource": "metrics", "name": unknown });
    asked(subject, "namespace-getter", &tail, attributes(expected)).await
}

async fn denied(subject: &Subject) -> Verdict {
    subject.custom()?;
    let user = subject.user("denied-getter");
    let namespace = &subject.surroundings.namespace;
    let unknown = &subject.surroundings.unknown;
    let group = "custom.metrics.k8s.io";
    let path = subject.custom_path(
        "v1beta1",
        &format!("namespaces/{namespace}/pods/*/{unknown}"),
    );
    let answer = subject.get_as(&user, &path)?.send().await?;
    answer.header_has("x-content-type-options", "nosniff")?;
    let status = answer.refusal(403, "Forbidden")?;
    let expected = format!(
        "pods.{group} \"*\" is forbidden: User \"{user}\" cannot get resource \"pods/{unknown}\" in API group \"{group}\" in the namespace \"{namespace}\": the stub denies it"
    );
    equal("message", &status["message"], expected)?;
    let details = json!({ "name": "*", "group": group, "kind": "pods" });
    equal("details", &status["details"], details)
}
