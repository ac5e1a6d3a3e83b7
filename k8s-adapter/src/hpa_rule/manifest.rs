//! From an autoscaler's manifest to its rules.

use std::ops::RangeInclusive;

use k8s_openapi::{
    api::autoscaling::v2::{
        ExternalMetricSource, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
        HorizontalPodAutoscalerBehavior, MetricIdentifier, MetricSpec,
    },
    apimachinery::pkg::api::resource::Quantity as WrittenQuantity,
};
use provider_api::{InvalidQuantity, ObjectReference, Quantity};
use time::Duration;

use super::{
    Autoscaler,
    behavior::{Direction, Policy, Rules, Select, Step},
    memory::Memory,
    metric::{Metric, Target},
};
use crate::{
    Unservable,
    demand::{metric_of, reference_to},
    kind::HPA,
};

/// Why an autoscaler cannot be put to work. Every message names the field.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{asker}: {field}: {why}")]
pub struct InvalidAutoscaler {
    /// The autoscaler.
    pub asker: ObjectReference,
    /// The field, as in the manifest.
    pub field: String,
    /// What is wrong there.
    pub why: Box<InvalidField>,
}

/// What is wrong with a field of an autoscaler.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidField {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It is there in a way that the rules know nothing of.
    #[error("`{found}` is not known here, use {allowed}")]
    Unknown {
        /// What stands there.
        found: String,
        /// What could stand there.
        allowed: &'static str,
    },
    /// A number that Kubernetes does not allow.
    #[error("{found} is not between {} and {}", .allowed.start(), .allowed.end())]
    Range {
        /// The number.
        found: i32,
        /// The numbers that Kubernetes allows.
        allowed: RangeInclusive<i32>,
    },
    /// A quantity that is none.
    #[error(transparent)]
    Quantity(InvalidQuantity),
    /// A quantity that is too small.
    #[error("`{0}` is too small")]
    TooSmall(Quantity),
    /// A metric that nobody can serve.
    #[error(transparent)]
    Metric(Unservable),
}

type Wrong = (String, InvalidField);

impl Autoscaler {
    /// The autoscaler of an object whose metrics are all external.
    ///
    /// # Errors
    /// When the object has other metrics, or fields that an API server would refuse.
    pub fn of(hpa: &HorizontalPodAutoscaler) -> Result<Self, InvalidAutoscaler> {
        let asker = reference_to(HPA.name, &hpa.metadata);
        read(&asker, hpa).map_err(|(field, why)| InvalidAutoscaler {
            asker,
            field,
            why: Box::new(why),
        })
    }
}

fn read(asker: &ObjectReference, hpa: &HorizontalPodAutoscaler) -> Result<Autoscaler, Wrong> {
    let missing = |field: &str| (field.to_owned(), InvalidField::Missing);
    let spec = hpa.spec.as_ref().ok_or_else(|| missing("spec"))?;
    let metrics = spec
        .metrics
        .as_deref()
        .filter(|metrics| !metrics.is_empty());
    let metrics = metrics
        .ok_or_else(|| missing("spec.metrics"))?
        .iter()
        .enumerate();
    let max_replicas = in_range("spec.maxReplicas", spec.max_replicas, 1..=i32::MAX)?;
    Ok(Autoscaler {
        min_replicas: in_range(
            "spec.minReplicas",
            spec.min_replicas.unwrap_or(1),
            0..=max_replicas,
        )?,
        max_replicas,
        metrics: metrics
            .map(|(index, metric)| metric_at(asker, index, metric))
            .collect::<Result<_, _>>()?,
        rules: spec.behavior.as_ref().map_or(Ok(Rules::Plain), rules)?,
        memory: Memory::default(),
    })
}

fn metric_at(asker: &ObjectReference, index: usize, written: &MetricSpec) -> Result<Metric, Wrong> {
    let at = |field: &str| format!("spec.metrics[{index}].{field}");
    let Some(external) = &written.external else {
        let found = written.type_.clone();
        return Err((
            at("type"),
            InvalidField::Unknown {
                found,
                allowed: "External",
            },
        ));
    };
    let MetricIdentifier { name, selector } = &external.metric;
    Ok(Metric {
        identity: metric_of(asker, name, selector.as_ref())
            .map_err(|why| (at("external.metric"), InvalidField::Metric(why)))?,
        selector: selector.clone(),
        target: target_of(external).map_err(|(field, why)| (at(&field), why))?,
    })
}

fn target_of(external: &ExternalMetricSource) -> Result<Target, Wrong> {
    let at = |field: &str| format!("external.target.{field}");
    let positive = |field: &str, written: &WrittenQuantity| {
        let quantity: Quantity = written
            .0
            .parse()
            .map_err(|error| (at(field), InvalidField::Quantity(error)))?;
        if quantity.millis() > 0 {
            Ok(quantity)
        } else {
            Err((at(field), InvalidField::TooSmall(quantity)))
        }
    };
    match (&external.target.value, &external.target.average_value) {
        (_, Some(average)) => Ok(Target::AverageValue(positive("averageValue", average)?)),
        (Some(value), None) => Ok(Target::Value(positive("value", value)?)),
        (None, None) => Err((at("averageValue"), InvalidField::Missing)),
    }
}

fn rules(written: &HorizontalPodAutoscalerBehavior) -> Result<Rules, Wrong> {
    let direction =
        |name: &str, default: Direction, written: &Option<HPAScalingRules>| match written {
            Some(written) => overridden(&format!("spec.behavior.{name}"), default, written),
            None => Ok(default),
        };
    Ok(Rules::Written {
        up: direction("scaleUp", Direction::up(), &written.scale_up)?,
        down: direction("scaleDown", Direction::down(), &written.scale_down)?,
    })
}

/// What is written replaces the default, field by field.
fn overridden(
    at: &str,
    mut direction: Direction,
    written: &HPAScalingRules,
) -> Result<Direction, Wrong> {
    if let Some(seconds) = written.stabilization_window_seconds {
        let seconds = in_range(
            &format!("{at}.stabilizationWindowSeconds"),
            seconds,
            0..=3600,
        )?;
        direction.window = Duration::seconds(seconds.into());
    }
    if let Some(select) = &written.select_policy {
        direction.select = match select.as_str() {
            "Max" => Select::Max,
            "Min" => Select::Min,
            "Disabled" => Select::Disabled,
            _ => {
                return Err(unknown(
                    &format!("{at}.selectPolicy"),
                    select,
                    "Max, Min or Disabled",
                ));
            }
        };
    }
    if let Some(policies) = &written.policies {
        let at = |index: usize| format!("{at}.policies[{index}]");
        let policies = policies.iter().enumerate();
        direction.policies = policies
            .map(|(index, written)| policy(&at(index), written))
            .collect::<Result<_, _>>()?;
    }
    if let Some(tolerance) = &written.tolerance {
        let tolerance: Quantity = tolerance
            .0
            .parse()
            .map_err(|error| (format!("{at}.tolerance"), InvalidField::Quantity(error)))?;
        direction.tolerance = tolerance.millis() as f64 / 1000.0;
    }
    Ok(direction)
}

fn policy(at: &str, written: &HPAScalingPolicy) -> Result<Policy, Wrong> {
    let value = in_range(&format!("{at}.value"), written.value, 1..=i32::MAX)?;
    let seconds = in_range(
        &format!("{at}.periodSeconds"),
        written.period_seconds,
        1..=1800,
    )?;
    let change = match written.type_.as_str() {
        "Pods" => Step::Pods(value),
        "Percent" => Step::Percent(value),
        kind => return Err(unknown(&format!("{at}.type"), kind, "Pods or Percent")),
    };
    Ok(Policy {
        change,
        period: Duration::seconds(seconds.into()),
    })
}

fn in_range(at: &str, found: i32, allowed: RangeInclusive<i32>) -> Result<i32, Wrong> {
    if allowed.contains(&found) {
        Ok(found)
    } else {
        Err((at.to_owned(), InvalidField::Range { found, allowed }))
    }
}

fn unknown(at: &str, found: &str, allowed: &'static str) -> Wrong {
    (
        at.to_owned(),
        InvalidField::Unknown {
            found: found.to_owned(),
            allowed,
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        let mut manifest = json!({
            "metadata": {"namespace": "shop", "name": "nginxext"},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "nginx"},
                "minReplicas": 1,
                "maxReplicas": 3,
                "metrics": [{
                    "type": "External",
                    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "9"}},
                }],
                "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
            },
        });
        let good = serde_json::from_value(manifest.clone()).unwrap();
        Autoscaler::of(&good).unwrap();
        change(&mut manifest["spec"]);
        let hpa = serde_json::from_value(manifest).unwrap();
        Autoscaler::of(&hpa).unwrap_err().to_string()
    }

    #[test]
    fn whatever_cannot_be_used_is_named_by_its_field() {
        let nginxext = "HorizontalPodAutoscaler shop/nginxext";
        let target =
            |target: Value| refused(|spec| spec["metrics"][0]["external"]["target"] = target);
        let policy = |field: &str, value: Value| {
            refused(|spec| spec["behavior"]["scaleUp"]["policies"][0][field] = value)
        };
        for (found, expected) in [
            (
                refused(|spec| spec["metrics"] = json!([])),
                "spec.metrics: it is missing",
            ),
            (
                refused(|spec| spec["maxReplicas"] = json!(0)),
                "spec.maxReplicas: 0 is not between 1 and 2147483647",
            ),
            (
                refused(|spec| spec["minReplicas"] = json!(4)),
                "spec.minReplicas: 4 is not between 0 and 3",
            ),
            (
                refused(|spec| spec["metrics"] = json!([{"type": "Resource"}])),
                "spec.metrics[0].type: `Resource` is not known here, use External",
            ),
            (
                target(json!({"type": "Value"})),
                "spec.metrics[0].external.target.averageValue: it is missing",
            ),
            (
                target(json!({"type": "Value", "value": "0"})),
                "spec.metrics[0].external.target.value: `0` is too small",
            ),
            (
                policy("type", json!("Nodes")),
                "spec.behavior.scaleUp.policies[0].type: `Nodes` is not known here, use Pods or Percent",
            ),
            (
                policy("value", json!(0)),
                "spec.behavior.scaleUp.policies[0].value: 0 is not between 1 and 2147483647",
            ),
            (
                policy("periodSeconds", json!(3600)),
                "spec.behavior.scaleUp.policies[0].periodSeconds: 3600 is not between 1 and 1800",
            ),
            (
                refused(|spec| spec["behavior"]["scaleDown"] = json!({"selectPolicy": "max"})),
                "spec.behavior.scaleDown.selectPolicy: `max` is not known here, use Max, Min or Disabled",
            ),
            (
                refused(|spec| {
                    spec["behavior"]["scaleDown"] = json!({"stabilizationWindowSeconds": 3601});
                }),
                "spec.behavior.scaleDown.stabilizationWindowSeconds: 3601 is not between 0 and 3600",
            ),
        ] {
            assert_eq!(found, format!("{nginxext}: {expected}"));
        }
    }
}
