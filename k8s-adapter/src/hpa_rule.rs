//! The replica arithmetic of Kubernetes' autoscaler, for external metrics.

mod behavior;
mod condition;
mod manifest;
mod memory;
mod metric;
mod rate;
#[cfg(test)]
mod testing;

use provider_api::{ExternalMetric, Quantity};
use time::OffsetDateTime;

use self::{
    behavior::Rules,
    memory::Memory,
    metric::{Metric, Proposal},
};

pub use self::{
    condition::Condition,
    manifest::{InvalidAutoscaler, InvalidField},
};

/// One Horizontal Pod Autoscaler at work: it reads metrics, remembers what it
/// recommended, and decides how many replicas there should be, as the
/// controller of a cluster would.
///
/// Where a rule looks odd, it is [the controller's]: it takes the highest of
/// several metrics, never scales down while one of them fails, and takes a
/// negative sum with an average target for an overflow, which means the most
/// replicas.
///
/// [the controller's]: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
#[derive(Clone, Debug)]
pub struct Autoscaler {
    min_replicas: i32,
    max_replicas: i32,
    metrics: Vec<Metric>,
    rules: Rules,
    memory: Memory,
}

/// The target of an autoscaler, as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The replicas that it should have, `spec.replicas`.
    pub spec: i32,
    /// The replicas that it has, `status.replicas`.
    pub status: i32,
    /// Those of them that are ready to serve.
    pub ready: i32,
}

/// What the metrics API answered for one metric: its values, which are added
/// up, or the message of its refusal.
pub type Reading = Result<Vec<Quantity>, String>;

/// What an autoscaler decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The replicas that its target should have; the present ones for no change.
    pub desired: i32,
    /// Why the size changes, as the event `SuccessfulRescale` tells it.
    pub rescale: Option<String>,
    /// For each metric what `kubectl get hpa` shows: `30/9 (avg)`.
    pub targets: Vec<String>,
    /// What `kubectl describe hpa` shows. A kind that is missing stays as it was.
    pub conditions: Vec<Condition>,
}

impl Autoscaler {
    /// The metrics to read before each decision, in the order of their readings.
    pub fn metrics(&self) -> impl Iterator<Item = &ExternalMetric> {
        self.metrics.iter().map(Metric::identity)
    }

    /// Decides once; a cluster does so every 15 seconds. There is a reading for
    /// each of [`Self::metrics`]; a missing one counts as refused.
    pub fn decide(&mut self, now: OffsetDateTime, scale: Scale, readings: &[Reading]) -> Decision {
        self.memory.begin(now, scale.spec);
        let missing = Err("it was not read".to_owned());
        let readings = readings.iter().chain(std::iter::repeat(&missing));
        let tolerance = self.rules.tolerance();
        let proposals: Vec<_> = self
            .metrics
            .iter()
            .zip(readings)
            .map(|(metric, reading)| metric.propose(scale, tolerance, reading))
            .collect();
        let targets = self
            .metrics
            .iter()
            .zip(&proposals)
            .map(|(metric, proposal)| metric.shown(proposal))
            .collect();
        let mut decision = Decision {
            desired: scale.spec,
            rescale: None,
            targets,
            conditions: Vec::new(),
        };

        if scale.spec == 0 && self.min_replicas != 0 {
            decision.conditions = vec![Condition::got_scale(), Condition::scaling_disabled()];
        } else if scale.spec > self.max_replicas {
            let why = "Current number of replicas above Spec.MaxReplicas";
            self.rescale(&mut decision, now, scale, self.max_replicas, why);
        } else if scale.spec < self.min_replicas {
            let why = "Current number of replicas below Spec.MinReplicas";
            self.rescale(&mut decision, now, scale, self.min_replicas, why);
        } else {
            self.follow(&mut decision, now, scale, &proposals);
        }
        decision
    }

    fn follow(
        &mut self,
        decision: &mut Decision,
        now: OffsetDateTime,
        scale: Scale,
        proposals: &[Result<Proposal, String>],
    ) {
        let (metric, recommended) = match self.highest(scale, proposals) {
            Ok((metric, proposal)) => (metric, proposal.replicas.max(0)),
            Err(failure) => {
                decision.conditions = vec![Condition::got_scale(), failure];
                return;
            }
        };
        let why = if recommended > scale.spec {
            format!("{} above target", metric.described())
        } else {
            "All metrics below target".to_owned()
        };
        let active = Condition::scaling_active(metric);
        let stable = self
            .rules
            .stabilized(&self.memory, now, scale.spec, recommended);
        self.memory
            .recommend(now, recommended, self.rules.longest_window());
        let bounds = self.min_replicas..=self.max_replicas;
        let limited = self
            .rules
            .limited(&self.memory, now, bounds, scale.spec, stable.replicas);
        decision.conditions = vec![
            Condition::able_to_scale(stable.because),
            active,
            Condition::scaling_limited(limited, stable.replicas),
        ];
        if limited.replicas != scale.spec {
            self.rescale(decision, now, scale, limited.replicas, &why);
        }
    }

    /// The metric that asks for the most replicas, or why no metric is followed:
    /// while one fails, the others may scale up, not down.
    fn highest(
        &self,
        scale: Scale,
        proposals: &[Result<Proposal, String>],
    ) -> Result<(&Metric, Proposal), Condition> {
        let mut highest: Option<(&Metric, Proposal)> = None;
        let mut first_failure = None;
        for (metric, proposal) in self.metrics.iter().zip(proposals) {
            match proposal {
                Ok(proposal)
                    if highest.is_none_or(|(_, highest)| proposal.replicas > highest.replicas) =>
                {
                    highest = Some((metric, *proposal));
                }
                Ok(_) => {}
                Err(error) => {
                    first_failure.get_or_insert_with(|| Condition::metric_failed(metric, error));
                }
            }
        }
        match (highest, first_failure) {
            (Some(highest), None) => Ok(highest),
            (Some(highest), Some(_)) if highest.1.replicas >= scale.spec => Ok(highest),
            (_, failure) => {
                Err(failure
                    .expect("an autoscaler has metrics, and one without a proposal has failed"))
            }
        }
    }

    fn rescale(
        &mut self,
        decision: &mut Decision,
        now: OffsetDateTime,
        scale: Scale,
        desired: i32,
        why: &str,
    ) {
        decision.desired = desired;
        decision.rescale = Some(format!("New size: {desired}; reason: {why}"));
        let rescaled = Condition::rescaled(desired);
        decision
            .conditions
            .retain(|condition| condition.kind != rescaled.kind);
        decision.conditions.insert(0, rescaled);
        self.memory.rescaled(now, scale.spec, desired);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        testing::{average, over_queue, queue, reasons, refused, story, values},
        *,
    };

    #[test]
    fn the_metric_that_asks_for_the_most_is_followed() {
        let both =
            json!({"maxReplicas": 100, "metrics": [queue(&average("10")), queue(&average("2"))]});
        let decision = story(both)
            .with(4)
            .reads(&[values(&["50"]), values(&["14"])]);
        assert_eq!(
            (decision.desired, decision.targets),
            (
                7,
                vec!["12500m/10 (avg)".to_owned(), "3500m/2 (avg)".to_owned()]
            )
        );
    }

    #[test]
    fn the_rise_and_the_limit_of_an_example_are_told_as_the_controller_tells_them() {
        let rate = json!({
            "type": "External",
            "external": {
                "metric": {
                    "name": "nginx.net.request_per_s",
                    "selector": {"matchLabels": {"kube_container_name": "nginx"}},
                },
                "target": average("9"),
            },
        });
        let mut story = story(json!({"maxReplicas": 3, "metrics": [rate]}));
        let metric = "external metric nginx.net.request_per_s(&LabelSelector{MatchLabels:map[string]string{\
                      kube_container_name: nginx,},MatchExpressions:[]LabelSelectorRequirement{},})";
        let valid = |holds, kind, reason, message: &str| Condition {
            kind,
            holds,
            reason,
            message: message.to_owned(),
        };
        let active = valid(
            true,
            "ScalingActive",
            "ValidMetricFound",
            &format!("the HPA was able to successfully calculate a replica count from {metric}"),
        );
        let limited = valid(
            true,
            "ScalingLimited",
            "TooManyReplicas",
            "the desired replica count is more than the maximum replica count",
        );
        let rescaled = "the HPA controller was able to update the target scale to 3";
        assert_eq!(
            story.reads(&[values(&["30"])]),
            Decision {
                desired: 3,
                rescale: Some(format!("New size: 3; reason: {metric} above target")),
                targets: vec!["30/9 (avg)".to_owned()],
                conditions: vec![
                    valid(true, "AbleToScale", "SucceededRescale", rescaled),
                    active.clone(),
                    limited.clone(),
                ],
            }
        );
        let ready = "recommended size matches current size";
        assert_eq!(
            story.after(15).reads(&[values(&["30"])]),
            Decision {
                desired: 3,
                rescale: None,
                targets: vec!["10/9 (avg)".to_owned()],
                conditions: vec![
                    valid(true, "AbleToScale", "ReadyForNewScale", ready),
                    active,
                    limited
                ],
            }
        );
    }

    #[test]
    fn a_refusal_is_told_word_for_word_and_nothing_changes() {
        let mut story = over_queue(&average("9")).with(3);
        let message = |decision: &Decision| decision.conditions[1].message.clone();
        let unable = "the HPA was unable to compute the replica count: unable to get external metric shop/queue/nil";
        for (reading, expected) in [
            (
                refused("the last value is an hour old"),
                "unable to fetch metrics from external metrics API: the last value is an hour old",
            ),
            (values(&[]), "no metrics returned from external metrics API"),
        ] {
            let decision = story.reads(&[reading]);
            assert_eq!(decision.desired, 3);
            assert_eq!(decision.targets, ["<unknown>/9 (avg)"]);
            assert_eq!(
                reasons(&decision),
                ["SucceededGetScale", "!FailedGetExternalMetric"]
            );
            assert_eq!(message(&decision), format!("{unable}: {expected}"));
        }
        assert_eq!(
            reasons(&story.reads(&[])),
            ["SucceededGetScale", "!FailedGetExternalMetric"]
        );
    }

    #[test]
    fn while_one_metric_fails_the_others_may_scale_up_and_not_down() {
        let both =
            json!({"maxReplicas": 100, "metrics": [queue(&average("10")), queue(&average("10"))]});
        let mut story = story(both).with(4);
        story.reads(&[values(&["40"]), values(&["40"])]);
        let down = story.after(600).reads(&[refused("away"), values(&["10"])]);
        assert_eq!(
            (down.desired, reasons(&down)[1].as_str()),
            (4, "!FailedGetExternalMetric")
        );
        let up = story.reads(&[refused("away"), values(&["60"])]);
        assert_eq!(
            (up.desired, reasons(&up)[1].as_str()),
            (6, "ValidMetricFound")
        );
    }

    #[test]
    fn a_size_outside_the_bounds_is_corrected_whatever_the_metrics_say() {
        let spec = json!({"minReplicas": 2, "maxReplicas": 5, "metrics": [queue(&average("9"))]});
        for (replicas, desired, why) in [
            (
                9,
                5,
                "New size: 5; reason: Current number of replicas above Spec.MaxReplicas",
            ),
            (
                1,
                2,
                "New size: 2; reason: Current number of replicas below Spec.MinReplicas",
            ),
        ] {
            let decision = story(spec.clone()).with(replicas).reads(&[refused("away")]);
            assert_eq!(
                (decision.desired, decision.rescale.as_deref()),
                (desired, Some(why))
            );
        }
    }

    #[test]
    fn a_target_that_a_person_scaled_to_zero_stays_there() {
        let decision = over_queue(&average("9")).with(0).reads(&[values(&["90"])]);
        assert_eq!(
            (decision.desired, reasons(&decision)),
            (
                0,
                vec![
                    "SucceededGetScale".to_owned(),
                    "!ScalingDisabled".to_owned()
                ]
            )
        );
    }

    #[test]
    fn an_autoscaler_down_to_zero_wakes_its_target_up() {
        for target in [average("9"), json!({"type": "Value", "value": "9"})] {
            let mut story =
                story(json!({"minReplicas": 0, "maxReplicas": 5, "metrics": [queue(&target)]}))
                    .with(1);
            story.reads(&[values(&["0"])]);
            assert_eq!(story.after(301).follows("0"), 0);
            assert_eq!(story.after(15).follows("10"), 2);
        }
    }
}
