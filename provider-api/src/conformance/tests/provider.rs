//! A provider with a metric for every role that the suite knows.

use std::time::Duration;

use async_trait::async_trait;
use time::macros::datetime;

use crate::{
    ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, Refusal,
    conformance::Surroundings,
};

pub(super) struct Reference;

#[async_trait]
impl ExternalMetricsProvider for Reference {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        let value = |number: f64| {
            let mut value = ExternalMetricValue::new(
                metric.name().clone(),
                number.try_into().unwrap(),
                datetime!(2026-01-02 03:04:05 UTC),
            );
            value.window = Some(Duration::from_secs(30));
            let selector = metric.selector().to_string();
            value.labels.insert("selector".to_owned(), selector);
            value
        };
        match metric.name().as_str() {
            "depth" => Ok(vec![value(1.5)]),
            "nothing" => Ok(Vec::new()),
            "pair" => Ok(vec![value(3.0), value(4.0)]),
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

/// What the reference serves.
pub(super) fn surroundings() -> Surroundings {
    let named = |name: &str| Some(name.to_owned());
    Surroundings {
        namespace: "shop".to_owned(),
        metric: named("depth"),
        selector: "queue=mail".to_owned(),
        value: named("1500m"),
        echo: named("depth"),
        empty: named("nothing"),
        several: named("pair"),
        unavailable: named("away"),
        throttled: named("busy"),
        slow: named("slow"),
        panicking: named("odd"),
        ..Surroundings::default()
    }
}
