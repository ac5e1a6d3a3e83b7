//! External metrics, described.

use serde_json::{Value, json};

use super::{
    described::{Described, Parameter, Read},
    edition::Edition,
    meta,
};
use crate::ExternalMetric;

const LIST: &str = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList";
const VALUE: &str = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValue";

/// `external.metrics.k8s.io/v1beta1`
pub(crate) fn external(edition: Edition) -> Described {
    Described {
        group: ExternalMetric::GROUP,
        version: ExternalMetric::VERSION,
        reads: vec![Read {
            path: "/namespaces/{namespace}/{metricName}",
            id: "listExternalMetricsV1beta1NamespacedMetric",
            description: "The values of an external metric.",
            verb: "list",
            kind: ExternalMetric::KIND,
            schema: LIST,
            parameters: vec![
                Parameter::path(
                    "namespace",
                    "The namespace of whoever scales by the metric.",
                ),
                Parameter::path("metricName", "The name of the metric."),
                Parameter::query(
                    "labelSelector",
                    "Which series of the metric are meant. Without it, all.",
                ),
                Parameter::query(
                    "timeout",
                    "How long an answer is waited for, such as `10s`.",
                ),
                Parameter::query("pretty", "If `true`, JSON is indented."),
            ],
        }],
        schemas: vec![
            (LIST, list(edition)),
            (VALUE, value(edition)),
            meta::list_meta(),
            meta::quantity(edition),
            meta::time(),
        ],
    }
}

fn list(edition: Edition) -> Value {
    json!({
        "description": "The values of an external metric. Whoever scales by them adds them up.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {
                "description": "The group and version of this list.",
                "type": "string",
            },
            "kind": { "description": "The kind of this list.", "type": "string" },
            "metadata": edition.field(meta::LIST_META, "Empty."),
            "items": {
                "description": "A value for each series.",
                "type": "array",
                "items": edition.reference(VALUE),
            },
        },
        "x-kubernetes-group-version-kind": [{
            "group": ExternalMetric::GROUP,
            "version": ExternalMetric::VERSION,
            "kind": ExternalMetric::KIND,
        }],
    })
}

fn value(edition: Edition) -> Value {
    json!({
        "description": "A value of an external metric.",
        "type": "object",
        "required": ["metricName", "metricLabels", "timestamp", "value"],
        "properties": {
            "metricName": { "description": "The name of the metric.", "type": "string" },
            "metricLabels": {
                "description": "The labels of the series.",
                "type": "object",
                "additionalProperties": { "type": "string" },
            },
            "timestamp": edition.field(meta::TIME, "The instant that the value describes."),
            "window": {
                "description": "The seconds that the value was computed over, if it was.",
                "type": "integer",
                "format": "int64",
            },
            "value": edition.field(meta::QUANTITY, "The value itself."),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        time::Duration,
    };

    use time::macros::datetime;

    use super::*;
    use crate::{ExternalMetricValue, ExternalMetricValueList};

    fn keys(object: &Value) -> BTreeSet<&str> {
        let fields = object.as_object().unwrap();
        fields.keys().map(String::as_str).collect()
    }

    #[test]
    fn what_is_served_is_what_is_described() {
        let bare = ExternalMetricValue::new(
            "foo".parse().unwrap(),
            7.into(),
            datetime!(2026-01-02 03:04:05 UTC),
        );
        let full = ExternalMetricValue {
            labels: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            window: Some(Duration::from_secs(60)),
            ..bare.clone()
        };
        let items = vec![full, bare];
        let served = serde_json::to_value(ExternalMetricValueList { items }).unwrap();

        for edition in [Edition::V2, Edition::V3] {
            assert_eq!(keys(&served), keys(&list(edition)["properties"]));
            let value = value(edition);
            assert_eq!(keys(&served["items"][0]), keys(&value["properties"]));
            let required = value["required"].as_array().unwrap();
            let required: BTreeSet<_> = required.iter().flat_map(Value::as_str).collect();
            assert_eq!(keys(&served["items"][1]), required);
        }
    }
}
