//! External metrics that there are.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::conformance::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
    protobuf,
    subject::named,
};
use crate::{ExternalMetric, Quantity};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// What kubectl accepts when it is told to get a metric as a resource.
const KUBECTL: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "external/list",
        promise: "a metric is an ExternalMetricValueList with metadata and items",
        relied_on: "every client decodes this and nothing else",
        check: |subject| Box::pin(list(subject)),
    },
    Case {
        name: "external/item-fields",
        promise: "an item has metricName, metricLabels, timestamp and value, and no fields that Kubernetes does not know",
        relied_on: "clients of other languages read the fields by these names",
        check: |subject| Box::pin(item_fields(subject)),
    },
    Case {
        name: "external/window",
        promise: "a window is a whole number of seconds under the name `window`",
        relied_on: "the Go field is called WindowSeconds, and servers by hand call it so",
        check: |subject| Box::pin(window(subject)),
    },
    Case {
        name: "external/timestamp",
        promise: "a timestamp is RFC 3339 in UTC with a Z and whole seconds, or null",
        relied_on: "Kubernetes' readers of time",
        check: |subject| Box::pin(timestamp(subject)),
    },
    Case {
        name: "external/canonical-value",
        promise: "a value is a text, a quantity in its canonical form",
        relied_on: "people compare what they read with what they wrote",
        check: |subject| Box::pin(canonical_value(subject)),
    },
    Case {
        name: "external/value",
        promise: "the metric that is known has the value that was told",
        relied_on: "the autoscaler scales by it",
        check: |subject| Box::pin(value(subject)),
    },
    Case {
        name: "external/json-by-default",
        promise: "a client that accepts anything, or says nothing, reads JSON",
        relied_on: "curl, and kubectl get --raw",
        check: |subject| Box::pin(json_by_default(subject)),
    },
    Case {
        name: "external/protobuf",
        promise: "a client that prefers protobuf reads protobuf, and in it the same as in JSON",
        relied_on: "the HPA controller asks for it first",
        check: |subject| Box::pin(in_protobuf(subject)),
    },
    Case {
        name: "external/yaml",
        promise: "a client that accepts YAML alone reads YAML",
        relied_on: "kubectl get --raw with an Accept header",
        check: |subject| Box::pin(yaml(subject)),
    },
    Case {
        name: "external/table-falls-back",
        promise: "a client that would like a table and can do without reads plain JSON",
        relied_on: "kubectl get <metric>.external.metrics.k8s.io",
        check: |subject| Box::pin(table_falls_back(subject)),
    },
    Case {
        name: "external/pretty",
        promise: "JSON is indented for ?pretty=true and on one line without",
        relied_on: "people with curl",
        check: |subject| Box::pin(pretty(subject)),
    },
    Case {
        name: "external/trailing-slash",
        promise: "a slash after the metric's name changes nothing",
        relied_on: "people and proxies add one",
        check: |subject| Box::pin(trailing_slash(subject)),
    },
    Case {
        name: "external/list-options",
        promise: "list options that mean nothing here are accepted: limit, resourceVersion, a known fieldSelector",
        relied_on: "clients made for lists send them",
        check: |subject| Box::pin(list_options(subject)),
    },
    Case {
        name: "external/empty-list",
        promise: "no values are an empty array, never null",
        relied_on: "clients that iterate",
        check: |subject| Box::pin(empty_list(subject)),
    },
    Case {
        name: "external/several-values",
        promise: "all values are there, always in the same order",
        relied_on: "the autoscaler adds them up and logs the first one's time",
        check: |subject| Box::pin(several_values(subject)),
    },
];

async fn served(subject: &Subject) -> Result<Value, Miss> {
    subject.get(&subject.metric()?).send().await?.document()
}

/// The one item that the known metric has.
async fn item(subject: &Subject) -> Result<Value, Miss> {
    let list = served(subject).await?;
    match list["items"].as_array().map(Vec::as_slice) {
        Some([item]) => Ok(item.clone()),
        _ => Err(Miss::fault("items: exactly one", &list["items"])),
    }
}

async fn list(subject: &Subject) -> Verdict {
    let list = served(subject).await?;
    equal("kind", &list["kind"], "ExternalMetricValueList")?;
    equal(
        "apiVersion",
        &list["apiVersion"],
        ExternalMetric::API_VERSION,
    )?;
    holds(list["metadata"].is_object(), "metadata: an object", &list)?;
    item(subject).await?;
    Ok(())
}

async fn item_fields(subject: &Subject) -> Verdict {
    let item = item(subject).await?;
    equal("metricName", &item["metricName"], subject.metric_name()?)?;
    let fields = item.as_object().cloned().unwrap_or_default();
    for field in ["metricName", "metricLabels", "timestamp", "value"] {
        holds(
            fields.contains_key(field),
            format!("the field {field}"),
            &item,
        )?;
    }
    let known = ["metricName", "metricLabels", "timestamp", "window", "value"];
    for field in fields.keys() {
        holds(
            known.contains(&field.as_str()),
            format!("fields among {known:?}"),
            field,
        )?;
    }
    let labels = &item["metricLabels"];
    let texts = labels
        .as_object()
        .is_some_and(|labels| labels.values().all(Value::is_string));
    holds(
        texts || labels.is_null(),
        "metricLabels: texts by name, or null",
        labels,
    )
}

async fn window(subject: &Subject) -> Verdict {
    let item = item(subject).await?;
    let renamed = item.get("windowSeconds").is_some();
    holds(!renamed, "no field windowSeconds in this group", &item)?;
    match item.get("window") {
        None => Ok(()),
        Some(window) => holds(window.as_i64().is_some(), "window: a whole number", window),
    }
}

async fn timestamp(subject: &Subject) -> Verdict {
    let item = item(subject).await?;
    let written = &item["timestamp"];
    let whole = written.as_str().is_some_and(|text| {
        OffsetDateTime::parse(text, &Rfc3339).is_ok() && text.ends_with('Z') && !text.contains('.')
    });
    holds(
        whole || written.is_null(),
        "timestamp: like 2026-01-02T03:04:05Z, or null",
        written,
    )
}

async fn canonical_value(subject: &Subject) -> Verdict {
    let item = item(subject).await?;
    let written = item["value"].as_str().unwrap_or_default();
    let canonical = written
        .parse::<Quantity>()
        .map(|quantity| quantity.to_string());
    let Ok(canonical) = canonical else {
        return Err(Miss::fault("value: the text of a quantity", &item["value"]));
    };
    equal("value", &item["value"], canonical)
}

async fn value(subject: &Subject) -> Verdict {
    let expected = named(&subject.surroundings.value, "value")?;
    equal("value", &item(subject).await?["value"], expected)
}

async fn json_by_default(subject: &Subject) -> Verdict {
    let path = subject.metric()?;
    for accepted in ["*/*", "application/*", "application/json"] {
        let list = subject
            .get(&path)
            .accept(accepted)
            .send()
            .await?
            .document()?;
        equal("kind", &list["kind"], "ExternalMetricValueList")?;
    }
    Ok(())
}

async fn in_protobuf(subject: &Subject) -> Verdict {
    let before = served(subject).await?;
    let accepted = format!("{PROTOBUF}, */*");
    let answer = subject
        .get(&subject.metric()?)
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
    equal("kind", &kind.into(), "ExternalMetricValueList")?;
    equal(
        "apiVersion",
        &api_version.into(),
        ExternalMetric::API_VERSION,
    )?;
    let Some(items) = protobuf::external_items(&list) else {
        return Err(Miss::fault("an ExternalMetricValueList", seen()));
    };
    // A value may change between two questions: either neighbour will do.
    if without_null_labels(&before["items"]) == items {
        return Ok(());
    }
    let after = served(subject).await?;
    equal("items", &items, without_null_labels(&after["items"]))
}

/// The items with `{}` for no labels, which is how protobuf tells them.
fn without_null_labels(items: &Value) -> Value {
    let mut items = items.clone();
    for item in items.as_array_mut().into_iter().flatten() {
        if item["metricLabels"].is_null() {
            item["metricLabels"] = json!({});
        }
    }
    items
}

async fn yaml(subject: &Subject) -> Verdict {
    let answer = subject
        .get(&subject.metric()?)
        .accept("application/yaml")
        .send()
        .await?
        .coded(200)?;
    answer.media_type("application/yaml")?;
    let text = answer.text();
    for line in [
        "kind: ExternalMetricValueList",
        "apiVersion: external.metrics.k8s.io/v1beta1",
    ] {
        // Quotes are a matter of taste in YAML.
        let there = text
            .lines()
            .any(|seen| seen.replace(['"', '\''], "") == line);
        holds(there, format!("the line `{line}`"), &text)?;
    }
    Ok(())
}

async fn table_falls_back(subject: &Subject) -> Verdict {
    let list = subject
        .get(&subject.metric()?)
        .accept(KUBECTL)
        .send()
        .await?
        .document()?;
    equal("kind", &list["kind"], "ExternalMetricValueList")
}

async fn pretty(subject: &Subject) -> Verdict {
    let plain = subject
        .get(&subject.metric()?)
        .header("user-agent", "kubectl/v1.33.0");
    let plain = plain.send().await?.coded(200)?.text();
    holds(
        plain.trim_end().lines().count() == 1,
        "JSON on one line",
        &plain,
    )?;
    let indented = subject
        .get(&subject.metric_with("pretty=true")?)
        .send()
        .await?;
    let indented = indented.coded(200)?.text();
    holds(
        indented.contains("\n  \"kind\""),
        "JSON indented by two spaces",
        &indented,
    )
}

async fn trailing_slash(subject: &Subject) -> Verdict {
    let path = subject.metric()?;
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let list = subject
        .get(&format!("{path}/?{query}"))
        .send()
        .await?
        .document()?;
    equal("kind", &list["kind"], "ExternalMetricValueList")
}

async fn list_options(subject: &Subject) -> Verdict {
    for option in [
        "limit=500",
        "resourceVersion=0",
        "fieldSelector=metadata.name%3Dx",
        "metricLabelSelector=%3D%3D%3D",
        "timeout=10s",
    ] {
        let list = subject.get(&subject.metric_with(option)?).send().await?;
        list.document()?;
    }
    Ok(())
}

async fn empty_list(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.empty, "empty")?);
    let list = subject.get(&path).send().await?.document()?;
    equal("items", &list["items"], json!([]))
}

async fn several_values(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.several, "several")?);
    let first = subject.get(&path).send().await?.document()?;
    let count = first["items"].as_array().map_or(0, Vec::len);
    holds(count > 1, "items: two or more", &first["items"])?;
    let second = subject.get(&path).send().await?.document()?;
    equal("items", &second["items"], first["items"].clone())
}
