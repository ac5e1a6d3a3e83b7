//! Many objects at once, and both selectors.

use serde_json::Value;

use super::{VERSIONS, all, list, objects};
use crate::conformance::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
};

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "custom/all-objects",
        promise: "`*` in the place of the object's name is all of them, the known one among them",
        relied_on: "an HPA's Pods metric",
        check: |subject| Box::pin(all_objects(subject)),
    },
    Case {
        name: "custom/all-objects-as-the-aggregator-writes-it",
        promise: "`%2A` is `*`",
        relied_on: "the aggregator encodes every path anew",
        check: |subject| Box::pin(encoded_star(subject)),
    },
    Case {
        name: "custom/label-selector",
        promise: "labelSelector chooses objects: one that nothing has chooses none",
        relied_on: "a selector that is dropped sums the pods of everybody",
        check: |subject| Box::pin(label_selector(subject)),
    },
    Case {
        name: "custom/metric-label-selector",
        promise: "metricLabelSelector chooses series: one that nothing has is another answer than none at all",
        relied_on: "a selector that is dropped means another number",
        check: |subject| Box::pin(metric_label_selector(subject)),
    },
    Case {
        name: "custom/metric-selector-told",
        promise: "an item tells the metricLabelSelector that it was asked with, or null",
        relied_on: "people who compare what they asked for with what they read",
        check: |subject| Box::pin(selector_told(subject)),
    },
    Case {
        name: "custom/trailing-slash",
        promise: "a slash after the metric's name changes nothing",
        relied_on: "people and proxies add one",
        check: |subject| Box::pin(trailing_slash(subject)),
    },
];

async fn includes_known(subject: &Subject, star: &str) -> Verdict {
    let custom = subject.custom()?;
    for version in VERSIONS {
        let list = list(subject, &all(subject, version, star, &custom.selector)?).await?;
        let there = objects(&list).contains(&custom.object.as_str());
        holds(there, format!("{} among the objects", custom.object), &list)?;
    }
    Ok(())
}

async fn all_objects(subject: &Subject) -> Verdict {
    includes_known(subject, "*").await
}

async fn encoded_star(subject: &Subject) -> Verdict {
    includes_known(subject, "%2A").await
}

/// How many items there are; a 404 is none.
async fn count(subject: &Subject, path: &str) -> Result<usize, Miss> {
    let answer = subject.get(path).send().await?;
    if answer.code == 404 {
        answer.refusal(404, "NotFound")?;
        return Ok(0);
    }
    let list = answer.document()?;
    list["items"]
        .as_array()
        .map(Vec::len)
        .ok_or_else(|| Miss::fault("items: an array", &list))
}

async fn label_selector(subject: &Subject) -> Verdict {
    for version in VERSIONS {
        let nothing = all(subject, version, "*", "conformance=nobody-has-this")?;
        let seen = count(subject, &nothing).await?;
        holds(seen == 0, "no items, or a 404", format!("{seen} items"))?;
    }
    Ok(())
}

async fn metric_label_selector(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    if custom.metric_selector.is_empty() {
        return Err(Miss::Skipped("needs --custom-metric-selector".to_owned()));
    }
    includes_known(subject, "*").await?;
    let namespace = &subject.surroundings.namespace;
    for version in VERSIONS {
        let tail = custom.tail(namespace, "*", &custom.metric);
        let path = subject.custom_path(version, &tail);
        let seen = count(
            subject,
            &format!("{path}?metricLabelSelector=conformance%3Dnone"),
        )
        .await?;
        holds(seen == 0, "no items, or a 404", format!("{seen} items"))?;
    }
    Ok(())
}

async fn selector_told(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    let path = all(subject, "v1beta2", "*", &custom.selector)?;
    let list = list(subject, &path).await?;
    for item in list["items"].as_array().into_iter().flatten() {
        let told = &item["metric"]["selector"];
        let shaped = match told {
            Value::Null => true,
            Value::Object(fields) => fields
                .keys()
                .all(|key| matches!(key.as_str(), "matchLabels" | "matchExpressions")),
            _ => false,
        };
        holds(shaped, "metric.selector: null, or a LabelSelector", told)?;
    }
    let both = super::one(subject, "v1beta1")?;
    let item = super::item(subject, &both).await?;
    let selector = &item["selector"];
    holds(
        selector.is_null() || selector.is_object(),
        "selector: null, or a LabelSelector",
        selector,
    )
}

async fn trailing_slash(subject: &Subject) -> Verdict {
    let path = super::one(subject, "v1beta2")?;
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let list = list(subject, &format!("{path}/?{query}")).await?;
    equal("kind", &list["kind"], "MetricValueList")
}
