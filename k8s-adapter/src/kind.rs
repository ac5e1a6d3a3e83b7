//! The kinds of objects that ask for metrics, or stand for one.

use kube_core::{ApiResource, GroupVersionKind};

/// A kind of object, and where the API server has it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// As in a manifest.
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    /// The version that people write today.
    pub(crate) version: &'static str,
    /// A version that every cluster serves that has the kind at all.
    pub(crate) oldest: &'static str,
    pub(crate) plural: &'static str,
}

/// Kubernetes' own autoscaler.
pub(crate) const HPA: Kind = Kind {
    name: "HorizontalPodAutoscaler",
    group: "autoscaling",
    version: "v2",
    oldest: "v1",
    plural: "horizontalpodautoscalers",
};

/// [Datadog's autoscaler](https://github.com/DataDog/watermarkpodautoscaler) with two
/// thresholds.
pub(crate) const WATERMARK: Kind = Kind {
    name: "WatermarkPodAutoscaler",
    group: "datadoghq.com",
    version: "v1alpha1",
    oldest: "v1alpha1",
    plural: "watermarkpodautoscalers",
};

impl Kind {
    /// `autoscaling/v2`
    #[cfg(feature = "events")]
    pub(crate) fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Where the API server has it in this version.
    pub(crate) fn resource(&self, version: &str) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group, version, self.name);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }
}
