//! Which ConfigMaps are meant.

use std::num::NonZeroU32;

use kube_core::ObjectMeta;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use crate::dns_name::is_dns_name;

/// Where metrics are kept: in the ConfigMap `name` of a namespace, and where that is not
/// enough, in `name-2`, `name-3` and so on.
///
/// ```
/// use k8s_adapter::KeptPlace;
///
/// let place = KeptPlace::new("default", "datadog-hpa", "custom-metrics.datadoghq.com")?;
/// assert_eq!(place.to_string(), "default/datadog-hpa");
/// # Ok::<(), k8s_adapter::InvalidKeptPlace>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPlace {
    namespace: String,
    name: String,
    last_updated: String,
    continues: String,
}

/// Why a text names no place for metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeptPlace {
    /// The namespace.
    #[error("`{0}` is no namespace: small letters, digits and hyphens are wanted, 63 at most")]
    Namespace(String),
    /// The ConfigMap's name.
    #[error(
        "`{0}` is no name for a ConfigMap of metrics: small letters, digits, hyphens and dots are wanted, 63 at most"
    )]
    Name(String),
    /// The domain of annotation and label.
    #[error("`{0}` is no domain: small letters, digits, hyphens and dots are wanted")]
    Domain(String),
}

/// The place of one ConfigMap among several; the first is 1.
pub(super) type Place = NonZeroU32;

/// The ConfigMap that is always there.
pub(super) const FIRST: Place = NonZeroU32::MIN;

impl KeptPlace {
    /// In this ConfigMap. `domain` is that of the annotation `<domain>/last-updated`, by
    /// which each write says its time, and of the label `<domain>/continues`, by which
    /// further ConfigMaps name the first.
    ///
    /// # Errors
    /// When Kubernetes could have no such objects.
    pub fn new(namespace: &str, name: &str, domain: &str) -> Result<Self, InvalidKeptPlace> {
        if !is_dns_name(namespace, 63) || namespace.contains('.') {
            return Err(InvalidKeptPlace::Namespace(namespace.to_owned()));
        }
        // It is the value of a label as well.
        if !is_dns_name(name, 63) {
            return Err(InvalidKeptPlace::Name(name.to_owned()));
        }
        if !is_dns_name(domain, 253) {
            return Err(InvalidKeptPlace::Domain(domain.to_owned()));
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            last_updated: format!("{domain}/last-updated"),
            continues: format!("{domain}/continues"),
        })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of a ConfigMap.
    pub(super) fn name_of(&self, place: Place) -> String {
        match place {
            FIRST => self.name.clone(),
            place => format!("{}-{place}", self.name),
        }
    }

    /// Which of the ConfigMaps has this name, if it is one of them.
    pub(super) fn place_of(&self, name: &str) -> Option<Place> {
        let rest = name.strip_prefix(&self.name)?;
        if rest.is_empty() {
            return Some(FIRST);
        }
        let place = rest.strip_prefix('-')?.parse().ok()?;
        (place != FIRST && self.name_of(place) == name).then_some(place)
    }

    /// The first ConfigMap, as a field selector. It has no label that it could be found
    /// by, since others made and make it as well.
    pub(super) fn first(&self) -> String {
        format!("metadata.name={}", self.name)
    }

    /// The further ones, as a label selector.
    pub(super) fn further(&self) -> String {
        format!("{}={}", self.continues, self.name)
    }

    /// The metadata of a ConfigMap that is written now.
    pub(super) fn metadata(&self, place: Place, now: OffsetDateTime) -> ObjectMeta {
        let utc = now.to_offset(UtcOffset::UTC);
        let now = utc.format(&Rfc3339).unwrap_or_default();
        let continues = [(self.continues.clone(), self.name.clone())];
        ObjectMeta {
            name: Some(self.name_of(place)),
            labels: (place != FIRST).then(|| continues.into()),
            annotations: Some([(self.last_updated.clone(), now)].into()),
            ..ObjectMeta::default()
        }
    }

    /// Whether a ConfigMap is chosen by one of these selectors.
    pub(super) fn is_marked(&self, metadata: &ObjectMeta) -> bool {
        let labels = metadata.labels.as_ref();
        let continues = labels.and_then(|labels| labels.get(&self.continues));
        continues == Some(&self.name) || metadata.name.as_ref() == Some(&self.name)
    }

    /// When a ConfigMap was written, in the words of who wrote it.
    pub(super) fn last_updated<'a>(&self, metadata: &'a ObjectMeta) -> Option<&'a str> {
        let annotations = metadata.annotations.as_ref()?;
        annotations.get(&self.last_updated).map(String::as_str)
    }
}

impl std::fmt::Display for KeptPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::testing::place;

    #[test]
    fn a_name_tells_which_of_the_config_maps_it_is() {
        let place = place();
        for number in [1, 2, 17, u32::MAX] {
            let number = Place::new(number).unwrap();
            assert_eq!(place.place_of(&place.name_of(number)), Some(number));
        }
        for other in [
            "datadog-hpa-1",
            "datadog-hpa-02",
            "datadog-hpa-x",
            "datadog-hpa-",
            "datadog-hpa2",
            "datadog-hp",
            "datadog-hpa-4294967296",
        ] {
            assert_eq!(place.place_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_place_that_kubernetes_cannot_have_is_refused() {
        let refused = |namespace: &str, name: &str, domain: &str| {
            KeptPlace::new(namespace, name, domain)
                .unwrap_err()
                .to_string()
        };
        let domain = "custom-metrics.datadoghq.com";
        assert_eq!(
            refused("de.fault", "datadog-hpa", domain),
            "`de.fault` is no namespace: small letters, digits and hyphens are wanted, 63 at most"
        );
        assert!(refused("default", "Datadog", domain).starts_with("`Datadog` is no name"));
        assert!(refused("default", &"x".repeat(64), domain).contains("63 at most"));
        assert!(refused("default", "datadog-hpa", "").starts_with("`` is no domain"));
    }
}
