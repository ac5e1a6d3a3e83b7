//! What a metric is worth: the answer to an [`ExternalMetric`](crate::ExternalMetric).

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;

use crate::{MetricName, Quantity};

/// One value of an external metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalMetricValue {
    /// The metric's name, as it was asked for.
    pub metric_name: MetricName,
    /// The labels of the series; may be empty.
    pub labels: BTreeMap<String, String>,
    /// The instant that the value describes. It is served in whole seconds.
    pub timestamp: OffsetDateTime,
    /// The span that the value was computed over, where it has one. It is served
    /// in whole seconds.
    pub window: Option<Duration>,
    /// The number itself.
    pub value: Quantity,
}

impl ExternalMetricValue {
    /// A value without labels or a window.
    pub fn new(metric_name: MetricName, value: Quantity, timestamp: OffsetDateTime) -> Self {
        Self {
            metric_name,
            labels: BTreeMap::new(),
            timestamp,
            window: None,
            value,
        }
    }
}
