//! An autoscaler and its target, for stories told in tests.

use provider_api::Quantity;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{Autoscaler, Decision, Reading, Scale};
use crate::testing::NOW;

pub(super) struct Story {
    autoscaler: Autoscaler,
    now: OffsetDateTime,
    /// All replicas that should be there are there, and are ready.
    pub(super) replicas: i32,
}

/// An autoscaler of at most 100 replicas over the metric `queue`.
pub(super) fn over_queue(target: &Value) -> Story {
    story(json!({"maxReplicas": 100, "metrics": [queue(target)]}))
}

/// An autoscaler that wants a replica for each 1 of its metric.
pub(super) fn with_behavior(behavior: &Value) -> Story {
    story(json!({"maxReplicas": 100, "metrics": [queue(&average("1"))], "behavior": behavior}))
}

pub(super) fn queue(target: &Value) -> Value {
    json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": target}})
}

pub(super) fn average(value: &str) -> Value {
    json!({"type": "AverageValue", "averageValue": value})
}

pub(super) fn story(mut spec: Value) -> Story {
    spec["scaleTargetRef"] = json!({"kind": "Deployment", "name": "nginx"});
    let manifest = json!({"metadata": {"namespace": "shop", "name": "nginxext"}, "spec": spec});
    let autoscaler = Autoscaler::of(&serde_json::from_value(manifest).unwrap()).unwrap();
    Story {
        autoscaler,
        now: NOW,
        replicas: 1,
    }
}

impl Story {
    pub(super) fn with(mut self, replicas: i32) -> Self {
        self.replicas = replicas;
        self
    }

    pub(super) fn after(&mut self, seconds: i64) -> &mut Self {
        self.now += Duration::seconds(seconds);
        self
    }

    /// The decision, which the target follows at once.
    pub(super) fn reads(&mut self, readings: &[Reading]) -> Decision {
        let replicas = self.replicas;
        self.reads_at(
            Scale {
                spec: replicas,
                status: replicas,
                ready: replicas,
            },
            readings,
        )
    }

    pub(super) fn reads_at(&mut self, scale: Scale, readings: &[Reading]) -> Decision {
        let decision = self.autoscaler.decide(self.now, scale, readings);
        self.replicas = decision.desired;
        decision
    }

    /// The replicas after one reading of one value.
    pub(super) fn follows(&mut self, value: &str) -> i32 {
        self.reads(&[values(&[value])]).desired
    }
}

pub(super) fn values(values: &[&str]) -> Reading {
    Ok(values
        .iter()
        .map(|value| value.parse::<Quantity>().unwrap())
        .collect())
}

pub(super) fn refused(message: &str) -> Reading {
    Err(message.to_owned())
}

/// The reason of a condition, with a `!` before one that does not hold.
pub(super) fn reasons(decision: &Decision) -> Vec<String> {
    let reasons = decision.conditions.iter();
    reasons
        .map(|condition| {
            format!(
                "{}{}",
                if condition.holds { "" } else { "!" },
                condition.reason
            )
        })
        .collect()
}
