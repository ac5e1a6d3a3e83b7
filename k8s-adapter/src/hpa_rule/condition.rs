//! What an autoscaler tells of itself, in the controller's words.

use super::metric::Metric;

/// A condition of an autoscaler, as `kubectl describe hpa` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `AbleToScale`, `ScalingActive` or `ScalingLimited`.
    pub kind: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// The reason, one word.
    pub reason: &'static str,
    /// The reason, a sentence.
    pub message: String,
}

/// One word and a sentence.
pub(super) type Because = (&'static str, &'static str);

/// A number of replicas that a rule settled on, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) replicas: i32,
    pub(super) because: Because,
}

impl Condition {
    pub(super) fn got_scale() -> Self {
        Self::able_to_scale((
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        ))
    }

    pub(super) fn able_to_scale((reason, message): Because) -> Self {
        Self {
            kind: "AbleToScale",
            holds: true,
            reason,
            message: message.to_owned(),
        }
    }

    pub(super) fn rescaled(desired: i32) -> Self {
        let message =
            format!("the HPA controller was able to update the target scale to {desired}");
        Self {
            kind: "AbleToScale",
            holds: true,
            reason: "SucceededRescale",
            message,
        }
    }

    pub(super) fn scaling_active(metric: &Metric) -> Self {
        let described = metric.described();
        let message =
            format!("the HPA was able to successfully calculate a replica count from {described}");
        Self {
            kind: "ScalingActive",
            holds: true,
            reason: "ValidMetricFound",
            message,
        }
    }

    pub(super) fn scaling_disabled() -> Self {
        let message =
            "scaling is disabled since the replica count of the target is zero".to_owned();
        Self {
            kind: "ScalingActive",
            holds: false,
            reason: "ScalingDisabled",
            message,
        }
    }

    pub(super) fn metric_failed(metric: &Metric, error: &str) -> Self {
        let (identity, selector) = (metric.identity(), metric.selector());
        let (namespace, name) = (identity.namespace(), identity.name());
        let message = format!(
            "the HPA was unable to compute the replica count: \
             unable to get external metric {namespace}/{name}/{selector}: {error}"
        );
        Self {
            kind: "ScalingActive",
            holds: false,
            reason: "FailedGetExternalMetric",
            message,
        }
    }

    pub(super) fn scaling_limited(limited: Settled, wanted: i32) -> Self {
        let (reason, message) = limited.because;
        let holds = limited.replicas != wanted;
        Self {
            kind: "ScalingLimited",
            holds,
            reason,
            message: message.to_owned(),
        }
    }
}
