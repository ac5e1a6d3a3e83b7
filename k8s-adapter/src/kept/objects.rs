//! All ConfigMaps, and what is new in them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use k8s_openapi::api::core::v1::ConfigMap;
use time::OffsetDateTime;

use super::{
    KeptChanges, KeptMetric, KeptPlace, KeptPolicy, Unreadable,
    change::{self, Size},
    object::{Object, Stored},
    place::{FIRST, Place},
};
use crate::Demand;

/// The ConfigMaps in which metrics are kept, as far as events have told.
///
/// It is plain data: an event goes in, what it changes comes out; and what is wanted goes
/// in, and the writes that it takes come out.
#[derive(Clone, Debug)]
pub struct KeptObjects {
    place: KeptPlace,
    by_place: BTreeMap<Place, Object>,
    size: Size,
}

/// What an event changed.
#[derive(Clone, Debug, Default)]
pub struct KeptChange {
    /// What is kept now and was not before, or said something else. Of several on one
    /// demand, the one with the newest value counts.
    pub changed: Vec<KeptMetric>,
    /// Whose entry was withdrawn by whoever writes. What else vanishes, because a
    /// ConfigMap was deleted or emptied by hand, is not among them: it says nothing
    /// about the metric, and the next write brings it back.
    pub removed: Vec<Demand>,
    /// Entries that say nothing, each told once.
    pub unreadable: Vec<UnreadableEntry>,
}

/// An entry that says nothing. All others count, and the next write puts it right.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the entry {key} of ConfigMap {object} counts for nothing")]
pub struct UnreadableEntry {
    /// The ConfigMap's name.
    pub object: String,
    /// The entry's key.
    pub key: String,
    /// Why.
    #[source]
    pub why: Unreadable,
}

impl KeptChange {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty() && self.unreadable.is_empty()
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.changed.extend(other.changed);
        self.removed.extend(other.removed);
        self.unreadable.extend(other.unreadable);
        self
    }
}

/// A part of the ConfigMaps that is listed and watched by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    First,
    Further,
}

impl Part {
    pub(super) const ALL: [Self; 2] = [Self::First, Self::Further];

    fn holds(self, place: Place) -> bool {
        (self == Self::First) == (place == FIRST)
    }
}

impl KeptObjects {
    /// Nothing is known of this place yet.
    pub fn new(place: KeptPlace) -> Self {
        Self::of_size(place, Size::WELL_BELOW)
    }

    pub(super) fn of_size(place: KeptPlace, size: Size) -> Self {
        Self {
            place,
            by_place: BTreeMap::new(),
            size,
        }
    }

    #[cfg(test)]
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// A ConfigMap is new, or has changed. Objects of other names are ignored.
    pub fn apply(&mut self, object: &ConfigMap) -> KeptChange {
        let Some((place, object)) = self.read(object) else {
            return KeptChange::default();
        };
        match self.by_place.get(&place) {
            Some(known) if object.is_older_than(known) => KeptChange::default(),
            _ => self.put(place, object),
        }
    }

    /// A ConfigMap is gone, whose last state this is.
    pub fn delete(&mut self, object: &ConfigMap) {
        if let Some((place, last)) = self.read(object)
            && let Some(known) = self.by_place.get(&place)
            && !last.is_older_than(known)
        {
            self.by_place.remove(&place);
        }
    }

    /// There is no such ConfigMap.
    pub(super) fn forget(&mut self, place: Place) {
        self.by_place.remove(&place);
    }

    /// These are all the ConfigMaps of a part.
    pub(super) fn reset(&mut self, part: Part, listed: Vec<(Place, Object)>) -> KeptChange {
        let is_listed: HashSet<_> = listed.iter().map(|(place, _)| *place).collect();
        self.by_place
            .retain(|place, _| !part.holds(*place) || is_listed.contains(place));
        listed
            .into_iter()
            .filter(|(place, _)| part.holds(*place))
            .map(|(place, object)| self.put(place, object))
            .fold(KeptChange::default(), KeptChange::and)
    }

    /// The object as it is kept here, if it is one of ours.
    pub(super) fn read(&self, object: &ConfigMap) -> Option<(Place, Object)> {
        let place = self.place.place_of(object.metadata.name.as_deref()?)?;
        Some((place, Object::of(object, &self.place)))
    }

    /// All that is known, sorted by ConfigMap and key.
    pub fn metrics(&self) -> impl Iterator<Item = &KeptMetric> {
        self.by_place
            .values()
            .flat_map(|object| object.metrics().map(|(_, metric)| metric))
    }

    /// The writes after which `wanted` is kept, and nothing else, as far as `policy` finds
    /// them worth it. `wanted` are all the metrics that anyone asks for; of those that
    /// wait for their first value, what is kept stays.
    pub fn changes(
        &self,
        wanted: &[KeptMetric],
        policy: KeptPolicy,
        now: OffsetDateTime,
    ) -> KeptChanges {
        change::changes(&self.by_place, self.size, wanted, policy, now)
    }

    fn put(&mut self, place: Place, object: Object) -> KeptChange {
        let before = self.by_place.remove(&place);
        let known = |key: &String| before.as_ref().and_then(|object| object.entries.get(key));
        let mut change = KeptChange::default();
        for (key, Stored { said, .. }) in &object.entries {
            match (said, known(key).map(|known| &known.said)) {
                (Ok(now), Some(Ok(before))) if now == before => {}
                (Ok(now), _) => change.changed.push(now.clone()),
                (Err(now), Some(Err(before))) if now.to_string() == before.to_string() => {}
                (Err(why), _) => change.unreadable.push(UnreadableEntry {
                    object: self.place.name_of(place),
                    key: key.clone(),
                    why: why.clone(),
                }),
            }
        }
        let gone = before.as_ref().filter(|before| {
            // A hand that takes entries away leaves the time of the last write as it is, or
            // takes it away as well.
            object.last_updated.is_some() && before.last_updated != object.last_updated
        });
        let gone: Vec<_> = gone
            .iter()
            .flat_map(|before| before.metrics())
            .filter(|(key, metric)| !object.holds(key, &metric.demand))
            .map(|(_, metric)| metric.demand.clone())
            .collect();
        self.by_place.insert(place, object);
        change.removed = self.without_those_kept(gone);
        change
    }

    /// An entry that went to another ConfigMap, or to another key, is kept.
    fn without_those_kept(&self, gone: Vec<Demand>) -> Vec<Demand> {
        if gone.is_empty() {
            return gone;
        }
        let mut all: HashSet<_> = gone.iter().collect();
        for metric in self.metrics() {
            all.remove(&metric.demand);
        }
        gone.iter()
            .filter(|demand| all.remove(demand))
            .cloned()
            .collect()
    }
}
