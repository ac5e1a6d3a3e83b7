//! What a source of metrics implements, and the ways in which it says no.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    CustomMetric, CustomMetricValue, ExternalMetric, ExternalMetricValue, ListedMetric, MetricName,
    ObjectName, Selector,
};

/// A source of external metrics: numbers that belong to no Kubernetes object.
///
/// An autoscaler asks for each of its metrics
/// [every 15 seconds](https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#how-does-a-horizontalpodautoscaler-work),
/// one after the other, and waits: answer from what is known, within milliseconds. It
/// does not look at the time of a value, so a value that is too old is to be refused.
///
/// The front page of this crate has an example.
#[async_trait]
pub trait ExternalMetricsProvider: Send + Sync + 'static {
    /// The values of a metric. The autoscaler **adds them up**: return more than
    /// one only where the sum is what you mean.
    ///
    /// The name comes in small letters, whatever the autoscaler says: see
    /// [`ExternalMetric::in_small_letters`].
    ///
    /// # Errors
    /// A [`Refusal`], whose message is what a person reads in
    /// `kubectl describe hpa`: say which metric, what happened and what to do.
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal>;

    /// The names of the metrics known now, for discovery, in any order. It is asked often
    /// and answers from memory; at most 100 are listed. A metric can be read, listed or
    /// not.
    fn external_metrics(&self) -> Vec<MetricName>;
}

#[async_trait]
impl<P: ExternalMetricsProvider + ?Sized> ExternalMetricsProvider for Arc<P> {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        (**self).external_metric(metric).await
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        (**self).external_metrics()
    }
}

/// A source of custom metrics: numbers that describe Kubernetes objects. What is said of
/// [`ExternalMetricsProvider`] holds for it too.
#[async_trait]
pub trait CustomMetricsProvider: Send + Sync + 'static {
    /// The value of a metric for the object of this name.
    ///
    /// # Errors
    /// A [`Refusal`], as for external metrics; [`CustomMetric::unknown_of`] where
    /// the object or its metric is not known.
    async fn metric_of(
        &self,
        metric: &CustomMetric,
        object: &ObjectName,
    ) -> Result<CustomMetricValue, Refusal>;

    /// The values of a metric for every object whose labels match: one for each.
    /// An autoscaler takes a pod that is left out for one whose value is missing,
    /// and no values at all for an error.
    ///
    /// # Errors
    /// A [`Refusal`]; [`CustomMetric::unknown_of_all`] where no object has such a
    /// metric.
    async fn metric_of_all(
        &self,
        metric: &CustomMetric,
        objects: &Selector,
    ) -> Result<Vec<CustomMetricValue>, Refusal>;

    /// The metrics known now, for discovery, in any order. It is asked often and answers
    /// from memory; at most 100 are listed.
    fn custom_metrics(&self) -> Vec<ListedMetric>;
}

#[async_trait]
impl<P: CustomMetricsProvider + ?Sized> CustomMetricsProvider for Arc<P> {
    async fn metric_of(
        &self,
        metric: &CustomMetric,
        object: &ObjectName,
    ) -> Result<CustomMetricValue, Refusal> {
        (**self).metric_of(metric, object).await
    }

    async fn metric_of_all(
        &self,
        metric: &CustomMetric,
        objects: &Selector,
    ) -> Result<Vec<CustomMetricValue>, Refusal> {
        (**self).metric_of_all(metric, objects).await
    }

    fn custom_metrics(&self) -> Vec<ListedMetric> {
        (**self).custom_metrics()
    }
}

/// Why there is no value.
///
/// Each kind has its own HTTP status, see [`Refusal::code`]. The message is served as it is, to an autoscaler and in its events, so it holds no secrets,
/// and equal messages are one event: name a time rather than an age.
///
/// Any of them keeps an autoscaler from scaling down, and it goes on asking.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such metric: 404.
    #[error("{0}")]
    Unknown(String),
    /// The metric is known, and has no usable value now: 422.
    #[error("{0}")]
    NoData(String),
    /// The newest value is too old to be served as current: 422.
    #[error("{0}")]
    Stale(String),
    /// The provider has just started and does not know yet: 503.
    #[error("{0}")]
    NotReady(String),
    /// The source asks for patience: 429. Kubernetes' client would sleep through a
    /// `Retry-After` and hold up other autoscalers, so the header goes only with
    /// a wait of a second or less; the details always say how long.
    #[error("{message}")]
    Throttled {
        /// What to tell the person who reads.
        message: String,
        /// When the source allows the next call.
        retry_after: Duration,
    },
    /// The source cannot be reached: 503.
    #[error("{0}")]
    Unavailable(String),
    /// The request cannot be understood by this source: 400.
    #[error("{0}")]
    BadRequest(String),
}
