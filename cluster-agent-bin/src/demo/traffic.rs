//! Traffic for autoscalers that nobody wrote a scenario for.

use datadog_query::simulator::Scenario;
use k8s_openapi::{
    api::autoscaling::v2::{ExternalMetricSource, HorizontalPodAutoscaler},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use provider_api::Quantity;
use serde_json::{Map, Value, json};

/// A hill of traffic for each external metric of these autoscalers: quiet, so much
/// that the target is passed, and quiet again.
///
/// # Errors
/// When a metric's name is none that Datadog could have.
pub(crate) fn traffic_for(autoscalers: &[HorizontalPodAutoscaler]) -> Result<Scenario, String> {
    let series: Vec<Value> = autoscalers.iter().flat_map(hills).collect();
    serde_json::from_value(json!({ "series": series })).map_err(|why| why.to_string())
}

fn hills(hpa: &HorizontalPodAutoscaler) -> Vec<Value> {
    let Some(spec) = &hpa.spec else {
        return Vec::new();
    };
    let external = spec
        .metrics
        .iter()
        .flatten()
        .filter_map(|metric| metric.external.as_ref());
    external
        .map(|metric| hill(metric, spec.max_replicas))
        .collect()
}

fn hill(metric: &ExternalMetricSource, most: i32) -> Value {
    let target = |written: &Option<k8s_openapi::apimachinery::pkg::api::resource::Quantity>| {
        let quantity: Quantity = written.as_ref()?.0.parse().ok()?;
        Some(quantity.millis() as f64 / 1000.0)
    };
    // Enough for the most replicas; a target that is no average doubles its pods.
    let top = match (
        target(&metric.target.average_value),
        target(&metric.target.value),
    ) {
        (Some(average), _) => average * f64::from(most),
        (None, Some(value)) => value * 2.0,
        (None, None) => 1.0,
    };
    json!({
        "metric": metric.metric.name,
        "tags": metric.metric.selector.as_ref().map(tags).unwrap_or_default(),
        "interval": "10s",
        "shape": { "line": [
            { "at": "2m10s", "value": 0.0 },
            { "at": "3m40s", "value": top },
            { "at": "6m", "value": top },
            { "at": "7m", "value": 0.0 },
        ]},
    })
}

/// Tags that the selector chooses.
fn tags(selector: &LabelSelector) -> Map<String, Value> {
    let labels = selector
        .match_labels
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()));
    let expressions = selector
        .match_expressions
        .iter()
        .flatten()
        .filter_map(|expression| {
            let value = match expression.operator.as_str() {
                "In" => expression.values.as_ref()?.first()?.clone(),
                "Exists" => "any".to_owned(),
                // A series without the tag is what is meant.
                _ => return None,
            };
            Some((expression.key.clone(), value))
        });
    labels
        .chain(expressions)
        .map(|(key, value)| (key, Value::String(value)))
        .collect()
}
