//! External metrics from a table in memory, served on loopback without asking who
//! reads them. A provider is the table and the `impl` below it.
//!
//! ```text
//! cargo run -p provider-api --features server --example external_metrics
//! curl -k 'https://127.0.0.1:6443/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.length?labelSelector=queue%3Dmail'
//! ```

use std::{collections::BTreeMap, error::Error, sync::Arc};

use async_trait::async_trait;
use provider_api::{
    ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, MetricsApi,
    MetricsServer, Quantity, Refusal, Shutdown,
};
use time::{OffsetDateTime, macros::datetime};

/// How many messages wait in each queue, and since when that is known.
struct Queues {
    metric: MetricName,
    waiting: BTreeMap<&'static str, Quantity>,
    measured: OffsetDateTime,
}

#[async_trait]
impl ExternalMetricsProvider for Queues {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        if *metric.name() != self.metric {
            return Err(Refusal::Unknown(format!(
                "there is no {metric}, only {}",
                self.metric
            )));
        }
        let labels = |queue: &str| BTreeMap::from([("queue".to_owned(), queue.to_owned())]);
        let chosen = self
            .waiting
            .iter()
            .filter(|(queue, _)| metric.selector().matches(&labels(queue)));
        let values: Vec<_> = chosen
            .map(|(queue, waiting)| ExternalMetricValue {
                labels: labels(queue),
                ..ExternalMetricValue::new(self.metric.clone(), *waiting, self.measured)
            })
            .collect();
        // The autoscaler adds the values up. Of none it could not tell whether nothing
        // waits or nobody knows the queue.
        if values.is_empty() {
            return Err(Refusal::NoData(format!("no queue is chosen by {metric}")));
        }
        Ok(values)
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        vec![self.metric.clone()]
    }
}

fn queues() -> Result<Queues, Box<dyn Error>> {
    Ok(Queues {
        metric: "queue.length".parse()?,
        waiting: BTreeMap::from([("mail", 120.into()), ("print", 7.into())]),
        measured: datetime!(2026-01-02 03:04:05 UTC),
    })
}

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "this is a binary, whose clock is read here"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("https://127.0.0.1:6443");
    MetricsServer::open(
        MetricsApi::new(queues()?),
        Arc::new(OffsetDateTime::now_utc),
    )
    .serve(
        ([127, 0, 0, 1], 6443).into(),
        Shutdown::on_signal()?.asked(),
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    /// The values in the answer, or the message of its refusal.
    async fn answer(tail: &str) -> Value {
        let uri = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/{tail}");
        let api = MetricsApi::new(queues().unwrap());
        let answer = api
            .oneshot(Request::get(uri).body(()).unwrap())
            .await
            .unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        match body["items"].as_array() {
            Some(items) => items.iter().map(|item| item["value"].clone()).collect(),
            None => body["message"].clone(),
        }
    }

    #[tokio::test]
    async fn a_selector_chooses_queues_and_a_refusal_says_why() {
        for (tail, expected) in [
            ("queue.length", json!(["120", "7"])),
            ("queue.length?labelSelector=queue%3Dmail", json!(["120"])),
            (
                "queue.length?labelSelector=queue+in+(mail,print)",
                json!(["120", "7"]),
            ),
            (
                "queue.length?labelSelector=queue%3Dfax",
                json!("no queue is chosen by shop/queue.length{queue=fax}"),
            ),
            (
                "queue.depth",
                json!("there is no shop/queue.depth{}, only queue.length"),
            ),
        ] {
            assert_eq!(answer(tail).await, expected, "{tail}");
        }
    }
}
