//! One ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::{KeptMetric, KeptPlace, Unreadable, key::PREFIX, text};
use crate::Demand;

/// A ConfigMap as it was seen last.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) resource_version: Option<String>,
    pub(super) last_updated: Option<String>,
    pub(super) entries: BTreeMap<String, Stored>,
    /// Whether those who watch find it.
    pub(super) is_marked: bool,
    /// How many bytes others have put into it.
    pub(super) foreign: usize,
}

/// An entry as it was seen last.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// How many bytes key and value are.
    pub(super) bytes: usize,
    pub(super) said: Result<KeptMetric, Unreadable>,
}

impl Object {
    pub(super) fn of(object: &ConfigMap, place: &KeptPlace) -> Self {
        let binary = object.binary_data.iter().flatten();
        let mut foreign = binary.map(|(key, value)| key.len() + value.0.len()).sum();
        let mut entries = BTreeMap::new();
        for (key, value) in object.data.iter().flatten() {
            let bytes = bytes(key, value);
            if key.starts_with(PREFIX) {
                let said = text::parse(value);
                entries.insert(key.clone(), Stored { bytes, said });
            } else {
                foreign += bytes;
            }
        }
        let metadata = &object.metadata;
        Self {
            resource_version: metadata.resource_version.clone(),
            last_updated: place.last_updated(metadata).map(str::to_owned),
            is_marked: place.is_marked(metadata),
            entries,
            foreign,
        }
    }

    /// How many bytes it holds, as Kubernetes counts them.
    pub(super) fn bytes(&self) -> usize {
        let entries = self.entries.values().map(|entry| entry.bytes);
        entries.sum::<usize>() + self.foreign
    }

    /// The entries that could be read.
    pub(super) fn metrics(&self) -> impl Iterator<Item = (&String, &KeptMetric)> {
        let entries = self.entries.iter();
        entries.filter_map(|(key, entry)| Some((key, entry.said.as_ref().ok()?)))
    }

    /// Whether there is an entry on this demand under the key, which may be another's now.
    pub(super) fn holds(&self, key: &str, demand: &Demand) -> bool {
        let said = self.entries.get(key).map(|entry| &entry.said);
        matches!(said, Some(Ok(metric)) if metric.demand == *demand)
    }

    /// Whether an event that tells of `self` came late, behind one that told of `known`:
    /// Kubernetes counts the versions of all objects upwards.
    pub(super) fn is_older_than(&self, known: &Self) -> bool {
        let version = |object: &Self| object.resource_version.as_ref()?.parse::<u128>().ok();
        match (version(self), version(known)) {
            (Some(ours), Some(known)) => ours < known,
            _ => false,
        }
    }
}

/// What an entry adds to the size of its ConfigMap.
pub(super) fn bytes(key: &str, value: &str) -> usize {
    key.len() + value.len()
}
