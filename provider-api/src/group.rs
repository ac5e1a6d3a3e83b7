//! The API groups that a metrics server can serve.

use crate::{CustomMetric, ExternalMetric, custom::CustomVersion};

/// A group of the metrics API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// Metrics that belong to no Kubernetes object.
    External,
    /// Metrics of Kubernetes objects.
    Custom,
}

impl Group {
    pub(crate) const ALL: [Self; 2] = [Self::External, Self::Custom];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::External => ExternalMetric::GROUP,
            Self::Custom => CustomMetric::GROUP,
        }
    }

    /// The versions that are served, the preferred one first.
    pub(crate) fn versions(self) -> &'static [&'static str] {
        const CUSTOM: &[&str] = &[CustomVersion::V1beta2.name(), CustomVersion::V1beta1.name()];
        match self {
            Self::External => &[ExternalMetric::VERSION],
            Self::Custom => CUSTOM,
        }
    }

    /// The version of this name, where it is served.
    pub(crate) fn version(self, name: &str) -> Option<&'static str> {
        let mut versions = self.versions().iter().copied();
        versions.find(|version| *version == name)
    }

    /// The kind of document in which values are served.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::External => ExternalMetric::KIND,
            Self::Custom => CustomMetric::KIND,
        }
    }
}
