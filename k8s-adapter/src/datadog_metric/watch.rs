//! Carries on what is defined.

use std::{mem, sync::Arc};

use futures_util::{Stream, StreamExt as _, stream};
use kube_client::Api;
use kube_core::DynamicObject;
use kube_runtime::watcher::{self, Event, watcher};
use provider_api::ObjectReference;

use super::{DatadogMetrics, Defined, DefinitionProblem, object::Object};
use crate::{ApiError, kind::DATADOG_METRIC, pauses::with_pauses};

const PERMISSION: &str = "grant this server's ServiceAccount list and watch on datadogmetrics in the API group datadoghq.com";
const UNSERVED: &str = "install their CustomResourceDefinition (datadogmetric-crd.yaml), or switch off that they are read";

/// What the watch over `DatadogMetric`s has to tell.
#[derive(Debug)]
pub enum MetricsWatched {
    /// Something else is defined now.
    Changed(MetricsChange),
    /// The first list is complete. Said once.
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

impl MetricsChange {
    fn is_empty(&self) -> bool {
        self.defined.is_empty() && self.removed.is_empty() && self.problems.is_empty()
    }
}

impl DatadogMetrics {
    /// Watches the objects of all namespaces; never ends. A status is no news.
    pub fn watch(&self) -> impl Stream<Item = MetricsWatched> + Send + use<> {
        let resource = DATADOG_METRIC.resource(DATADOG_METRIC.versions[0]);
        let objects: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let events = with_pauses(watcher(objects, watcher::Config::default()));
        let metrics = self.clone();
        let (mut listed, mut synced) = (Vec::new(), false);
        events.flat_map(move |event| stream::iter(metrics.step(&mut listed, &mut synced, event)))
    }

    fn step(
        &self,
        listed: &mut Vec<Object>,
        synced: &mut bool,
        event: Result<Event<DynamicObject>, watcher::Error>,
    ) -> Vec<MetricsWatched> {
        let read = |object| Object::read(object, self.prefix);
        let mut change = MetricsChange::default();
        let mut told = Vec::new();
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => listed.push(read(object)),
            Ok(Event::InitDone) => {
                let mut before = mem::take(&mut *self.objects.lock());
                for object in mem::take(listed) {
                    let was = before.remove(&key(&object.defined.metric));
                    self.put(object, was.as_ref(), &mut change);
                }
                let gone = before.into_values().map(|object| object.defined);
                change.removed.extend(gone);
                if !mem::replace(synced, true) {
                    told.push(MetricsWatched::Synced);
                }
            }
            Ok(Event::Apply(object)) => {
                let object = read(object);
                let was = self.objects.lock().remove(&key(&object.defined.metric));
                self.put(object, was.as_ref(), &mut change);
            }
            Ok(Event::Delete(object)) => {
                let gone = self
                    .objects
                    .lock()
                    .remove(&key(&read(object).defined.metric));
                change.removed.extend(gone.map(|object| object.defined));
            }
            Err(error) => told.push(MetricsWatched::Failing(said(error))),
        }
        if !change.is_empty() {
            told.insert(0, MetricsWatched::Changed(change));
        }
        told
    }

    fn put(&self, object: Object, was: Option<&Object>, change: &mut MetricsChange) {
        if was.is_none_or(|was| was.defined != object.defined) {
            change.defined.push(object.defined.clone());
        }
        let told = was.map_or(&[][..], |was| &was.problems);
        let problems = object.problems.iter();
        let new = problems.filter(|problem| !told.contains(problem));
        change.problems.extend(new.cloned());
        let key = key(&object.defined.metric);
        self.objects.lock().insert(key, object);
    }
}

pub(super) fn key(metric: &ObjectReference) -> (Arc<str>, Arc<str>) {
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
