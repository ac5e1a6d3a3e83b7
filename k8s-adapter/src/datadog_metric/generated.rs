//! Objects that show what an autoscaler asks for by a plain name.

use std::{collections::BTreeMap, sync::Arc};

use kube_client::api::{DeleteParams, PostParams, Preconditions};
use kube_core::DynamicObject;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{
    DatadogMetrics, Defined, State,
    object::Object,
    outcome::{MetricsError, MetricsWritten, Outcome, Target, within},
    status::inactive_since,
};
use crate::{ApiError, digest::hex_digest, kind::DATADOG_METRIC};

const PREFIX: &str = "dcaautogen-";

/// So many bytes of the digest; one more would look like one of Datadog's keys.
const BYTES: usize = 19;

/// One that nobody has asked for so long is removed.
const KEPT_FOR: Duration = Duration::hours(3);

const PERMISSION: &str = "grant this server's ServiceAccount create and delete on datadogmetrics in the API group datadoghq.com, or switch off that they are generated";

/// What is asked for by a plain name: an object of its own shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generated {
    /// The query.
    pub query: Arc<str>,
    /// The plain name.
    pub metric_name: Arc<str>,
}

/// The name of the object that is generated for a query, the same as Datadog's agent gives it.
pub fn generated_name(query: &str) -> String {
    format!("{PREFIX}{}", hex_digest(query, BYTES))
}

impl Defined {
    /// Whether it was generated, by this agent or by Datadog's.
    pub fn is_generated(&self) -> bool {
        self.generated_for.is_some()
            && self.metric.name.strip_prefix(PREFIX).is_some_and(|hex| {
                hex.len() == 2 * BYTES && hex.bytes().all(|digit| digit.is_ascii_hexdigit())
            })
    }
}

impl DatadogMetrics {
    /// Makes the objects in `namespace` that show what is asked for by a plain name, and
    /// removes those that nobody has asked for in three hours; no more than `most` at a time.
    ///
    /// # Errors
    /// As those of [`write`](Self::write).
    pub async fn generate(
        &self,
        namespace: &str,
        wanted: &[Generated],
        most: usize,
        now: OffsetDateTime,
    ) -> Result<MetricsWritten, MetricsError> {
        let (missing, used_up) = self.amiss(&namespace.into(), wanted, now);
        // Neither keeps the other waiting for ever.
        let removals = used_up
            .len()
            .min((most / 2).max(most.saturating_sub(missing.len())));
        let creations = missing.len().min(most - removals);
        let left = missing.len() + used_up.len() - removals - creations;
        let mut outcome = Outcome::leaving(left);
        let missing = missing.into_iter().take(creations);
        let made = self.make(namespace, missing, &mut outcome, now).await;
        // A webhook may fail all that is made, and nothing that is removed.
        let used_up = used_up.into_iter().take(removals);
        let removed = self.remove(namespace, used_up, &mut outcome, now).await;
        made.and(removed)?;
        outcome.end()
    }

    async fn make(
        &self,
        namespace: &str,
        missing: impl Iterator<Item = (Arc<str>, Generated)>,
        outcome: &mut Outcome,
        now: OffsetDateTime,
    ) -> Result<(), MetricsError> {
        let api = self.api(namespace);
        for (name, generated) in missing {
            let object = generated.object(&name);
            let params = PostParams::default();
            match within(api.create(&params, &object), PERMISSION).await {
                Ok(_) => outcome.writes(),
                Err(why) => {
                    let key = (namespace.into(), name);
                    let target = Target { key, version: None };
                    self.failed(target, why, outcome, now)?;
                }
            }
        }
        Ok(())
    }

    async fn remove(
        &self,
        namespace: &str,
        used_up: impl Iterator<Item = DynamicObject>,
        outcome: &mut Outcome,
        now: OffsetDateTime,
    ) -> Result<(), MetricsError> {
        let api = self.api(namespace);
        for object in used_up {
            let target = Target::of(&object);
            let params = DeleteParams {
                preconditions: Some(Preconditions {
                    resource_version: object.metadata.resource_version,
                    uid: object.metadata.uid,
                }),
                ..DeleteParams::default()
            };
            match within(api.delete(&target.key.1, &params), PERMISSION).await {
                Ok(_) => outcome.writes(),
                // Somebody was quicker.
                Err(ApiError::Refused { code: 404, .. }) => {}
                Err(why) => self.failed(target, why, outcome, now)?,
            }
        }
        Ok(())
    }

    /// What is not there and should be, by its name, and what is there and should not be.
    /// What was refused comes last.
    fn amiss(
        &self,
        namespace: &Arc<str>,
        wanted: &[Generated],
        now: OffsetDateTime,
    ) -> (Vec<(Arc<str>, Generated)>, Vec<DynamicObject>) {
        let named = |generated: &Generated| {
            let name: Arc<str> = generated_name(&generated.query).into();
            (name, generated.clone())
        };
        let mut missing: BTreeMap<_, _> = wanted.iter().map(named).collect();
        let mut used_up = Vec::new();
        let mut state = self.state.lock();
        let State {
            objects,
            is_listed: true,
            refused,
        } = &mut *state
        else {
            return (Vec::new(), Vec::new());
        };
        for (key, object) in objects.iter().filter(|(key, _)| key.0 == *namespace) {
            let is_wanted = missing.remove(&key.1).is_some();
            if !is_wanted && is_used_up(object, now) {
                used_up.push((refused.get(key).copied(), &object.written));
            }
        }
        refused.retain(|key, _| objects.contains_key(key) || missing.contains_key(&key.1));
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_by_key(|(name, _)| refused.get(&(namespace.clone(), name.clone())));
        used_up.sort_by_key(|(refused, _)| *refused);
        let used_up = used_up.into_iter().map(|(_, object)| object.clone());
        let used_up = used_up.collect();
        (missing, used_up)
    }
}

impl Generated {
    fn object(&self, name: &str) -> DynamicObject {
        let resource = DATADOG_METRIC.resource(DATADOG_METRIC.versions[0]);
        let spec = json!({"spec": {
            "query": &*self.query,
            "externalMetricName": &*self.metric_name,
        }});
        DynamicObject::new(name, &resource).data(spec)
    }
}

/// Whether it has been of no use for so long that it goes.
fn is_used_up(object: &Object, now: OffsetDateTime) -> bool {
    let defined = &object.defined;
    // Somebody may have made it so since its status was written.
    if !defined.is_generated() || defined.is_always_active {
        return false;
    }
    let since = inactive_since(&object.status());
    since.is_some_and(|since| now - since >= KEPT_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_datadogs_agent_gives() {
        for (query, name) in [
            (
                "avg:docker.cpu.usage{bar:foo}.rollup(30)",
                "dcaautogen-b6ea72b610c00aba6791b5eca1912e68dc7412",
            ),
            (
                "avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)",
                "dcaautogen-9a6e15492f67c189c2541d0a2864a7a7e1779e",
            ),
        ] {
            assert_eq!(generated_name(query), name);
        }
    }
}
