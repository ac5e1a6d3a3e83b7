//! What discovery lists of a group.

use std::collections::BTreeMap;

use crate::{ListedMetric, MetricName, group::Group};

/// How many metrics are listed; the first by name.
const LISTED: usize = 100;

/// The metrics of a group that are listed.
pub(crate) struct Listing {
    pub(super) group: Group,
    /// Whether each lies in a namespace, by its name: `foo`, `pods/bar`.
    pub(super) resources: BTreeMap<String, bool>,
}

impl Listing {
    /// The names are in small letters, as Kubernetes' clients ask for them.
    pub(crate) fn external(metrics: impl IntoIterator<Item = MetricName>) -> Self {
        let names = metrics
            .into_iter()
            .map(|name| (name.as_str().to_lowercase(), true));
        Self::of(Group::External, names, "externalmetrics")
    }

    pub(crate) fn custom(metrics: impl IntoIterator<Item = ListedMetric>) -> Self {
        let names = metrics.into_iter().map(|metric| {
            let name = format!("{}/{}", metric.resource, metric.name);
            (name, metric.is_namespaced)
        });
        Self::of(Group::Custom, names, "pods/custommetrics")
    }

    /// The `placeholder` is listed where no metric is known.
    fn of(
        group: Group,
        names: impl Iterator<Item = (String, bool)>,
        placeholder: &'static str,
    ) -> Self {
        let sorted: BTreeMap<_, _> = names.collect();
        let mut resources: BTreeMap<_, _> = sorted.into_iter().take(LISTED).collect();
        if resources.is_empty() {
            resources.insert(placeholder.to_owned(), true);
        }
        Self { group, resources }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_never_empty() {
        let names = |listing: Listing| listing.resources.into_keys().collect::<Vec<_>>();
        assert_eq!(names(Listing::external([])), ["externalmetrics"]);
        assert_eq!(names(Listing::custom([])), ["pods/custommetrics"]);
    }

    #[test]
    fn the_list_is_never_long() {
        let many = (0..10_000).map(|number| format!("m{number:05}").parse().unwrap());
        let Listing { resources, .. } = Listing::external(many);
        let last = resources.last_key_value().unwrap().0.as_str();
        assert_eq!((resources.len(), last), (100, "m00099"));
    }
}
