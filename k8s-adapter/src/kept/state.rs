//! What the watch and the writer know together.

use k8s_openapi::api::core::v1::ConfigMap;

use super::{KeptChange, KeptObjects, KeptPlace, object::Object, objects::Part, place::Place};

pub(super) struct State {
    pub(super) objects: KeptObjects,
    /// The parts that have been listed: of others nothing is known.
    listed: Vec<Part>,
    /// What the writer came upon before the watch did, and the watch will tell.
    untold: KeptChange,
}

impl State {
    pub(super) fn new(place: KeptPlace) -> Self {
        Self {
            objects: KeptObjects::new(place),
            listed: Vec::new(),
            untold: KeptChange::default(),
        }
    }

    pub(super) fn is_synced(&self) -> bool {
        Part::ALL.iter().all(|part| self.listed.contains(part))
    }

    /// The watch has listed a part.
    pub(super) fn listed(&mut self, part: Part, objects: Vec<(Place, Object)>) -> KeptChange {
        if !self.listed.contains(&part) {
            self.listed.push(part);
        }
        let change = self.objects.reset(part, objects);
        self.told(change)
    }

    /// The watch has seen an object change.
    pub(super) fn changed(&mut self, object: &ConfigMap) -> KeptChange {
        let change = self.objects.apply(object);
        self.told(change)
    }

    /// The writer has left an object like this, or has deleted it.
    pub(super) fn wrote(&mut self, place: Place, object: Option<&ConfigMap>) {
        match object {
            Some(object) => _ = self.objects.apply(object),
            None => self.objects.forget(place),
        }
    }

    /// The writer has found an object other than it was taken for.
    pub(super) fn found(&mut self, place: Place, object: Option<&ConfigMap>) {
        match object {
            Some(object) => {
                let change = self.objects.apply(object);
                self.untold = std::mem::take(&mut self.untold).and(change);
            }
            None => self.objects.forget(place),
        }
    }

    fn told(&mut self, change: KeptChange) -> KeptChange {
        std::mem::take(&mut self.untold).and(change)
    }
}
