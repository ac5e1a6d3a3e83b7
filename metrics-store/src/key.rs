//! Who asks for what.

use std::fmt;

use provider_api::{ExternalMetric, ObjectReference};

/// One demand: an object, usually a HorizontalPodAutoscaler, asks for a metric
/// with its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The object that asks.
    pub asker: ObjectReference,
    /// The metric: its namespace, name and labels.
    pub metric: ExternalMetric,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.asker, self.metric)
    }
}
