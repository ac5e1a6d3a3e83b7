//! Custom metrics, described. The two versions differ in how a value names its
//! metric and its window.

use serde_json::{Value, json};

use super::{
    described::{Described, Parameter, Read},
    edition::Edition,
    meta,
};
use crate::{CustomMetric, custom::CustomVersion};

const IDENTIFIER: &str = "MetricIdentifier";
const SELECTOR: &str =
    "The series that were asked for; null if all were, or if a comparison chose them.";

const NAMESPACE: Parameter = Parameter::path("namespace", "The namespace of the objects.");
const NAMESPACE_ITSELF: Parameter =
    Parameter::path("namespace", "The namespace that is described.");
const RESOURCE: Parameter = Parameter::path(
    "resource",
    "What the objects are: `pods`, or with its group, `deployments.apps`.",
);
const NAME: Parameter = Parameter::path("name", "The name of the object, or `*` for several.");
const METRIC: Parameter = Parameter::path("metricName", "The name of the metric.");
const OBJECTS: Parameter = Parameter::query(
    "labelSelector",
    "Of `*`, which objects are meant, by their labels. Without it, all.",
);
const SERIES: Parameter = Parameter::query(
    "metricLabelSelector",
    "Which series of the metric are meant. Without it, all.",
);

/// `custom.metrics.k8s.io` in this version.
pub(super) fn custom(version: CustomVersion, edition: Edition) -> Described {
    let (list, value) = (
        name(version, CustomMetric::KIND),
        name(version, "MetricValue"),
    );
    let mut schemas = vec![
        meta::object_reference(),
        meta::label_selector(edition),
        meta::label_selector_requirement(),
        meta::list_meta(),
        meta::quantity(edition),
        meta::time(),
    ];
    let api_version = (CustomMetric::GROUP, version.name());
    schemas.push((
        list.clone(),
        edition.list(api_version, CustomMetric::KIND, &value),
    ));
    schemas.push((value, self::value(version, edition)));
    if version == CustomVersion::V1beta2 {
        schemas.push((name(version, IDENTIFIER), identifier(edition)));
    }
    Described {
        group: CustomMetric::GROUP,
        version: version.name(),
        reads: reads(version, &list),
        schemas,
    }
}

fn name(version: CustomVersion, kind: &str) -> String {
    let version = version.name();
    format!("io.k8s.metrics.pkg.apis.custom_metrics.{version}.{kind}")
}

fn reads(version: CustomVersion, list: &str) -> Vec<Read> {
    let version = match version {
        CustomVersion::V1beta1 => "V1beta1",
        CustomVersion::V1beta2 => "V1beta2",
    };
    let read = |path, of, description, parameters| Read {
        path,
        id: format!("getCustomMetrics{version}{of}Metric"),
        description,
        verb: "get",
        kind: CustomMetric::KIND,
        schema: list.to_owned(),
        parameters,
    };
    vec![
        read(
            "/namespaces/{namespace}/{resource}/{name}/{metricName}",
            "Namespaced",
            "The values of a metric of objects in a namespace.",
            &[
                NAMESPACE,
                RESOURCE,
                NAME,
                METRIC,
                OBJECTS,
                SERIES,
                Parameter::TIMEOUT,
                Parameter::PRETTY,
            ],
        ),
        read(
            "/{resource}/{name}/{metricName}",
            "RootScoped",
            "The values of a metric of objects that lie in no namespace.",
            &[
                RESOURCE,
                NAME,
                METRIC,
                OBJECTS,
                SERIES,
                Parameter::TIMEOUT,
                Parameter::PRETTY,
            ],
        ),
        read(
            "/namespaces/{namespace}/metrics/{metricName}",
            "Namespace",
            "The value of a metric of a namespace itself.",
            &[
                NAMESPACE_ITSELF,
                METRIC,
                SERIES,
                Parameter::TIMEOUT,
                Parameter::PRETTY,
            ],
        ),
    ]
}

fn value(version: CustomVersion, edition: Edition) -> Value {
    let mut properties = json!({
        "describedObject": edition.field(meta::OBJECT_REFERENCE, "The object."),
        "timestamp": edition.field(meta::TIME, "The instant that the value describes."),
        "value": edition.field(meta::QUANTITY, "The value itself."),
    });
    let window = json!({
        "description": "The seconds that the value was computed over, if it was.",
        "type": "integer",
        "format": "int64",
    });
    let metric = match version {
        CustomVersion::V1beta1 => {
            properties["metricName"] = metric_name();
            properties["selector"] = edition.field(meta::LABEL_SELECTOR, SELECTOR);
            properties["window"] = window;
            "metricName"
        }
        CustomVersion::V1beta2 => {
            properties["metric"] = edition.field(&name(version, IDENTIFIER), "The metric.");
            properties["windowSeconds"] = window;
            "metric"
        }
    };
    json!({
        "description": "The value of a metric for one object.",
        "type": "object",
        "required": ["describedObject", metric, "timestamp", "value"],
        "properties": properties,
    })
}

fn identifier(edition: Edition) -> Value {
    json!({
        "description": "A metric, and which of its series.",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": metric_name(),
            "selector": edition.field(meta::LABEL_SELECTOR, SELECTOR),
        },
    })
}

fn metric_name() -> Value {
    json!({ "description": "The name of the metric.", "type": "string" })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        time::Duration,
    };

    use serde::Serialize;
    use time::macros::datetime;

    use super::*;
    use crate::{
        CustomMetricValue, DescribedObject,
        custom::{CustomMetricValueList, V1beta1, V1beta2},
    };

    fn served() -> CustomMetricValueList {
        let metric = CustomMetric::namespaced(
            "shop".parse().unwrap(),
            "pods".parse().unwrap(),
            "requests".parse().unwrap(),
            "verb in (GET,PUT)".parse().unwrap(),
        );
        let object = DescribedObject {
            kind: "Pod".into(),
            namespace: Some("shop".parse().unwrap()),
            name: "p1".parse().unwrap(),
            api_version: "v1".into(),
        };
        let measured = datetime!(2026-01-02 03:04:05 UTC);
        let value = CustomMetricValue {
            window: Some(Duration::from_secs(60)),
            ..CustomMetricValue::new(object, 7.into(), measured)
        };
        CustomMetricValueList::of(&metric, vec![value])
    }

    fn keys(object: &Value) -> BTreeSet<&str> {
        let fields = object.as_object().unwrap();
        fields.keys().map(String::as_str).collect()
    }

    fn assert_described(version: CustomVersion, list: impl Serialize) {
        let served = serde_json::to_value(list).unwrap();
        let item = &served["items"][0];
        for edition in [Edition::V2, Edition::V3] {
            let schemas: BTreeMap<_, _> = custom(version, edition).schemas.into_iter().collect();
            let list = &schemas[&name(version, CustomMetric::KIND)];
            assert_eq!(keys(&served), keys(&list["properties"]));
            let value = &schemas[&name(version, "MetricValue")];
            assert_eq!(keys(item), keys(&value["properties"]));
            if version == CustomVersion::V1beta2 {
                let identifier = &schemas[&name(version, IDENTIFIER)];
                assert_eq!(keys(&item["metric"]), keys(&identifier["properties"]));
            }

            let selector = match version {
                CustomVersion::V1beta1 => &item["selector"],
                CustomVersion::V1beta2 => &item["metric"]["selector"],
            };
            let described = keys(&schemas[meta::LABEL_SELECTOR]["properties"]);
            assert!(keys(selector).is_subset(&described));
            let described = keys(&schemas[meta::OBJECT_REFERENCE]["properties"]);
            assert!(keys(&item["describedObject"]).is_subset(&described));
        }
    }

    #[test]
    fn what_is_served_is_what_is_described() {
        let served = served();
        assert_described(CustomVersion::V1beta1, V1beta1(&served));
        assert_described(CustomVersion::V1beta2, V1beta2(&served));
    }
}
