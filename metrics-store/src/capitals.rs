//! Metrics whose names have capital letters, by the small ones in which Kubernetes asks.

use std::collections::{BTreeSet, HashMap};

use provider_api::ExternalMetric;

/// The demanded metrics that are asked for by another name than they are written
/// with. Datadog tells `queue.Depth` from `queue.depth`, and Kubernetes does not, so one
/// request may mean several of them.
#[derive(Debug, Default)]
pub(crate) struct Capitals(HashMap<ExternalMetric, BTreeSet<ExternalMetric>>);

impl Capitals {
    pub(crate) fn insert(&mut self, written: &ExternalMetric) {
        if let Some(asked) = written.in_small_letters() {
            self.0.entry(asked).or_default().insert(written.clone());
        }
    }

    pub(crate) fn remove(&mut self, written: &ExternalMetric) {
        let Some(asked) = written.in_small_letters() else {
            return;
        };
        if let Some(meant) = self.0.get_mut(&asked) {
            meant.remove(written);
            if meant.is_empty() {
                self.0.remove(&asked);
            }
        }
    }

    /// Those that a request for `asked` can mean.
    pub(crate) fn meant_by(&self, asked: &ExternalMetric) -> impl Iterator<Item = &ExternalMetric> {
        self.0.get(asked).into_iter().flatten()
    }
}
