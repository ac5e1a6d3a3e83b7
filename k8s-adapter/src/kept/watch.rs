//! Carries on what changes in the ConfigMaps.

use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube_runtime::watcher::{self, Event, watcher};

use super::{
    KeptChange, KeptMetrics, cluster::PERMISSION, object::Object, objects::Part, place::Place,
};
use crate::{ApiError, pauses::with_pauses};

/// What the watch over kept metrics has to tell.
#[derive(Debug)]
pub enum KeptWatched {
    /// Something else is kept now.
    Changed(KeptChange),
    /// The first lists are complete: all that is kept is known. Said once.
    Synced,
    /// The API server did not give what it was asked for. The watch goes on with
    /// growing pauses, and all that is known so far stays.
    Failing(ApiError),
}

/// A ConfigMap may be half a mebibyte, and a whole page of them is read at once.
const PAGE: u32 = 8;

impl KeptMetrics {
    /// Watches the ConfigMaps; never ends. What [`write`](Self::write) has written itself
    /// is no news.
    pub fn watch(&self) -> impl Stream<Item = KeptWatched> + Send + use<> {
        let config = || watcher::Config::default().page_size(PAGE);
        let first = config().fields(&self.place().first());
        let further = config().labels(&self.place().further());
        let mut synced = Vec::new();
        stream::select(
            self.part(Part::First, first),
            self.part(Part::Further, further),
        )
        .flat_map(move |step| stream::iter(step.told(&mut synced)))
    }

    fn part(&self, part: Part, config: watcher::Config) -> impl Stream<Item = Step> + Send + use<> {
        let watched = with_pauses(watcher(self.api(), config));
        let kept = self.clone();
        let mut listed = Vec::new();
        watched.map(move |event| kept.step(part, &mut listed, event))
    }

    fn step(
        &self,
        part: Part,
        listed: &mut Vec<(Place, Object)>,
        event: Result<Event<ConfigMap>, watcher::Error>,
    ) -> Step {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => listed.extend(self.state.lock().objects.read(&object)),
            Ok(Event::InitDone) => {
                let change = self.state.lock().listed(part, std::mem::take(listed));
                return Step::Listed(part, change);
            }
            Ok(Event::Apply(object)) => return Step::Changed(self.state.lock().changed(&object)),
            Ok(Event::Delete(object)) => self.state.lock().objects.delete(&object),
            Err(error) => return Step::Failed(ApiError::of_watch(error, PERMISSION)),
        }
        Step::Nothing
    }
}

/// What an event did.
enum Step {
    Nothing,
    Changed(KeptChange),
    Listed(Part, KeptChange),
    Failed(ApiError),
}

impl Step {
    /// `synced` are the parts of which the first list was told.
    fn told(self, synced: &mut Vec<Part>) -> Vec<KeptWatched> {
        let (change, listed) = match self {
            Self::Nothing => return Vec::new(),
            Self::Failed(why) => return vec![KeptWatched::Failing(why)],
            Self::Changed(change) => (change, None),
            Self::Listed(part, change) => (change, Some(part)),
        };
        let mut told = Vec::new();
        if !change.is_empty() {
            told.push(KeptWatched::Changed(change));
        }
        if let Some(part) = listed.filter(|part| !synced.contains(part)) {
            synced.push(part);
            if synced.len() == Part::ALL.len() {
                told.push(KeptWatched::Synced);
            }
        }
        told
    }
}
