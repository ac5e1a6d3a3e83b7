//! What discovery lists of a group.

use std::collections::BTreeMap;

use crate::{ListedMetric, MetricName, group::Group};

/// How many metrics of a group are listed; the first by name.
const LISTED: usize = 100;

/// The metrics of a group that are listed.
#[derive(PartialEq, Eq)]
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
        let mut resources = BTreeMap::new();
        for (name, is_namespaced) in names {
            resources.insert(name, is_namespaced);
            if resources.len() > LISTED {
                resources.pop_last();
            }
        }
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
        let many = (0..10_000)
            .rev()
            .map(|number| format!("m{number:05}").parse().unwrap());
        let Listing { resources, .. } = Listing::external(many);
        let last = resources.last_key_value().unwrap().0.as_str();
        assert_eq!((resources.len(), last), (100, "m00099"));
    }
}
