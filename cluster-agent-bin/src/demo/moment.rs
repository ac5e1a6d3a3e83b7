//! What a person is shown of the demo, as plain values.

use time::Duration;

/// What stays the same while the demo runs.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// The name of the manifests, as a person gave it.
    pub(crate) manifests: String,
    /// Where the simulated Datadog listens.
    pub(crate) datadog: String,
    /// Where the metrics server listens.
    pub(crate) server: String,
    /// The queries that the autoscalers' metrics became.
    pub(crate) queries: Vec<String>,
    /// How often they are asked.
    pub(crate) refresh_period: Duration,
    /// How long the story takes on its own clock.
    pub(crate) length: Duration,
    /// How many times as fast as ours that clock runs.
    pub(crate) speed: f64,
    /// Commands with which the running server can be asked.
    pub(crate) ask: Vec<String>,
}

/// One round of the autoscalers.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Since the story began, on its own clock.
    pub(crate) at: Duration,
    /// What each autoscaler read and did.
    pub(crate) rounds: Vec<Round>,
}

/// What one autoscaler read and did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Round {
    /// The autoscaler's name.
    pub(crate) hpa: String,
    /// What it scales: `Deployment/nginx`.
    pub(crate) reference: String,
    /// What the simulated service does at this moment; the value lags behind it.
    pub(crate) traffic: Option<f64>,
    /// The value at which this many replicas are just enough; known for targets
    /// that are an average over the replicas.
    pub(crate) capacity: Option<f64>,
    /// What the metrics server said.
    pub(crate) read: Result<Served, String>,
    /// As in `kubectl get hpa`: `30/9 (avg)`.
    pub(crate) targets: String,
    /// The bounds that the autoscaler keeps.
    pub(crate) bounds: (i32, i32),
    /// Replicas before and after.
    pub(crate) replicas: (i32, i32),
    /// What the autoscaler says of what it did.
    pub(crate) says: String,
}

/// A value and its age.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Served {
    /// The value.
    pub(crate) value: f64,
    /// How old it was when it was read.
    pub(crate) age: Duration,
}

/// Minutes and seconds.
pub(crate) fn clock_face(at: Duration) -> String {
    format!("{:02}:{:02}", at.whole_minutes(), at.whole_seconds() % 60)
}

/// A number as a person would write it, with a decimal only where it counts.
pub(crate) fn short(number: f64) -> String {
    if number.abs() < 100.0 && number.fract().abs() > 0.05 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}
