//! Custom metrics from a table in memory, served on loopback without asking who
//! reads them:
//!
//! ```text
//! cargo run -p provider-api --features server --example custom_metrics
//! curl -k 'https://127.0.0.1:6443/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/requests'
//! ```

use std::{collections::BTreeMap, error::Error, sync::Arc};

use async_trait::async_trait;
use provider_api::{
    CustomMetric, CustomMetricValue, CustomMetricsProvider, DescribedObject, GroupResource,
    InvalidName, ListedMetric, MetricName, MetricsApi, MetricsServer, ObjectName, Quantity,
    Refusal, Selector, Shutdown,
};
use time::{OffsetDateTime, macros::datetime};

/// What is known of one object.
struct Row {
    resource: GroupResource,
    object: DescribedObject,
    labels: BTreeMap<String, String>,
    metric: MetricName,
    value: Quantity,
}

impl Row {
    fn is_of(&self, metric: &CustomMetric) -> bool {
        self.resource == *metric.resource()
            && self.object.namespace.as_ref() == metric.namespace()
            && self.metric == *metric.name()
    }
}

struct Table {
    rows: Vec<Row>,
    measured: OffsetDateTime,
}

impl Table {
    fn value(&self, row: &Row) -> CustomMetricValue {
        CustomMetricValue::new(row.object.clone(), row.value, self.measured)
    }
}

#[async_trait]
impl CustomMetricsProvider for Table {
    async fn metric_of(
        &self,
        metric: &CustomMetric,
        object: &ObjectName,
    ) -> Result<CustomMetricValue, Refusal> {
        let mut rows = self.rows.iter().filter(|row| row.is_of(metric));
        rows.find(|row| row.object.name == *object)
            .map(|row| self.value(row))
            .ok_or_else(|| metric.unknown_of(object))
    }

    async fn metric_of_all(
        &self,
        metric: &CustomMetric,
        objects: &Selector,
    ) -> Result<Vec<CustomMetricValue>, Refusal> {
        let rows: Vec<_> = self.rows.iter().filter(|row| row.is_of(metric)).collect();
        if rows.is_empty() {
            return Err(metric.unknown_of_all(objects));
        }
        let chosen = rows.into_iter().filter(|row| objects.matches(&row.labels));
        Ok(chosen.map(|row| self.value(row)).collect())
    }

    fn custom_metrics(&self) -> Vec<ListedMetric> {
        let listed = |row: &Row| match row.object.namespace {
            Some(_) => ListedMetric::namespaced(row.resource.clone(), row.metric.clone()),
            None => ListedMetric::root_scoped(row.resource.clone(), row.metric.clone()),
        };
        self.rows.iter().map(listed).collect()
    }
}

/// Two pods behind a Deployment, a node, and the namespace of the shop.
fn shop() -> Result<Table, InvalidName> {
    let pod = ("v1", "Pod");
    let deployment = ("apps/v1", "Deployment");
    let node = ("v1", "Node");
    let namespace = ("v1", "Namespace");
    let rows = vec![
        row("pods", pod, Some("shop"), "web-1", "requests", 20)?,
        row("pods", pod, Some("shop"), "web-2", "requests", 30)?,
        row(
            "deployments.apps",
            deployment,
            Some("shop"),
            "web",
            "requests",
            50,
        )?,
        row("nodes", node, None, "node-1", "load", 2)?,
        row("namespaces", namespace, None, "shop", "total", 50)?,
    ];
    Ok(Table {
        rows,
        measured: datetime!(2026-01-02 03:04:05 UTC),
    })
}

fn row(
    resource: &str,
    (api_version, kind): (&'static str, &'static str),
    namespace: Option<&str>,
    name: &str,
    metric: &str,
    value: i64,
) -> Result<Row, InvalidName> {
    Ok(Row {
        resource: resource.parse()?,
        object: DescribedObject {
            kind: kind.into(),
            namespace: namespace.map(str::parse).transpose()?,
            name: name.parse()?,
            api_version: api_version.into(),
        },
        labels: BTreeMap::from([("app".to_owned(), "web".to_owned())]),
        metric: metric.parse()?,
        value: value.into(),
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
        MetricsApi::of_custom(shop()?),
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
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn values(tail: &str) -> Vec<(String, String)> {
        let uri = format!("/apis/custom.metrics.k8s.io/v1beta2/{tail}");
        let api = MetricsApi::of_custom(shop().unwrap());
        let answer = api
            .oneshot(Request::get(uri).body(()).unwrap())
            .await
            .unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let list: Value = serde_json::from_slice(&body).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| (text(&item["describedObject"]["name"]), text(&item["value"])))
            .collect()
    }

    #[tokio::test]
    async fn every_kind_of_object_has_its_value() {
        for (tail, expected) in [
            (
                "namespaces/shop/pods/*/requests?labelSelector=app%3Dweb",
                [("web-1", "20"), ("web-2", "30")].as_slice(),
            ),
            (
                "namespaces/shop/pods/*/requests?labelSelector=app%3Dother",
                &[],
            ),
            ("namespaces/shop/pods/web-1/requests", &[("web-1", "20")]),
            (
                "namespaces/shop/deployments.apps/web/requests",
                &[("web", "50")],
            ),
            ("nodes/node-1/load", &[("node-1", "2")]),
            ("namespaces/shop/metrics/total", &[("shop", "50")]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(values(tail).await, expected, "{tail}");
        }
    }
}
