//! A provider with a metric for every role that the suite knows.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use time::macros::datetime;

use crate::{
    CustomMetric, CustomMetricValue, CustomMetricsProvider, DescribedObject, ExternalMetric,
    ExternalMetricValue, ExternalMetricsProvider, ListedMetric, MetricName, ObjectName, Quantity,
    Refusal, Selector,
    conformance::{CustomMetrics, Surroundings},
};

const MEASURED: time::OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

pub(super) struct Reference;

#[async_trait]
impl ExternalMetricsProvider for Reference {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        let value = |number: Quantity| {
            let mut value = ExternalMetricValue::new(metric.name().clone(), number, MEASURED);
            value.window = Some(Duration::from_secs(30));
            let selector = metric.selector().to_string();
            value.labels.insert("selector".to_owned(), selector);
            value
        };
        if let Some(written) = metric.name().as_str().strip_prefix("echo.") {
            return Ok(vec![value(written.parse().unwrap())]);
        }
        match metric.name().as_str() {
            "depth" => Ok(vec![value("1500m".parse().unwrap())]),
            "nothing" => Ok(Vec::new()),
            "pair" => Ok(vec![value(3.into()), value(4.into())]),
            "below" => Ok(vec![value((-3).into())]),
            "late" => {
                tokio::time::sleep(Duration::from_millis(1200)).await;
                Ok(vec![value(5.into())])
            }
            "nan" => Err(Refusal::NoData("the queue says NaN".to_owned())),
            "old" => Err(Refusal::NoData("the value is an hour old".to_owned())),
            "away" => Err(Refusal::Unavailable("the queue is away".to_owned())),
            "busy" => Err(Refusal::Throttled {
                message: "the queue asks for patience".to_owned(),
                retry_after: Duration::from_secs(7),
            }),
            "slow" => std::future::pending().await,
            "odd" => panic!("asked to"),
            _ => Err(Refusal::Unknown(format!("there is no queue for {metric}"))),
        }
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        vec!["depth".parse().unwrap()]
    }
}

#[async_trait]
impl CustomMetricsProvider for Reference {
    async fn metric_of(
        &self,
        metric: &CustomMetric,
        object: &ObjectName,
    ) -> Result<CustomMetricValue, Refusal> {
        value_of(metric, object.as_str()).ok_or_else(|| metric.unknown_of(object))
    }

    async fn metric_of_all(
        &self,
        metric: &CustomMetric,
        objects: &Selector,
    ) -> Result<Vec<CustomMetricValue>, Refusal> {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let all = ["web-1", "web-2", "node-1"];
        let known: Vec<_> = all
            .into_iter()
            .filter_map(|object| value_of(metric, object))
            .collect();
        if known.is_empty() {
            return Err(metric.unknown_of_all(objects));
        }
        Ok(if objects.matches(&labels) {
            known
        } else {
            Vec::new()
        })
    }

    fn custom_metrics(&self) -> Vec<ListedMetric> {
        let resource = |name: &str| name.parse().unwrap();
        vec![
            ListedMetric::namespaced(resource("pods"), "requests".parse().unwrap()),
            ListedMetric::root_scoped(resource("nodes"), "load".parse().unwrap()),
            ListedMetric::root_scoped(resource("namespaces"), "total".parse().unwrap()),
        ]
    }
}

fn value_of(metric: &CustomMetric, object: &str) -> Option<CustomMetricValue> {
    let series = BTreeMap::from([("verb".to_owned(), "GET".to_owned())]);
    let (kind, number) = match (metric.resource().as_str(), object, metric.name().as_str()) {
        ("pods", "web-1", "requests") if metric.selector().matches(&series) => ("Pod", 20),
        ("pods", "web-2", "requests") if metric.selector().matches(&series) => ("Pod", 30),
        ("nodes", "node-1", "load") => ("Node", 2),
        ("namespaces", "shop", "total") => ("Namespace", 50),
        _ => return None,
    };
    let described = DescribedObject {
        kind: kind.into(),
        namespace: metric.namespace().cloned(),
        name: object.parse().unwrap(),
        api_version: "v1".into(),
    };
    let mut value = CustomMetricValue::new(described, number.into(), MEASURED);
    value.window = Some(Duration::from_secs(30));
    Some(value)
}

/// What the reference serves.
pub(super) fn surroundings() -> Surroundings {
    let named = |name: &str| Some(name.to_owned());
    Surroundings {
        namespace: "shop".to_owned(),
        metric: named("depth"),
        selector: "queue=mail".to_owned(),
        value: named("1500m"),
        echo: named("depth"),
        echo_value: named("echo."),
        no_number: vec!["nan".to_owned()],
        negative: named("below"),
        stale: named("old"),
        empty: named("nothing"),
        several: named("pair"),
        unavailable: named("away"),
        throttled: named("busy"),
        slow: named("slow"),
        late: named("late"),
        panicking: named("odd"),
        most_listed: Some(10),
        in_flight: Some(super::server::IN_FLIGHT),
        san: named("metrics.shop.svc"),
        custom: Some(CustomMetrics {
            resource: "pods".to_owned(),
            object: "web-1".to_owned(),
            metric: "requests".to_owned(),
            value: named("20"),
            selector: "app=web".to_owned(),
            metric_selector: "verb=GET".to_owned(),
            root: Some(("nodes".to_owned(), "node-1".to_owned(), "load".to_owned())),
            of_namespace: named("total"),
        }),
        ..Surroundings::default()
    }
}
