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

const NAMESPACE: Parameter =
    Parameter::path("namespace", "The namespace of the autoscaler that asks.");
const METRIC: Parameter = Parameter::path("metricName", "The name of the metric.");
const SERIES: Parameter = Parameter::query(
    "labelSelector",
    "Which series of the metric are meant. Without it, all.",
);

/// `external.metrics.k8s.io/v1beta1`
pub(super) fn external(edition: Edition) -> Described {
    let api_version = (ExternalMetric::GROUP, ExternalMetric::VERSION);
    Described {
        group: ExternalMetric::GROUP,
        version: ExternalMetric::VERSION,
        reads: vec![Read {
            path: "/namespaces/{namespace}/{metricName}",
            id: "listExternalMetricsV1beta1NamespacedMetric".to_owned(),
            description: "The values of an external metric.",
            verb: "list",
            kind: ExternalMetric::KIND,
            schema: LIST.to_owned(),
            parameters: &[
                NAMESPACE,
                METRIC,
                SERIES,
                Parameter::TIMEOUT,
                Parameter::PRETTY,
            ],
        }],
        schemas: vec![
            (
                LIST.to_owned(),
                edition.list(api_version, ExternalMetric::KIND, VALUE),
            ),
            (VALUE.to_owned(), value(edition)),
            meta::list_meta(),
            meta::quantity(edition),
            meta::time(),
        ],
    }
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
            let schemas: BTreeMap<_, _> = external(edition).schemas.into_iter().collect();
            assert_eq!(keys(&served), keys(&schemas[LIST]["properties"]));
            let value = &schemas[VALUE];
            assert_eq!(keys(&served["items"][0]), keys(&value["properties"]));
            let required = value["required"].as_array().unwrap();
            let required: BTreeSet<_> = required.iter().flat_map(Value::as_str).collect();
            assert_eq!(keys(&served["items"][1]), required);
        }
    }
}
