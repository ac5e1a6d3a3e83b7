//! Writes what is known of the metrics, and the objects that are generated.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kube_client::api::{DeleteParams, PostParams, Preconditions};
use kube_core::{DynamicObject, ObjectMeta};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    DatadogMetrics, MetricStanding, by_object,
    generated::{generated_name, is_used_up},
    status::{Worth, status, written_at},
};
use crate::{ApiError, kind::DATADOG_METRIC};

const MAY_TELL: &str = "grant this server's ServiceAccount update on datadogmetrics/status in the API group datadoghq.com";
const MAY_GENERATE: &str = "grant this server's ServiceAccount create and delete on datadogmetrics in the API group datadoghq.com, or switch off that they are generated";
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked for by a plain name: an object of its own shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generated {
    /// The query.
    pub query: Arc<str>,
    /// The plain name.
    pub metric_name: Arc<str>,
}

/// What came of the writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsWritten {
    /// How many objects were written.
    pub writes: usize,
    /// How many are left for the next time.
    pub left: usize,
}

/// Why a `DatadogMetric` could not be written.
#[derive(Debug, thiserror::Error)]
#[error("DatadogMetric {namespace}/{name} cannot be written")]
pub struct MetricsError {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What the API server says.
    #[source]
    pub source: ApiError,
}

impl DatadogMetrics {
    /// Writes into the status of each object how it stands with it at `now`, where that is
    /// worth it, and into no more than `most`: turns first, and then what was written
    /// longest ago. Somebody has to [watch](Self::watch), and nothing is written before the
    /// first list has come. An object that somebody else has changed meanwhile is written
    /// the next time.
    ///
    /// # Errors
    /// The first refusal of the API server. The other objects are written all the same,
    /// unless it cannot be asked at all.
    pub async fn write(
        &self,
        standings: &[MetricStanding],
        most: usize,
        now: OffsetDateTime,
    ) -> Result<MetricsWritten, MetricsError> {
        let mut due = self.due(standings, now);
        due.sort_by_key(|due| (due.worth, due.written));
        let mut outcome = Outcome::leaving(due.len().saturating_sub(most));
        for Due {
            mut object, status, ..
        } in due.into_iter().take(most)
        {
            let sent = object.metadata.clone();
            object.data["status"] = status;
            let (namespace, name) = named(&object);
            let api = self.api(&namespace);
            let params = PostParams::default();
            let request = api.replace_status(&name, &params, &object);
            match within(request, MAY_TELL).await {
                Ok(object) => {
                    self.wrote(&sent, object);
                    outcome.writes();
                }
                Err(why) => {
                    if !is_changed(&why) {
                        self.refused(&(namespace.clone(), name.clone()), now);
                    }
                    outcome.fails(namespace, name, why)?;
                }
            }
        }
        outcome.end()
    }

    fn due(&self, standings: &[MetricStanding], now: OffsetDateTime) -> Vec<Due> {
        let standings = by_object(standings);
        let state = self.state.lock();
        let objects = state.objects.values().filter(|_| state.is_listed);
        let due = objects.filter_map(|object| {
            let standing = standings.get(&object.defined.metric)?;
            let before = object.written.data.get("status").unwrap_or(&Value::Null);
            let (worth, status) = status(before, standing, now)?;
            Some(Due {
                worth,
                written: written_at(before).max(object.refused),
                object: object.written.clone(),
                status,
            })
        });
        due.collect()
    }

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
        let named_by =
            |generated: &'_ Generated| (generated_name(&generated.query), generated.clone());
        let mut missing: BTreeMap<_, _> = wanted.iter().map(named_by).collect();
        let mut used_up = Vec::new();
        {
            let state = self.state.lock();
            if !state.is_listed {
                return Ok(MetricsWritten::default());
            }
            for object in state.objects.values() {
                let metric = &object.defined.metric;
                let is_here = metric.namespace.as_ref() == namespace;
                let is_wanted = is_here && missing.remove(metric.name.as_ref()).is_some();
                if is_here && !is_wanted && is_used_up(object, now) {
                    used_up.push(object.written.clone());
                }
            }
        }
        // Neither keeps the other waiting for ever.
        let removals = used_up
            .len()
            .min((most / 2).max(most.saturating_sub(missing.len())));
        let creations = missing.len().min(most - removals);
        let left = missing.len() + used_up.len() - removals - creations;
        let mut outcome = Outcome::leaving(left);
        let api = self.api(namespace);
        for (name, generated) in missing.into_iter().take(creations) {
            let resource = DATADOG_METRIC.resource(DATADOG_METRIC.versions[0]);
            let spec = json!({"spec": {
                "query": &*generated.query,
                "externalMetricName": &*generated.metric_name,
            }});
            let object = DynamicObject::new(&name, &resource).data(spec);
            let params = PostParams::default();
            let request = api.create(&params, &object);
            match within(request, MAY_GENERATE).await {
                Ok(_) => outcome.writes(),
                Err(why) => outcome.fails(namespace.into(), name.into(), why)?,
            }
        }
        for object in used_up.into_iter().take(removals) {
            let (namespace, name) = named(&object);
            let params = DeleteParams {
                preconditions: Some(Preconditions {
                    resource_version: object.metadata.resource_version.clone(),
                    uid: object.metadata.uid.clone(),
                }),
                ..DeleteParams::default()
            };
            let request = api.delete(&name, &params);
            match within(request, MAY_GENERATE).await {
                Ok(_) => outcome.writes(),
                Err(why) => outcome.fails(namespace, name, why)?,
            }
        }
        outcome.end()
    }

    /// What was written is known before the watch tells, unless that has told of something
    /// newer.
    pub(super) fn wrote(&self, sent: &ObjectMeta, written: DynamicObject) {
        let mut state = self.state.lock();
        if let Some(object) = state.objects.get_mut(&named(&written)) {
            let known = &object.written.metadata;
            let is_that =
                (&known.uid, &known.resource_version) == (&sent.uid, &sent.resource_version);
            if is_that {
                object.written.metadata.resource_version = written.metadata.resource_version;
                object.written.data = written.data;
                object.refused = None;
            }
        }
    }

    /// Others come before it the next time.
    fn refused(&self, key: &(Arc<str>, Arc<str>), now: OffsetDateTime) {
        if let Some(object) = self.state.lock().objects.get_mut(key) {
            object.refused = Some(now);
        }
    }
}

/// A status that is worth a write.
struct Due {
    worth: Worth,
    /// When it was written last, or could not be.
    written: Option<OffsetDateTime>,
    object: DynamicObject,
    status: Value,
}

/// What some writes came to so far.
struct Outcome {
    written: MetricsWritten,
    refusal: Option<MetricsError>,
}

impl Outcome {
    fn leaving(left: usize) -> Self {
        Self {
            written: MetricsWritten { writes: 0, left },
            refusal: None,
        }
    }

    fn writes(&mut self) {
        self.written.writes += 1;
    }

    /// # Errors
    /// When there is no use in going on.
    fn fails(
        &mut self,
        namespace: Arc<str>,
        name: Arc<str>,
        source: ApiError,
    ) -> Result<(), MetricsError> {
        self.written.left += 1;
        // Somebody has made, changed or deleted it: the watch tells.
        if is_changed(&source) {
            return Ok(());
        }
        let is_all = source.is_transient() || matches!(source, ApiError::Unauthorized { .. });
        let error = MetricsError {
            namespace,
            name,
            source,
        };
        if is_all {
            return Err(error);
        }
        self.refusal.get_or_insert(error);
        Ok(())
    }

    fn end(self) -> Result<MetricsWritten, MetricsError> {
        self.refusal.map_or(Ok(self.written), Err)
    }
}

fn is_changed(why: &ApiError) -> bool {
    matches!(
        why,
        ApiError::Refused {
            code: 404 | 409,
            ..
        }
    )
}

fn named(object: &DynamicObject) -> (Arc<str>, Arc<str>) {
    let metadata = &object.metadata;
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    (text(&metadata.namespace), text(&metadata.name))
}

/// The answer to a request that does not wait for ever.
async fn within<T>(
    request: impl Future<Output = Result<T, kube_client::Error>>,
    permission: &'static str,
) -> Result<T, ApiError> {
    match timeout(TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| ApiError::of(error, permission)),
        Err(_) => Err(ApiError::TimedOut(TIMEOUT)),
    }
}
