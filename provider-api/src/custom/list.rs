//! The values of a custom metric, as each version of the API writes them.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct};
use time::OffsetDateTime;

use super::{CustomMetric, CustomMetricValue, DescribedObject, label_selector::LabelSelector};
use crate::{
    MetricName, Quantity,
    encode::{Document, Message, as_seconds, in_whole_seconds},
};

/// The values of a metric, before a version is chosen.
#[derive(Debug)]
pub(crate) struct CustomMetricValueList {
    name: MetricName,
    selector: Option<LabelSelector>,
    items: Vec<CustomMetricValue>,
}

impl CustomMetricValueList {
    pub(crate) fn of(metric: &CustomMetric, items: Vec<CustomMetricValue>) -> Self {
        Self {
            name: metric.name().clone(),
            selector: LabelSelector::of(metric.selector()),
            items,
        }
    }

    fn protobuf(&self, list: &mut Message, item: impl Fn(&CustomMetricValue, &mut Message)) {
        list.empty_metadata();
        for value in &self.items {
            list.message(2, |message| item(value, message));
        }
    }

    /// Adds the selector, where there is one that can be said.
    fn add_selector(&self, message: &mut Message, field: u8) {
        if let Some(selector) = &self.selector {
            message.message(field, |message| selector.protobuf(message));
        }
    }
}

/// The list in version `v1beta1`.
pub(crate) struct V1beta1<'a>(pub(crate) &'a CustomMetricValueList);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1beta1Item<'a> {
    described_object: &'a DescribedObject,
    metric_name: &'a MetricName,
    #[serde(serialize_with = "in_whole_seconds")]
    timestamp: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_seconds")]
    window: Option<Duration>,
    value: &'a Quantity,
    selector: Option<&'a LabelSelector>,
}

impl Document for V1beta1<'_> {
    const API_VERSION: &'static str = "custom.metrics.k8s.io/v1beta1";
    const KIND: &'static str = CustomMetric::KIND;

    fn protobuf(&self, message: &mut Message) {
        let Self(list) = self;
        list.protobuf(message, |item, message| {
            message
                .message(1, |object| item.object.protobuf(object))
                .text(2, list.name.as_str())
                .time(3, item.timestamp)
                .optional_seconds(4, item.window)
                .quantity(5, &item.value);
            list.add_selector(message, 6);
        });
    }
}

impl Serialize for V1beta1<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(list) = self;
        let items = list.items.iter().map(|item| V1beta1Item {
            described_object: &item.object,
            metric_name: &list.name,
            timestamp: item.timestamp,
            window: item.window,
            value: &item.value,
            selector: list.selector.as_ref(),
        });
        write_list::<Self, S>(serializer, items)
    }
}

/// The list in version `v1beta2`.
pub(crate) struct V1beta2<'a>(pub(crate) &'a CustomMetricValueList);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1beta2Item<'a> {
    described_object: &'a DescribedObject,
    metric: MetricIdentifier<'a>,
    #[serde(serialize_with = "in_whole_seconds")]
    timestamp: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_seconds")]
    window_seconds: Option<Duration>,
    value: &'a Quantity,
}

#[derive(Serialize)]
struct MetricIdentifier<'a> {
    name: &'a MetricName,
    selector: Option<&'a LabelSelector>,
}

impl Document for V1beta2<'_> {
    const API_VERSION: &'static str = "custom.metrics.k8s.io/v1beta2";
    const KIND: &'static str = CustomMetric::KIND;

    fn protobuf(&self, message: &mut Message) {
        let Self(list) = self;
        list.protobuf(message, |item, message| {
            message
                .message(1, |object| item.object.protobuf(object))
                .message(2, |metric| {
                    metric.text(1, list.name.as_str());
                    list.add_selector(metric, 2);
                })
                .time(3, item.timestamp)
                .optional_seconds(4, item.window)
                .quantity(5, &item.value);
        });
    }
}

impl Serialize for V1beta2<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(list) = self;
        let items = list.items.iter().map(|item| V1beta2Item {
            described_object: &item.object,
            metric: MetricIdentifier {
                name: &list.name,
                selector: list.selector.as_ref(),
            },
            timestamp: item.timestamp,
            window_seconds: item.window,
            value: &item.value,
        });
        write_list::<Self, S>(serializer, items)
    }
}

fn write_list<D: Document, S: Serializer>(
    serializer: S,
    items: impl Iterator<Item = impl Serialize>,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_struct(D::KIND, 4)?;
    list.serialize_field("kind", D::KIND)?;
    list.serialize_field("apiVersion", D::API_VERSION)?;
    list.serialize_field("metadata", &BTreeMap::<&str, &str>::new())?;
    list.serialize_field("items", &items.collect::<Vec<_>>())?;
    list.end()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::encode::bytes_of;

    fn list(selector: &str, items: Vec<CustomMetricValue>) -> CustomMetricValueList {
        let metric = CustomMetric::namespaced(
            "default".parse().unwrap(),
            "pods".parse().unwrap(),
            "bar".parse().unwrap(),
            selector.parse().unwrap(),
        );
        CustomMetricValueList::of(&metric, items)
    }

    fn value(window: Option<u64>) -> CustomMetricValue {
        let object = DescribedObject {
            kind: "Pod".into(),
            namespace: Some("default".parse().unwrap()),
            name: "p1".parse().unwrap(),
            api_version: "v1".into(),
        };
        CustomMetricValue {
            window: window.map(Duration::from_secs),
            ..CustomMetricValue::new(
                object,
                1.5.try_into().unwrap(),
                datetime!(2026-01-02 01:04:05 UTC),
            )
        }
    }

    fn json(document: impl Serialize) -> String {
        serde_json::to_string(&document).unwrap()
    }

    const OBJECT: &str = r#"{"kind":"Pod","namespace":"default","name":"p1","apiVersion":"v1"}"#;

    #[test]
    fn each_version_has_its_own_names() {
        let list = list("", vec![value(None)]);
        assert_eq!(
            json(V1beta1(&list)),
            format!(
                r#"{{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","metadata":{{}},"items":[{{"describedObject":{OBJECT},"metricName":"bar","timestamp":"2026-01-02T01:04:05Z","value":"1500m","selector":null}}]}}"#
            )
        );
        assert_eq!(
            json(V1beta2(&list)),
            format!(
                r#"{{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{{}},"items":[{{"describedObject":{OBJECT},"metric":{{"name":"bar","selector":null}},"timestamp":"2026-01-02T01:04:05Z","value":"1500m"}}]}}"#
            )
        );
    }

    #[test]
    fn the_window_and_the_selector_are_written_where_there_are_any() {
        let list = list("verb=GET", vec![value(Some(90))]);
        let v1beta1 = json(V1beta1(&list));
        let v1beta2 = json(V1beta2(&list));
        let selector = r#""selector":{"matchLabels":{"verb":"GET"}}"#;
        assert!(
            v1beta1.contains(r#""window":90,"#) && v1beta1.contains(selector),
            "{v1beta1}"
        );
        assert!(
            v1beta2.contains(r#""windowSeconds":90,"#) && v1beta2.contains(selector),
            "{v1beta2}"
        );
    }

    #[test]
    fn no_values_are_an_empty_list() {
        assert!(json(V1beta1(&list("", Vec::new()))).ends_with(r#""items":[]}"#));
        assert!(json(V1beta2(&list("", Vec::new()))).ends_with(r#""items":[]}"#));
    }

    #[test]
    fn protobuf_puts_the_same_into_the_fields_of_the_version() {
        let list = list("a=b", vec![value(Some(90))]);
        let metadata = b"\x0a\x06\x0a\x00\x12\x00\x1a\x00".as_slice();
        let object =
            b"\x0a\x1c\x0a\x03Pod\x12\x07default\x1a\x02p1\x22\x00\x2a\x02v1\x32\x00\x3a\x00"
                .as_slice();
        let measured =
            b"\x1a\x08\x08\x85\xb3\xdc\xca\x06\x10\x00\x20\x5a\x2a\x07\x0a\x051500m".as_slice();
        let selector = b"\x0a\x06\x0a\x01a\x12\x01b".as_slice();

        let item = [object, b"\x12\x03bar", measured, b"\x32\x08", selector].concat();
        let expected = [metadata, &[0x12, item.len() as u8], &item].concat();
        assert_eq!(
            bytes_of(|message| V1beta1(&list).protobuf(message)),
            expected
        );

        let item = [object, b"\x12\x0f\x0a\x03bar\x12\x08", selector, measured].concat();
        let expected = [metadata, &[0x12, item.len() as u8], &item].concat();
        assert_eq!(
            bytes_of(|message| V1beta2(&list).protobuf(message)),
            expected
        );
    }
}
