//! Carries on what is defined.

use std::mem;

use futures_util::{Stream, StreamExt as _, stream};
use kube_client::Api;
use kube_core::DynamicObject;
use kube_runtime::watcher::{self, Event, watcher};
use provider_api::ObjectReference;

use super::{DatadogMetrics, Defined, DefinitionProblem, Key, object::Object};
use crate::{ApiError, kind::DATADOG_METRIC, pauses::with_pauses};

const PERMISSION: &str = "grant this server's ServiceAccount list and watch on datadogmetrics in the API group datadoghq.com";
const UNSERVED: &str = "install their CustomResourceDefinition (datadogmetric-crd.yaml), or switch off that they are read";

/// What the watch over `DatadogMetric`s has to tell.
#[derive(Debug)]
pub enum MetricsWatched {
    /// Something else is defined now.
    Changed(MetricsChange),
    /// The first list is complete, or the cluster is without the kind. Said once.
    Synced,
    /// The API server did not give what it was asked for. The watch goes on with
    /// growing pauses, and all that is known so far stays.
    Failing(ApiError),
}

/// What an event changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsChange {
    /// Definitions that are new or other.
    pub defined: Vec<Defined>,
    /// Objects that are gone.
    pub removed: Vec<Defined>,
    /// What was not told of an object before.
    pub problems: Vec<DefinitionProblem>,
}

impl DatadogMetrics {
    /// Watches the objects of all namespaces; never ends. A status is no news.
    ///
    /// A cluster without the kind has none of them, which is told once.
    pub fn watch(&self) -> impl Stream<Item = MetricsWatched> + Send + use<> {
        let resource = DATADOG_METRIC.resource(DATADOG_METRIC.versions[0]);
        let objects: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let events = with_pauses(watcher(objects, watcher::Config::default()));
        let metrics = self.clone();
        let mut watch = Watch::default();
        events.flat_map(move |event| stream::iter(watch.step(&metrics, event)))
    }
}

/// What is kept between two events.
#[derive(Default)]
pub(super) struct Watch {
    listed: Vec<Object>,
    is_synced: bool,
    /// Whether it has been told that the cluster is without the kind.
    is_absent: bool,
}

impl Watch {
    pub(super) fn step(
        &mut self,
        metrics: &DatadogMetrics,
        event: Result<Event<DynamicObject>, watcher::Error>,
    ) -> Vec<MetricsWatched> {
        let read = |object| Object::read(object, metrics.prefix);
        let mut change = MetricsChange::default();
        let mut told = Vec::new();
        let mut state = metrics.state.lock();
        let mut is_known = false;
        match event {
            Ok(Event::Init) => self.listed.clear(),
            Ok(Event::InitApply(object)) => self.listed.push(read(object)),
            Ok(Event::InitDone) => {
                let mut before = mem::take(&mut state.objects);
                for object in mem::take(&mut self.listed) {
                    let key = key(&object.defined.metric);
                    let before = before.remove(&key);
                    change.compare(before.as_ref(), &object);
                    state.objects.insert(key, object.after(before.as_ref()));
                }
                let gone = before.into_values().map(|object| object.defined);
                change.removed.extend(gone);
                state.refused.clear();
                state.is_listed = true;
                (is_known, self.is_absent) = (true, false);
            }
            Ok(Event::Apply(object)) => {
                let object = read(object);
                let key = key(&object.defined.metric);
                let before = state.objects.get(&key);
                change.compare(before, &object);
                let object = object.after(before);
                state.refused.remove(&key);
                state.objects.insert(key, object);
            }
            Ok(Event::Delete(object)) => {
                let key = key(&read(object).defined.metric);
                state.refused.remove(&key);
                let gone = state.objects.remove(&key);
                change.removed.extend(gone.map(|object| object.defined));
            }
            Err(error) => {
                let error = said(error);
                let is_absent = matches!(error, ApiError::Unserved { .. });
                if !(is_absent && mem::replace(&mut self.is_absent, is_absent)) {
                    told.push(MetricsWatched::Failing(error));
                }
                is_known = is_absent;
                // Nothing can be written where the kind is gone.
                state.is_listed &= !is_absent;
            }
        }
        if !change.is_empty() {
            told.push(MetricsWatched::Changed(change));
        }
        if is_known && !mem::replace(&mut self.is_synced, true) {
            told.push(MetricsWatched::Synced);
        }
        told
    }
}

impl MetricsChange {
    fn is_empty(&self) -> bool {
        self.defined.is_empty() && self.removed.is_empty() && self.problems.is_empty()
    }

    fn compare(&mut self, before: Option<&Object>, now: &Object) {
        if before.is_none_or(|before| before.defined != now.defined) {
            self.defined.push(now.defined.clone());
        }
        let told = before.map_or(&[][..], |before| &before.problems);
        let problems = now.problems.iter();
        let new = problems.filter(|problem| !told.contains(problem));
        self.problems.extend(new.cloned());
    }
}

pub(super) fn key(metric: &ObjectReference) -> Key {
    (metric.namespace.clone(), metric.name.clone())
}

fn said(error: watcher::Error) -> ApiError {
    use watcher::Error::{InitialListFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube_client::Error::Api(status))
        | WatchStartFailed(kube_client::Error::Api(status))
            if status.code == 404 =>
        {
            ApiError::Unserved {
                kind: DATADOG_METRIC.name,
                mend: UNSERVED,
            }
        }
        error => ApiError::of_watch(error, PERMISSION),
    }
}
