//! Carries on what changes in the cluster.

use std::{collections::BTreeMap, mem};

use futures_util::{Stream, StreamExt as _, stream};
use kube_client::Client;
use kube_runtime::watcher::Event;
use provider_api::Selector;

use crate::{
    ApiError, Asked, Change, DemandIndex,
    demand::reference_to,
    object::Object,
    source::{HPAS, Source, WATERMARKS},
    versions::events,
};

/// Which autoscalers are watched, and what is read of them.
#[derive(Clone, Debug, Default)]
pub struct AutoscalerWatch {
    /// How the annotations begin that tell an autoscaler's wishes.
    pub prefix: &'static str,
    /// Whether WatermarkPodAutoscalers (`datadoghq.com/v1alpha1`) are watched besides
    /// HorizontalPodAutoscalers. A cluster may be without their kind.
    pub watermark: bool,
    /// Which labels an autoscaler must have for its metrics to be demanded. What refers
    /// to a `DatadogMetric` (`datadogmetric@namespace:name`) is demanded of all.
    pub only: Selector,
}

/// What the watch over all autoscalers has to tell.
#[derive(Debug)]
pub enum Watched {
    /// What the autoscalers ask for has changed.
    Changed(Change),
    /// The first list of every kind is complete: all demands are known. Said once.
    Synced,
    /// The API server did not give what it was asked for. The watch goes on with
    /// growing pauses, and all demands known so far stay.
    Failing(ApiError),
}

/// Watches the autoscalers of all namespaces for what they ask; never ends.
///
/// HorizontalPodAutoscalers are read as `autoscaling/v2`, or as `v2beta2` where a cluster
/// does not serve that yet, and it may be upgraded meanwhile.
pub fn watch_autoscalers(
    client: Client,
    settings: AutoscalerWatch,
) -> impl Stream<Item = Watched> + Send {
    let mut watch = Watch::new(settings);
    let kinds = watch.kinds.iter().enumerate();
    let kinds = kinds.map(move |(place, kind)| {
        let events = events(client.clone(), kind.source);
        events.map(move |event| (place, event)).boxed()
    });
    stream::select_all(kinds.collect::<Vec<_>>())
        .flat_map(move |(place, event)| stream::iter(watch.step(place, event)))
}

/// What is kept between two events.
struct Watch {
    settings: AutoscalerWatch,
    index: DemandIndex,
    kinds: Vec<Listing>,
    synced: bool,
}

/// How far the list of one kind has come.
struct Listing {
    source: &'static Source,
    /// The part of a list that has come. An autoscaler missing in a list counts
    /// as gone only when the list is complete.
    listed: Vec<Asked>,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// No list is complete yet.
    Unknown,
    Listed,
    /// The cluster is without the kind, which has been told. Nothing of it can ask.
    Absent,
}

impl Watch {
    fn new(settings: AutoscalerWatch) -> Self {
        let sources: &[_] = match settings.watermark {
            true => &[&HPAS, &WATERMARKS],
            false => &[&HPAS],
        };
        let listing = |&source| Listing {
            source,
            listed: Vec::new(),
            standing: Standing::Unknown,
        };
        Self {
            settings,
            index: DemandIndex::default(),
            kinds: sources.iter().map(listing).collect(),
            synced: false,
        }
    }

    fn step(&mut self, place: usize, event: Result<Event<Object>, ApiError>) -> Vec<Watched> {
        let Listing {
            source,
            listed,
            standing,
        } = &mut self.kinds[place];
        let mut told = Vec::new();
        let change = match event {
            Ok(Event::Init) => {
                listed.clear();
                Change::default()
            }
            Ok(Event::InitApply(object)) => {
                listed.push(asked(&self.settings, source, &object));
                Change::default()
            }
            Ok(Event::InitDone) => {
                *standing = Standing::Listed;
                self.index.reset(source.kind.name, mem::take(listed))
            }
            Ok(Event::Apply(object)) => self.index.apply(asked(&self.settings, source, &object)),
            Ok(Event::Delete(object)) => {
                let asker = reference_to(source.kind.name, &object.metadata);
                self.index.delete(&asker)
            }
            Err(error) => {
                let is_absent = source.is_optional && matches!(error, ApiError::Unserved { .. });
                if !(is_absent && *standing == Standing::Absent) {
                    told.push(Watched::Failing(error));
                }
                if is_absent {
                    *standing = Standing::Absent;
                }
                Change::default()
            }
        };
        if !change.is_empty() {
            told.push(Watched::Changed(change));
        }
        let known = |kind: &Listing| kind.standing != Standing::Unknown;
        if !self.synced && self.kinds.iter().all(known) {
            self.synced = true;
            told.push(Watched::Synced);
        }
        told
    }
}

fn asked(settings: &AutoscalerWatch, source: &Source, object: &Object) -> Asked {
    let mut asked = source.asked(object, settings.prefix);
    let none = BTreeMap::new();
    let labels = object.metadata.labels.as_ref().unwrap_or(&none);
    if !settings.only.matches(labels) {
        asked.keep_references();
    }
    asked
}

#[cfg(test)]
mod tests;
