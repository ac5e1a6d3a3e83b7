//! The kinds of objects that ask for metrics, or stand for one.

use kube_core::{ApiResource, GroupVersionKind};

/// A kind of object, and where the API server has it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// As in a manifest.
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    /// The versions that can be read, the best first. A cluster serves some of them.
    pub(crate) versions: &'static [&'static str],
    pub(crate) plural: &'static str,
}

/// Kubernetes' own autoscaler. Both versions write external metrics in one form.
pub(crate) const HPA: Kind = Kind {
    name: "HorizontalPodAutoscaler",
    group: "autoscaling",
    versions: &["v2", "v2beta2"],
    plural: "horizontalpodautoscalers",
};

/// [Datadog's autoscaler](https://github.com/DataDog/watermarkpodautoscaler) with two
/// thresholds.
pub(crate) const WATERMARK: Kind = Kind {
    name: "WatermarkPodAutoscaler",
    group: "datadoghq.com",
    versions: &["v1alpha1"],
    plural: "watermarkpodautoscalers",
};

/// A query that autoscalers ask for by the name of this object.
#[cfg(any(feature = "datadog-metrics", feature = "events"))]
pub(crate) const DATADOG_METRIC: Kind = Kind {
    name: "DatadogMetric",
    group: "datadoghq.com",
    versions: &["v1alpha1"],
    plural: "datadogmetrics",
};

impl Kind {
    #[cfg(feature = "events")]
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        [&HPA, &WATERMARK, &DATADOG_METRIC]
            .into_iter()
            .find(|kind| kind.name == name)
    }

    /// `autoscaling/v2`
    #[cfg(feature = "events")]
    pub(crate) fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.versions[0])
    }

    /// Where the API server has it in this version.
    pub(crate) fn resource(&self, version: &str) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group, version, self.name);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }
}
