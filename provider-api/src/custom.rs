//! Metrics of Kubernetes objects: which one is meant, and which there are.

mod label_selector;
mod list;
mod resource;
mod value;

use std::fmt;

pub(crate) use self::list::{CustomMetricValueList, V1beta1, V1beta2};
pub use self::{
    resource::GroupResource,
    value::{CustomMetricValue, DescribedObject},
};
use crate::{MetricName, Namespace, ObjectName, Refusal, Selector};

/// A metric of Kubernetes objects of one kind, as an autoscaler asks for it.
///
/// That is `pods` or `object` in the `spec.metrics` of a
/// [HorizontalPodAutoscaler](https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#autoscaling-on-more-specific-metrics).
/// Of which objects, is asked beside it, by name or by their labels.
///
/// A metric of a namespace itself is one of the resource `namespaces`, which lies
/// in no namespace.
///
/// It prints for a person: `shop/pods/requests{verb=GET}`, `nodes/load{}`. A clone
/// costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomMetric {
    namespace: Option<Namespace>,
    resource: GroupResource,
    name: MetricName,
    selector: Selector,
}

impl CustomMetric {
    /// The API group under which custom metrics are asked for, `custom.metrics.k8s.io`. It
    /// is served in two versions, `v1beta2` and `v1beta1`, which differ in how an answer is
    /// written.
    pub const GROUP: &str = "custom.metrics.k8s.io";
    pub(crate) const KIND: &str = "MetricValueList";

    /// The metric `name` of objects in a namespace.
    pub fn namespaced(
        namespace: Namespace,
        resource: GroupResource,
        name: MetricName,
        selector: Selector,
    ) -> Self {
        Self {
            namespace: Some(namespace),
            resource,
            name,
            selector,
        }
    }

    /// The metric `name` of objects that lie in no namespace.
    pub fn root_scoped(resource: GroupResource, name: MetricName, selector: Selector) -> Self {
        Self {
            namespace: None,
            resource,
            name,
            selector,
        }
    }

    /// The namespace in which the objects are; none for those that lie in no
    /// namespace.
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// What the objects are.
    pub fn resource(&self) -> &GroupResource {
        &self.resource
    }

    /// The metric's name.
    pub fn name(&self) -> &MetricName {
        &self.name
    }

    /// Which series of the metric are meant; not which objects.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The refusal in Kubernetes' words: the object has no such metric.
    pub fn unknown_of(&self, object: &ObjectName) -> Refusal {
        self.unknown(object.as_str())
    }

    /// The refusal in Kubernetes' words: none of these objects has such a metric.
    pub fn unknown_of_all(&self, objects: &Selector) -> Refusal {
        if objects.requirements().is_empty() {
            return self.unknown("*");
        }
        self.unknown(&format!("* with selector {objects}"))
    }

    fn unknown(&self, objects: &str) -> Refusal {
        let Self { resource, name, .. } = self;
        Refusal::Unknown(format!(
            "the server could not find the metric {name} for {resource} {objects}"
        ))
    }
}

impl fmt::Display for CustomMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            resource,
            name,
            selector,
        } = self;
        if let Some(namespace) = namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{resource}/{name}{{{selector}}}")
    }
}

/// The objects whose metric a request reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objects {
    Named(ObjectName),
    Matching(Selector),
}

/// The versions of the group. They differ in how an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CustomVersion {
    V1beta1,
    V1beta2,
}

impl CustomVersion {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::V1beta1, Self::V1beta2]
            .into_iter()
            .find(|version| version.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V1beta1 => "v1beta1",
            Self::V1beta2 => "v1beta2",
        }
    }
}

/// A metric that discovery lists: that objects of this kind have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListedMetric {
    pub(crate) resource: GroupResource,
    pub(crate) name: MetricName,
    pub(crate) is_namespaced: bool,
}

impl ListedMetric {
    /// Objects that lie in a namespace have this metric.
    pub fn namespaced(resource: GroupResource, name: MetricName) -> Self {
        Self {
            resource,
            name,
            is_namespaced: true,
        }
    }

    /// Objects that lie in no namespace have this metric: nodes, or namespaces
    /// themselves.
    pub fn root_scoped(resource: GroupResource, name: MetricName) -> Self {
        Self {
            resource,
            name,
            is_namespaced: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> CustomMetric {
        CustomMetric::namespaced(
            "shop".parse().unwrap(),
            "deployments.apps".parse().unwrap(),
            "requests".parse().unwrap(),
            "verb=GET".parse().unwrap(),
        )
    }

    #[test]
    fn a_metric_prints_as_a_person_names_it() {
        assert_eq!(
            requests().to_string(),
            "shop/deployments.apps/requests{verb=GET}"
        );
        let load = CustomMetric::root_scoped(
            "nodes".parse().unwrap(),
            "load".parse().unwrap(),
            Selector::everything(),
        );
        assert_eq!(load.to_string(), "nodes/load{}");
    }

    #[test]
    fn what_is_unknown_is_told_in_the_words_of_kubernetes() {
        let unknown = |objects: &str| {
            Refusal::Unknown(format!(
                "the server could not find the metric requests for deployments.apps {objects}"
            ))
        };
        let metric = requests();
        assert_eq!(metric.unknown_of(&"d1".parse().unwrap()), unknown("d1"));
        assert_eq!(
            metric.unknown_of_all(&"app=x".parse().unwrap()),
            unknown("* with selector app=x")
        );
        assert_eq!(metric.unknown_of_all(&Selector::everything()), unknown("*"));
    }
}
