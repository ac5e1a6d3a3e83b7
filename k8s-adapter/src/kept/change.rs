//! The writes that bring the ConfigMaps from what they hold to what is wanted.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::ConfigMap;
use kube_core::ObjectMeta;
use time::OffsetDateTime;

use super::{
    KeptMetric, KeptPlace, KeptPolicy,
    key::key_of,
    object::{Object, bytes},
    place::{FIRST, Place},
    text,
};
use crate::Demand;

/// How many bytes a ConfigMap holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// New entries go into it up to this.
    pub(super) room: usize,
    /// Entries that grow may fill it up to this.
    pub(super) most: usize,
}

impl Size {
    /// Kubernetes allows a mebibyte, and its store counts a list of all keys besides.
    pub(super) const WELL_BELOW: Self = Self {
        room: 512 * 1024,
        most: 640 * 1024,
    };
}

/// The writes that it takes, in the order in which no entry is ever nowhere.
#[derive(Clone, Debug, Default)]
pub struct KeptChanges {
    /// The writes, at most one for each ConfigMap.
    pub objects: Vec<ObjectChange>,
    /// What no ConfigMap has room for: a selector that is larger than one.
    pub too_large: Vec<Demand>,
}

/// One write of one ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectChange {
    pub(super) place: Place,
    pub(super) write: Write,
    /// Whether entries leave it for one that is written before.
    pub(super) is_left: bool,
}

/// Patches and deletions are for the version of the object that they were made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Create(BTreeMap<String, String>),
    /// What each of these keys says from now on, or that it is gone.
    Patch(Option<String>, BTreeMap<String, Option<String>>),
    Delete(Option<String>),
}

impl ObjectChange {
    /// The ConfigMap that is made, where there was none.
    pub fn created(&self, place: &KeptPlace, now: OffsetDateTime) -> Option<ConfigMap> {
        let Write::Create(data) = &self.write else {
            return None;
        };
        Some(new_object(place.metadata(self.place, now), data))
    }
}

pub(super) fn new_object(metadata: ObjectMeta, data: &BTreeMap<String, String>) -> ConfigMap {
    ConfigMap {
        metadata,
        data: Some(data.clone()),
        ..ConfigMap::default()
    }
}

/// A ConfigMap in the making.
struct Draft<'a> {
    before: Option<&'a Object>,
    bytes: usize,
    data: BTreeMap<String, Option<String>>,
    /// Whether entries leave it for another one.
    is_left: bool,
}

/// Where an entry is kept.
struct Seat<'a> {
    place: Place,
    key: &'a String,
    kept: &'a KeptMetric,
    wanted: Option<&'a KeptMetric>,
}

pub(super) fn changes(
    objects: &BTreeMap<Place, Object>,
    size: Size,
    wanted: &[KeptMetric],
    policy: KeptPolicy,
    now: OffsetDateTime,
) -> KeptChanges {
    let mut drafts: BTreeMap<Place, Draft<'_>> = objects
        .iter()
        .map(|(place, object)| (*place, Draft::of(object)))
        .collect();
    drafts.entry(FIRST).or_insert_with(Draft::empty);

    let mut seats = seats(objects, &mut drafts);
    let mut new: BTreeMap<&Demand, &KeptMetric> = BTreeMap::new();
    for wanted in wanted {
        match seats.get_mut(&wanted.demand) {
            Some(seat) => seat.wanted = Some(wanted),
            None => _ = new.insert(&wanted.demand, wanted),
        }
    }
    for seat in seats.values_mut() {
        let Some(draft) = drafts.get_mut(&seat.place) else {
            continue;
        };
        match seat.wanted {
            None => draft.remove(seat.key),
            Some(wanted) if policy.replaces(seat.kept, wanted, now) => {
                draft.set(seat.key, text::print(wanted));
                seat.kept = wanted;
            }
            Some(_) => {}
        }
    }
    for (place, draft) in &mut drafts {
        draft.shrink(*place, size, &seats, &mut new);
    }
    let too_large = seat_new(new, size, &mut drafts);
    KeptChanges {
        objects: in_order(drafts),
        too_large,
    }
}

/// Where each demand is kept. What says nothing, and all but one of several entries on one
/// demand, is taken out of its draft.
fn seats<'a>(
    objects: &'a BTreeMap<Place, Object>,
    drafts: &mut BTreeMap<Place, Draft<'a>>,
) -> HashMap<&'a Demand, Seat<'a>> {
    let mut seats: HashMap<&Demand, Seat<'_>> = HashMap::new();
    let time = |kept: &KeptMetric| kept.known.value().map(|value| value.time);
    for (place, object) in objects {
        let mut out = Vec::new();
        for (key, stored) in &object.entries {
            let Ok(kept) = &stored.said else {
                out.push((*place, key));
                continue;
            };
            let seat = Seat {
                place: *place,
                key,
                kept,
                wanted: None,
            };
            match seats.get_mut(&kept.demand) {
                None => _ = seats.insert(&kept.demand, seat),
                Some(other) if time(other.kept) < time(kept) => {
                    let other = std::mem::replace(other, seat);
                    out.push((other.place, other.key));
                }
                Some(_) => out.push((*place, key)),
            }
        }
        for (place, key) in out {
            if let Some(draft) = drafts.get_mut(&place) {
                draft.remove(key);
            }
        }
    }
    seats
}

/// Each new entry goes into the first ConfigMap that has room for it. What has room
/// nowhere is returned.
fn seat_new(
    new: BTreeMap<&Demand, &KeptMetric>,
    Size { room, .. }: Size,
    drafts: &mut BTreeMap<Place, Draft<'_>>,
) -> Vec<Demand> {
    let mut too_large = Vec::new();
    for (demand, kept) in new {
        let text = text::print(kept);
        // No key of it is shorter, and most ConfigMaps are full: seeing that takes less long
        // than making a key for each of them.
        let key = key_of(demand, |_| true);
        let least = bytes(&key, &text);
        let has_room = |draft: &Draft<'_>| {
            if draft.is_left || draft.bytes + least > room {
                return None;
            }
            let key = match draft.is_free(&key) {
                true => key.clone(),
                false => key_of(demand, |key| draft.is_free(key)),
            };
            (draft.bytes + bytes(&key, &text) <= room).then_some(key)
        };
        let mut all = drafts.iter_mut();
        let found = all.find_map(|(_, draft)| has_room(draft).map(|key| (draft, key)));
        if let Some((draft, key)) = found {
            draft.set(&key, text);
            continue;
        }
        let mut draft = Draft::empty();
        match has_room(&draft) {
            Some(key) => {
                draft.set(&key, text);
                drafts.insert(first_free(drafts), draft);
            }
            None => too_large.push(demand.clone()),
        }
    }
    too_large
}

fn first_free(drafts: &BTreeMap<Place, Draft<'_>>) -> Place {
    let mut place = FIRST;
    while drafts.contains_key(&place) {
        place = place.saturating_add(1);
    }
    place
}

impl<'a> Draft<'a> {
    fn of(object: &'a Object) -> Self {
        Self {
            before: Some(object),
            bytes: object.bytes(),
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            before: None,
            bytes: 0,
            data: BTreeMap::new(),
            is_left: false,
        }
    }

    /// How many bytes there are under a key now.
    fn bytes_of(&self, key: &str) -> usize {
        match self.data.get(key) {
            Some(text) => text.as_ref().map_or(0, |text| bytes(key, text)),
            None => self.stored(key),
        }
    }

    fn stored(&self, key: &str) -> usize {
        let before = self.before.and_then(|before| before.entries.get(key));
        before.map_or(0, |entry| entry.bytes)
    }

    fn is_free(&self, key: &str) -> bool {
        self.bytes_of(key) == 0
    }

    fn remove(&mut self, key: &str) {
        self.bytes -= self.bytes_of(key);
        self.data.insert(key.to_owned(), None);
    }

    fn set(&mut self, key: &str, text: String) {
        self.bytes = self.bytes - self.bytes_of(key) + bytes(key, &text);
        self.data.insert(key.to_owned(), Some(text));
    }

    /// Lets entries go that have grown out of it, down to where it would take new ones.
    fn shrink(
        &mut self,
        place: Place,
        Size { room, most }: Size,
        seats: &HashMap<&Demand, Seat<'a>>,
        new: &mut BTreeMap<&'a Demand, &'a KeptMetric>,
    ) {
        let Some(before) = self.before.filter(|_| self.bytes > most) else {
            return;
        };
        self.is_left = true;
        for (key, metric) in before.metrics().collect::<Vec<_>>().into_iter().rev() {
            if self.bytes <= room {
                return;
            }
            let seat = seats.get(&metric.demand);
            if let Some(seat) = seat.filter(|seat| seat.place == place && seat.key == key)
                && seat.wanted.is_some()
            {
                self.remove(key);
                new.insert(&seat.kept.demand, seat.kept);
            }
        }
    }

    /// The write that makes it so, if it takes one.
    fn write(self) -> Option<Write> {
        let Self { before, data, .. } = self;
        let Some(before) = before else {
            let data = data.into_iter();
            let data = data.filter_map(|(key, text)| Some((key, text?)));
            return Some(Write::Create(data.collect()));
        };
        let version = before.resource_version.clone();
        if !data.is_empty() || !before.is_marked {
            return Some(Write::Patch(version, data));
        }
        // What is empty since the last write is so for good. The write that empties an
        // object stands alone, so that whoever watches hears that its entries are withdrawn.
        let is_empty = before.entries.is_empty() && before.foreign == 0;
        is_empty.then_some(Write::Delete(version))
    }
}

/// What goes from one ConfigMap to another is written there before it is taken away here.
fn in_order(drafts: BTreeMap<Place, Draft<'_>>) -> Vec<ObjectChange> {
    let (left, others): (Vec<_>, Vec<_>) = drafts.into_iter().partition(|(_, draft)| draft.is_left);
    let all = others.into_iter().chain(left);
    all.filter_map(|(place, draft)| {
        let is_left = draft.is_left;
        let write = draft.write()?;
        let is_needed = place == FIRST && matches!(write, Write::Delete(_));
        (!is_needed).then_some(ObjectChange {
            place,
            write,
            is_left,
        })
    })
    .collect()
}
