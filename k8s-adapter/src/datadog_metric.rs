//! Metrics that are objects of the cluster: `DatadogMetric` (`datadoghq.com/v1alpha1`).

mod generated;
mod object;
mod outcome;
mod status;
#[cfg(test)]
mod tests;
mod watch;
mod write;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kube_client::{Api, Client};
use kube_core::DynamicObject;
use parking_lot::Mutex;
use provider_api::ObjectReference;
use time::OffsetDateTime;

pub use self::{
    generated::{Generated, generated_name},
    object::{Defined, DefinitionProblem},
    outcome::{MetricsError, MetricsWritten},
    status::{MetricFailure, MetricStanding},
    watch::{MetricsChange, MetricsWatched},
};
use self::{object::Object, outcome::Version};
use crate::kind::DATADOG_METRIC;

/// The `DatadogMetric`s of a cluster: [watched](Self::watch) by every replica; one of them
/// [writes](Self::write) their status, and [generates](Self::generate) those that show what
/// an autoscaler asks for by a plain name.
///
/// It needs `list` and `watch` on `datadogmetrics` in the API group `datadoghq.com` and
/// `update` on `datadogmetrics/status`, and to generate, `create` and `delete` on
/// `datadogmetrics`. A clone sees and writes the same.
#[derive(Clone)]
pub struct DatadogMetrics {
    client: Client,
    /// Of the annotations that are read.
    prefix: &'static str,
    state: Arc<Mutex<State>>,
}

/// What is known of the objects.
#[derive(Default)]
struct State {
    /// Those that are there.
    objects: BTreeMap<Key, Object>,
    /// Whether that is all of them.
    is_listed: bool,
    /// When the last write of an object failed of which the watch has told nothing since.
    refused: HashMap<Key, OffsetDateTime>,
}

/// A namespace and a name.
type Key = (Arc<str>, Arc<str>);

impl State {
    fn version(&self, key: &Key) -> Option<Version> {
        let object = self.objects.get(key)?;
        Some(Version::of(&object.written.metadata))
    }
}

impl DatadogMetrics {
    /// The objects of all namespaces. `prefix` is how the annotations begin that are read.
    pub fn new(client: Client, prefix: &'static str) -> Self {
        Self {
            client,
            prefix,
            state: Arc::default(),
        }
    }

    /// What all of them define now.
    pub fn defined(&self) -> Vec<Defined> {
        let state = self.state.lock();
        let objects = state.objects.values();
        objects.map(|object| object.defined.clone()).collect()
    }

    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        let resource = DATADOG_METRIC.resource(DATADOG_METRIC.versions[0]);
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }
}

/// The standings by the object they are about.
fn by_object(standings: &[MetricStanding]) -> HashMap<&ObjectReference, &MetricStanding> {
    let standings = standings.iter();
    standings
        .map(|standing| (&standing.metric, standing))
        .collect()
}
