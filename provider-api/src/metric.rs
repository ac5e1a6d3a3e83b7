//! Which metric is meant: the request of an autoscaler, as a value.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{MetricName, Namespace, Selector};

/// An external metric as an autoscaler asks for it.
///
/// That is `spec.metrics[].external.metric` of a
/// [HorizontalPodAutoscaler](https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#autoscaling-on-metrics-not-related-to-kubernetes-objects),
/// and the namespace that this is in. It is the identity under which whoever collects
/// values and whoever serves them meet.
///
/// It prints for a person: `shop/queue.depth{app=x}`. A clone costs nothing.
///
/// ```
/// use provider_api::{ExternalMetric, Selector};
///
/// let selector: Selector = "app=x".parse()?;
/// let metric = ExternalMetric::new("shop".parse()?, "queue.depth".parse()?, selector);
///
/// assert_eq!(metric.to_string(), "shop/queue.depth{app=x}");
/// assert_eq!(
///     metric.path(),
///     "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.depth?labelSelector=app%3Dx",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalMetric {
    namespace: Namespace,
    name: MetricName,
    selector: Selector,
}

impl ExternalMetric {
    /// The API group under which external metrics are asked for, `external.metrics.k8s.io`.
    pub const GROUP: &str = "external.metrics.k8s.io";
    /// The one version of the group, `v1beta1`.
    pub const VERSION: &str = "v1beta1";
    pub(crate) const API_VERSION: &str = "external.metrics.k8s.io/v1beta1";
    pub(crate) const KIND: &str = "ExternalMetricValueList";

    /// The metric `name`, of the series that `selector` chooses, asked for by an
    /// autoscaler in `namespace`.
    pub fn new(namespace: Namespace, name: MetricName, selector: Selector) -> Self {
        Self {
            namespace,
            name,
            selector,
        }
    }

    /// The autoscaler's own namespace. Kubernetes has no way to ask for a metric of another.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The metric's name.
    pub fn name(&self) -> &MetricName {
        &self.name
    }

    /// Which series of the metric are meant; an autoscaler without a selector means all.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The same metric with its name in small letters, where it has capital ones.
    /// Kubernetes' clients write every resource into a path in small letters, so an
    /// autoscaler that says `queue.Depth` asks for `queue.depth`.
    pub fn in_small_letters(&self) -> Option<Self> {
        let name = self.name.in_small_letters();
        (name != self.name).then(|| Self {
            name,
            ..self.clone()
        })
    }

    /// The path, query included, at which a metrics API server answers for it:
    /// what an autoscaler asks, and what `kubectl get --raw` takes.
    pub fn path(&self) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let namespace = escaped(self.namespace.as_str());
        let name = escaped(self.name.in_small_letters().as_str());
        let path = format!("/apis/{}/namespaces/{namespace}/{name}", Self::API_VERSION);
        if self.selector.requirements().is_empty() {
            return path;
        }
        format!(
            "{path}?labelSelector={}",
            escaped(&self.selector.to_string())
        )
    }
}

/// Everything but what may stand in any part of a URL as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl fmt::Display for ExternalMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            name,
            selector,
        } = self;
        write!(f, "{namespace}/{name}{{{selector}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_prints_as_a_person_names_it() {
        let metric = |selector: &str| {
            ExternalMetric::new(
                "shop".parse().unwrap(),
                "queue.depth".parse().unwrap(),
                selector.parse().unwrap(),
            )
            .to_string()
        };
        assert_eq!(metric("app=x,!y"), "shop/queue.depth{app=x,!y}");
        assert_eq!(metric(""), "shop/queue.depth{}");
    }

    #[test]
    fn an_autoscaler_asks_for_a_name_in_small_letters() {
        let metric = |name: &str| {
            ExternalMetric::new(
                "shop".parse().unwrap(),
                name.parse().unwrap(),
                "App=X".parse().unwrap(),
            )
        };
        assert_eq!(
            metric("Queue.Depth").path(),
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.depth?labelSelector=App%3DX"
        );
        assert_eq!(
            metric("Queue.Depth").in_small_letters(),
            Some(metric("queue.depth"))
        );
        assert_eq!(metric("queue.depth").in_small_letters(), None);
    }
}
