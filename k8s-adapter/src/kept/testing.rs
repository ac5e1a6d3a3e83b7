//! Words for the tests of what is kept.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use provider_api::{ExternalMetric, ObjectReference};
use time::OffsetDateTime;

use super::{
    KeptMetric, KeptObjects, KeptPlace, KeptPolicy, KeptValue, Known, ObjectChange, change::Write,
    place::Place,
};
use crate::{Demand, testing::NOW};

pub(super) fn place() -> KeptPlace {
    KeptPlace::new("default", "datadog-hpa", "custom-metrics.datadoghq.com").unwrap()
}

/// What an autoscaler of the namespace `shop` asks for: `queue.depth{queue=a}`.
pub(super) fn demand(asker: &str, metric: &str) -> Demand {
    let (name, selector) = metric.split_once('{').unwrap_or((metric, "}"));
    let selector = selector.trim_end_matches('}').parse().unwrap();
    Demand {
        asker: ObjectReference {
            kind: crate::kind::HPA.name.into(),
            namespace: "shop".into(),
            name: asker.into(),
        },
        metric: ExternalMetric::new("shop".parse().unwrap(), name.parse().unwrap(), selector),
    }
}

pub(super) fn kept(asker: &str, metric: &str, known: Known) -> KeptMetric {
    KeptMetric {
        demand: demand(asker, metric),
        uid: None,
        query: None,
        known,
    }
}

pub(super) fn value(value: &str, time: OffsetDateTime) -> KeptValue {
    KeptValue {
        value: value.parse().unwrap(),
        time,
    }
}

/// A metric with this value, of this moment.
pub(super) fn fresh(asker: &str, metric: &str, quantity: &str) -> KeptMetric {
    kept(asker, metric, Known::Fresh(value(quantity, NOW)))
}

/// What is kept, and the ConfigMaps that it is kept in.
pub(super) struct Cluster {
    pub(super) objects: KeptObjects,
    pub(super) maps: BTreeMap<Place, ConfigMap>,
    version: u32,
}

impl Cluster {
    pub(super) fn holding(objects: KeptObjects) -> Self {
        Self {
            objects,
            maps: BTreeMap::new(),
            version: 0,
        }
    }

    /// Does what an API server would, and returns the ConfigMap, in the end without data
    /// when it is deleted.
    pub(super) fn make(&mut self, change: &ObjectChange, now: OffsetDateTime) -> ConfigMap {
        self.version += 1;
        let found = self.maps.remove(&change.place);
        let version = |map: &ConfigMap| map.metadata.resource_version.clone();
        let before = found.as_ref().and_then(version);
        let mut data = found.and_then(|map| map.data).unwrap_or_default();
        let mut is_gone = false;
        match &change.write {
            Write::Create(new) => {
                assert_eq!(before, None, "there is one of this name");
                data = new.clone();
            }
            Write::Patch(version, patch) => {
                assert_eq!(*version, before, "it has changed");
                for (key, text) in patch {
                    match text {
                        Some(text) => _ = data.insert(key.clone(), text.clone()),
                        None => _ = data.remove(key),
                    }
                }
            }
            Write::Delete(version) => {
                assert_eq!(*version, before, "it has changed");
                is_gone = true;
            }
        }
        let mut map = ConfigMap {
            metadata: place().metadata(change.place, now),
            data: Some(data),
            ..ConfigMap::default()
        };
        map.metadata.resource_version = Some(self.version.to_string());
        if is_gone {
            self.objects.delete(&map);
        } else {
            self.objects.apply(&map);
            self.maps.insert(change.place, map.clone());
        }
        map
    }

    /// Writes what is wanted, and tells of each write its ConfigMap and how many keys it
    /// is about.
    pub(super) fn write(
        &mut self,
        wanted: &[KeptMetric],
        policy: KeptPolicy,
        now: OffsetDateTime,
    ) -> Vec<String> {
        let changes = self.objects.changes(wanted, policy, now);
        let told = |change: &ObjectChange| {
            let name = place().name_of(change.place);
            match &change.write {
                Write::Create(data) => format!("create {name} {}", data.len()),
                Write::Patch(_, data) => format!("patch {name} {}", data.len()),
                Write::Delete(_) => format!("delete {name}"),
            }
        };
        let lines = changes.objects.iter().map(told).collect();
        for change in &changes.objects {
            self.make(change, now);
        }
        lines
    }
}
