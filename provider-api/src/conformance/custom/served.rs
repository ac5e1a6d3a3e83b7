//! Custom metrics that there are.

use serde_json::{Value, json};

use super::{VERSIONS, item, list, one};
use crate::conformance::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
    protobuf,
};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "custom/list",
        promise: "one object's metric is a MetricValueList of the version in the path, with exactly one item",
        relied_on: "clients take any other number of items for an error, and the kind to choose how to decode",
        check: |subject| Box::pin(kind(subject)),
    },
    Case {
        name: "custom/v1beta1",
        promise: "v1beta1 names the metric by `metricName` and `selector`, and a window by `window`",
        relied_on: "each version has names of its own, and clients read only theirs",
        check: |subject| Box::pin(v1beta1(subject)),
    },
    Case {
        name: "custom/v1beta2",
        promise: "v1beta2 names the metric by `metric.name` and `metric.selector`, and a window by `windowSeconds`",
        relied_on: "each version has names of its own, and clients read only theirs",
        check: |subject| Box::pin(v1beta2(subject)),
    },
    Case {
        name: "custom/object",
        promise: "an item describes the object that was asked for, with kind, namespace and name",
        relied_on: "the autoscaler finds the pods by it",
        check: |subject| Box::pin(object(subject)),
    },
    Case {
        name: "custom/value",
        promise: "the object's metric has the value that was told, in both versions",
        relied_on: "the autoscaler scales by it",
        check: |subject| Box::pin(value(subject)),
    },
    Case {
        name: "custom/timestamp",
        promise: "a timestamp is in UTC with a Z and whole seconds, or null",
        relied_on: "Kubernetes' readers of time",
        check: |subject| Box::pin(timestamp(subject)),
    },
    Case {
        name: "custom/protobuf",
        promise: "a client that prefers protobuf reads protobuf, of the version in the path, and in it the same values",
        relied_on: "the HPA controller asks for it first",
        check: |subject| Box::pin(in_protobuf(subject)),
    },
    Case {
        name: "custom/root-scoped",
        promise: "an object without a namespace is read without one, and described without one",
        relied_on: "metrics of nodes",
        check: |subject| Box::pin(root_scoped(subject)),
    },
    Case {
        name: "custom/namespace-metric",
        promise: "namespaces/<namespace>/metrics/<metric> is a metric of the namespace itself",
        relied_on: "there is no other path for it",
        check: |subject| Box::pin(namespace_metric(subject)),
    },
];

async fn kind(subject: &Subject) -> Verdict {
    for version in VERSIONS {
        let path = one(subject, version)?;
        let list = list(subject, &path).await?;
        equal("kind", &list["kind"], "MetricValueList")?;
        equal(
            "apiVersion",
            &list["apiVersion"],
            format!("custom.metrics.k8s.io/{version}"),
        )?;
        holds(list["metadata"].is_object(), "metadata: an object", &list)?;
        item(subject, &path).await?;
    }
    Ok(())
}

/// That an item has no fields that its version does not know.
fn known(item: &Value, fields: &[&str]) -> Verdict {
    for field in item.as_object().into_iter().flat_map(serde_json::Map::keys) {
        holds(
            fields.contains(&field.as_str()),
            format!("fields among {fields:?}"),
            field,
        )?;
    }
    Ok(())
}

fn whole(window: Option<&Value>) -> Verdict {
    match window {
        None => Ok(()),
        Some(window) => holds(
            window.as_i64().is_some(),
            "a window in whole seconds",
            window,
        ),
    }
}

async fn v1beta1(subject: &Subject) -> Verdict {
    let item = item(subject, &one(subject, "v1beta1")?).await?;
    known(
        &item,
        &[
            "describedObject",
            "metricName",
            "timestamp",
            "window",
            "value",
            "selector",
        ],
    )?;
    equal(
        "metricName",
        &item["metricName"],
        subject.custom()?.metric.as_str(),
    )?;
    whole(item.get("window"))
}

async fn v1beta2(subject: &Subject) -> Verdict {
    let item = item(subject, &one(subject, "v1beta2")?).await?;
    known(
        &item,
        &[
            "describedObject",
            "metric",
            "timestamp",
            "windowSeconds",
            "value",
        ],
    )?;
    known(&item["metric"], &["name", "selector"])?;
    equal(
        "metric.name",
        &item["metric"]["name"],
        subject.custom()?.metric.as_str(),
    )?;
    whole(item.get("windowSeconds"))
}

async fn object(subject: &Subject) -> Verdict {
    for version in VERSIONS {
        let item = item(subject, &one(subject, version)?).await?;
        let object = &item["describedObject"];
        equal(
            "describedObject.name",
            &object["name"],
            subject.custom()?.object.as_str(),
        )?;
        let namespace = subject.surroundings.namespace.as_str();
        equal("describedObject.namespace", &object["namespace"], namespace)?;
        let kind = object["kind"].as_str().unwrap_or_default();
        holds(!kind.is_empty(), "describedObject.kind: a kind", object)?;
    }
    Ok(())
}

async fn value(subject: &Subject) -> Verdict {
    let expected = subject.custom()?.value.as_deref();
    let expected = expected.ok_or_else(|| Miss::Skipped("needs --custom-value".to_owned()))?;
    for version in VERSIONS {
        let item = item(subject, &one(subject, version)?).await?;
        equal("value", &item["value"], expected)?;
    }
    Ok(())
}

async fn timestamp(subject: &Subject) -> Verdict {
    for version in VERSIONS {
        let item = item(subject, &one(subject, version)?).await?;
        let written = &item["timestamp"];
        let text = written.as_str().unwrap_or_default();
        let whole = text.ends_with('Z') && text.len() == "2026-01-02T03:04:05Z".len();
        holds(
            whole || written.is_null(),
            "timestamp: like 2026-01-02T03:04:05Z, or null",
            written,
        )?;
    }
    Ok(())
}

async fn in_protobuf(subject: &Subject) -> Verdict {
    for version in VERSIONS {
        let path = one(subject, version)?;
        let item = item(subject, &path).await?;
        let accepted = format!("{PROTOBUF}, */*");
        let answer = subject
            .get(&path)
            .accept(&accepted)
            .send()
            .await?
            .coded(200)?;
        answer.media_type(PROTOBUF)?;
        let seen = || format!("{:?}", answer.body);
        let Some((api_version, kind, list)) = protobuf::envelope(&answer.body) else {
            return Err(Miss::fault(
                "the envelope `k8s\\0` and a runtime.Unknown",
                seen(),
            ));
        };
        equal("kind", &kind.into(), "MetricValueList")?;
        equal(
            "apiVersion",
            &api_version.into(),
            format!("custom.metrics.k8s.io/{version}"),
        )?;
        let Some(values) = protobuf::custom_values(&list) else {
            return Err(Miss::fault("a MetricValueList", seen()));
        };
        let expected =
            json!([{ "object": item["describedObject"]["name"], "value": item["value"] }]);
        equal("object and value", &values, expected)?;
    }
    Ok(())
}

async fn root_scoped(subject: &Subject) -> Verdict {
    let Some((resource, object, metric)) = &subject.custom()?.root else {
        return Err(Miss::Skipped("needs --custom-root".to_owned()));
    };
    for version in VERSIONS {
        let tail = format!("{resource}/{object}/{metric}");
        let item = item(subject, &subject.custom_path(version, &tail)).await?;
        let described = &item["describedObject"];
        equal("describedObject.name", &described["name"], object.as_str())?;
        let namespace = described["namespace"].as_str().unwrap_or_default();
        holds(
            namespace.is_empty(),
            "describedObject without a namespace",
            described,
        )?;
        let all = list(
            subject,
            &subject.custom_path(version, &format!("{resource}/*/{metric}")),
        )
        .await?;
        let there = super::objects(&all).contains(&object.as_str());
        holds(there, format!("{object} among all"), &all)?;
    }
    Ok(())
}

async fn namespace_metric(subject: &Subject) -> Verdict {
    let Some(metric) = &subject.custom()?.of_namespace else {
        return Err(Miss::Skipped("needs --custom-of-namespace".to_owned()));
    };
    let namespace = subject.surroundings.namespace.as_str();
    for version in VERSIONS {
        let tail = format!("namespaces/{namespace}/metrics/{metric}");
        let item = item(subject, &subject.custom_path(version, &tail)).await?;
        equal(
            "describedObject.name",
            &item["describedObject"]["name"],
            namespace,
        )?;
    }
    Ok(())
}
