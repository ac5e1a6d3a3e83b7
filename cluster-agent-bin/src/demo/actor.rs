//! An autoscaler at work on its Deployment.

use k8s_adapter::{Autoscaler, Decision, Reading};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec};
use provider_api::{ExternalMetric, Quantity};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    deployment::Deployment,
    manifests::Manifests,
    moment::{Round, Served},
};

/// An autoscaler at work on its Deployment.
pub(crate) struct Actor {
    name: String,
    reference: String,
    bounds: (i32, i32),
    /// What one replica carries, for a target that is an average over them.
    per_replica: Option<f64>,
    autoscaler: Autoscaler,
    deployment: Deployment,
}

impl Actor {
    /// Puts the autoscaler of a manifest to work.
    pub(crate) fn of(
        hpa: &HorizontalPodAutoscaler,
        manifests: &Manifests,
        now: OffsetDateTime,
    ) -> Result<Self, String> {
        let autoscaler = Autoscaler::of(hpa).map_err(|why| why.to_string())?;
        let spec = hpa.spec.as_ref().ok_or("an autoscaler without a spec")?;
        let namespace = hpa.metadata.namespace.as_deref().unwrap_or_default();
        let target = &spec.scale_target_ref;
        let replicas = manifests.replicas(namespace, &target.name);
        Ok(Self {
            name: hpa.metadata.name.clone().unwrap_or_default(),
            reference: format!("{}/{}", target.kind, target.name),
            bounds: (spec.min_replicas.unwrap_or(1), spec.max_replicas),
            per_replica: per_replica(spec),
            autoscaler,
            deployment: Deployment::settled(replicas, now),
        })
    }

    /// The metrics to read before it acts.
    pub(crate) fn metrics(&self) -> Vec<ExternalMetric> {
        self.autoscaler.metrics().cloned().collect()
    }

    /// Acts on what was read, a reading for each metric.
    pub(crate) fn act(
        &mut self,
        now: OffsetDateTime,
        read: &[Result<Listed, String>],
        traffic: Option<f64>,
    ) -> Round {
        let scale = self.deployment.at(now);
        let readings: Vec<Reading> = read
            .iter()
            .map(|read| read.as_ref().map(Listed::values).map_err(Clone::clone))
            .collect();
        let Decision {
            desired,
            rescale,
            targets,
            conditions,
        } = self.autoscaler.decide(now, scale, &readings);
        self.deployment.scale(desired, now);
        let failing = conditions
            .into_iter()
            .find(|condition| !condition.holds && condition.kind == "ScalingActive");
        Round {
            hpa: self.name.clone(),
            reference: self.reference.clone(),
            traffic,
            capacity: self.per_replica.map(|each| each * f64::from(desired)),
            read: match read.first() {
                Some(Ok(listed)) => listed.served(now),
                Some(Err(why)) => Err(why.clone()),
                None => Err("it has no metric".to_owned()),
            },
            targets: targets.join(", "),
            bounds: self.bounds,
            replicas: (scale.spec, desired),
            says: rescale
                .or_else(|| failing.map(|condition| condition.message))
                .map(|words| without_selectors(&words))
                .unwrap_or_default(),
        }
    }
}

fn per_replica(spec: &HorizontalPodAutoscalerSpec) -> Option<f64> {
    let target = &spec.metrics.as_ref()?.first()?.external.as_ref()?.target;
    let average: Quantity = target.average_value.as_ref()?.0.parse().ok()?;
    Some(average.millis() as f64 / 1000.0)
}

/// The controller's words without the selectors in them, which it prints as Go values.
fn without_selectors(words: &str) -> String {
    let mut rest = words;
    let mut kept = String::new();
    while let Some((before, selector)) = rest.split_once("(&LabelSelector{") {
        let Some((_, after)) = selector.split_once("})") else {
            break;
        };
        kept += before;
        rest = after;
    }
    kept + rest
}

/// The list that the metrics API answers, as far as an autoscaler reads it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Listed {
    items: Vec<Item>,
}

#[derive(Clone, Debug, Deserialize)]
struct Item {
    value: Quantity,
    timestamp: String,
}

impl Listed {
    fn values(&self) -> Vec<Quantity> {
        self.items.iter().map(|item| item.value).collect()
    }

    fn served(&self, now: OffsetDateTime) -> Result<Served, String> {
        let item = self.items.first().ok_or("the list is empty")?;
        let time =
            OffsetDateTime::parse(&item.timestamp, &Rfc3339).map_err(|why| why.to_string())?;
        Ok(Served {
            value: item.value.millis() as f64 / 1000.0,
            age: now - time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_words_are_read_without_its_selectors() {
        let words = "New size: 3; reason: external metric a(&LabelSelector{MatchLabels:map[string]string{k: v,},MatchExpressions:[]LabelSelectorRequirement{},}) above target";
        assert_eq!(
            without_selectors(words),
            "New size: 3; reason: external metric a above target"
        );
        assert_eq!(
            without_selectors("All metrics below target"),
            "All metrics below target"
        );
    }
}
