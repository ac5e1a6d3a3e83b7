//! What a metric is worth: the answer to an [`ExternalMetric`].

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct};
use time::OffsetDateTime;

use crate::{
    ExternalMetric, MetricName, Quantity,
    encode::{Document, Message, as_seconds, in_whole_seconds},
};

/// One value of an external metric.
///
/// On the wire it is an item of
/// [Kubernetes' list](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/metrics/pkg/apis/external_metrics/v1beta1/types.go).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalMetricValue {
    /// The metric's name, as it was asked for.
    pub metric_name: MetricName,
    /// The labels of the series, any text; may be empty. An autoscaler does not look at
    /// them, people do.
    #[serde(rename = "metricLabels")]
    pub labels: BTreeMap<String, String>,
    /// The instant that the value describes, served in whole seconds. The
    /// autoscaler does not look at it.
    #[serde(serialize_with = "in_whole_seconds")]
    pub timestamp: OffsetDateTime,
    /// The span that the value was computed over, where it has one; served in
    /// whole seconds.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_seconds")]
    pub window: Option<Duration>,
    /// The number itself, in whatever unit the target of the autoscaler is in.
    pub value: Quantity,
}

impl ExternalMetricValue {
    /// A value without labels or a window.
    pub fn new(metric_name: MetricName, value: Quantity, timestamp: OffsetDateTime) -> Self {
        Self {
            metric_name,
            labels: BTreeMap::new(),
            timestamp,
            window: None,
            value,
        }
    }

    fn protobuf(&self, message: &mut Message) {
        message.text(1, self.metric_name.as_str());
        for (key, value) in &self.labels {
            message.message(2, |label| {
                label.text(1, key).text(2, value);
            });
        }
        message
            .time(3, self.timestamp)
            .optional_seconds(4, self.window)
            .quantity(5, &self.value);
    }
}

/// The values of an external metric, as they are served.
///
/// The autoscaler adds them up, and takes an empty list for an
/// error, `no metrics returned from external metrics API`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalMetricValueList {
    /// The values.
    pub items: Vec<ExternalMetricValue>,
}

impl Document for ExternalMetricValueList {
    const API_VERSION: &'static str = ExternalMetric::API_VERSION;
    const KIND: &'static str = ExternalMetric::KIND;

    fn protobuf(&self, list: &mut Message) {
        list.empty_metadata();
        for item in &self.items {
            list.message(2, |message| item.protobuf(message));
        }
    }
}

impl Serialize for ExternalMetricValueList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_struct(Self::KIND, 4)?;
        list.serialize_field("kind", Self::KIND)?;
        list.serialize_field("apiVersion", Self::API_VERSION)?;
        list.serialize_field("metadata", &BTreeMap::<&str, &str>::new())?;
        list.serialize_field("items", &self.items)?;
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode, header::ACCEPT};
    use http_body_util::BodyExt;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{Format, encode::bytes_of};

    fn value() -> ExternalMetricValue {
        ExternalMetricValue {
            labels: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            ..ExternalMetricValue::new(
                "foo".parse().unwrap(),
                1.5.try_into().unwrap(),
                datetime!(2026-01-02 01:04:05 UTC),
            )
        }
    }

    fn json(value: ExternalMetricValue) -> serde_json::Value {
        serde_json::to_value(value).unwrap()
    }

    async fn served(list: ExternalMetricValueList, accept: &str) -> Vec<u8> {
        let request = Request::builder().header(ACCEPT, accept).body(()).unwrap();
        let answer = Format::of(&request).unwrap().answer(StatusCode::OK, &list);
        answer
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec()
    }

    #[tokio::test]
    async fn json_is_what_kubernetes_writes() {
        let written = served(
            ExternalMetricValueList {
                items: vec![value()],
            },
            "application/json",
        )
        .await;
        let golden = r#"{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[{"metricName":"foo","metricLabels":{"k":"v"},"timestamp":"2026-01-02T01:04:05Z","value":"1500m"}]}"#;
        assert_eq!(String::from_utf8(written), Ok(format!("{golden}\n")));
    }

    #[tokio::test]
    async fn protobuf_is_what_kubernetes_writes_byte_for_byte() {
        let written = served(
            ExternalMetricValueList {
                items: vec![value()],
            },
            "application/vnd.kubernetes.protobuf",
        )
        .await;
        let golden = [
            b"k8s\0".as_slice(),
            b"\x0a\x3a\x0a\x1fexternal.metrics.k8s.io/v1beta1\x12\x17ExternalMetricValueList",
            b"\x12\x2a\x0a\x06\x0a\x00\x12\x00\x1a\x00",
            b"\x12\x20\x0a\x03foo\x12\x06\x0a\x01k\x12\x01v",
            b"\x1a\x08\x08\x85\xb3\xdc\xca\x06\x10\x00\x2a\x07\x0a\x051500m",
            b"\x1a\x00\x22\x00",
        ];
        assert_eq!(written, golden.concat());
    }

    #[tokio::test]
    async fn no_values_are_an_empty_list() {
        let written = served(ExternalMetricValueList::default(), "*/*").await;
        let list: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(list["items"], json!([]));
    }

    #[test]
    fn a_window_is_whole_seconds_under_its_own_name() {
        let windowed = ExternalMetricValue {
            window: Some(Duration::from_millis(90_500)),
            ..value()
        };
        assert_eq!(json(windowed.clone())["window"], json!(90));
        assert_eq!(json(value()).get("window"), None);
        // Field 4 stands between the timestamp and the value.
        let bytes = bytes_of(|message| windowed.protobuf(message));
        assert!(bytes.windows(4).any(|field| field == [0x20, 90, 0x2a, 7]));
    }

    #[test]
    fn a_timestamp_is_served_in_utc_and_whole_seconds() {
        for (timestamp, written) in [
            (
                datetime!(2026-01-02 03:04:05.999 +02:00),
                json!("2026-01-02T01:04:05Z"),
            ),
            (datetime!(-0044-03-15 12:00 UTC), json!(null)), // RFC 3339 starts with the year 0
            (datetime!(9999-12-31 23:59 -01:00), json!(null)),
        ] {
            assert_eq!(
                json(ExternalMetricValue {
                    timestamp,
                    ..value()
                })["timestamp"],
                written
            );
        }
    }

    #[test]
    fn a_value_without_labels_has_an_empty_map() {
        let bare = ExternalMetricValue {
            labels: BTreeMap::new(),
            ..value()
        };
        assert_eq!(json(bare)["metricLabels"], json!({}));
    }
}
