//! Writes what is known of the metrics, and the objects that are generated.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kube_client::api::{DeleteParams, PostParams, Preconditions};
use kube_core::DynamicObject;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    DatadogMetrics, MetricStanding, by_object,
    generated::{generated_name, is_used_up},
    status::status,
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
    /// longest ago. Somebody has to [watch](Self::watch). An object that somebody else has
    /// changed meanwhile is written the next time.
    ///
    /// # Errors
    /// When the API server refuses: what was written until then stays.
    pub async fn write(
        &self,
        standings: &[MetricStanding],
        most: usize,
        now: OffsetDateTime,
    ) -> Result<MetricsWritten, MetricsError> {
        let standings = by_object(standings);
        let mut due = Vec::new();
        for object in self.objects.lock().values() {
            if let Some(standing) = standings.get(&object.defined.metric) {
                let before = object.written.data.get("status").unwrap_or(&Value::Null);
                if let Some((worth, status)) = status(before, standing, now) {
                    due.push((worth, object.written.clone(), status));
                }
            }
        }
        due.sort_by_key(|(worth, ..)| *worth);
        let mut written = MetricsWritten {
            writes: 0,
            left: due.len().saturating_sub(most),
        };
        for (_, mut object, status) in due.into_iter().take(most) {
            object.data["status"] = status;
            let (namespace, name) = named(&object);
            let api = self.api(&namespace);
            let params = PostParams::default();
            let request = api.replace_status(&name, &params, &object);
            match within(request, MAY_TELL).await {
                Ok(object) => {
                    self.wrote(object);
                    written.writes += 1;
                }
                // Somebody has changed or deleted it: the watch tells.
                Err(ApiError::Refused {
                    code: 404 | 409, ..
                }) => written.left += 1,
                Err(source) => {
                    return Err(MetricsError {
                        namespace,
                        name,
                        source,
                    });
                }
            }
        }
        Ok(written)
    }

    /// Makes the objects in `namespace` that show what is asked for by a plain name, and
    /// removes those that nobody has asked for in three hours; no more than `most` at a time.
    ///
    /// # Errors
    /// When the API server refuses: what was written until then stays.
    pub async fn generate(
        &self,
        namespace: &str,
        wanted: &[Generated],
        most: usize,
        now: OffsetDateTime,
    ) -> Result<MetricsWritten, MetricsError> {
        let wanted: HashMap<_, _> = wanted
            .iter()
            .map(|generated| (generated_name(&generated.query), generated))
            .collect();
        let mut used_up = Vec::new();
        let mut missing = wanted.clone();
        for object in self.objects.lock().values() {
            let metric = &object.defined.metric;
            if metric.namespace.as_ref() != namespace {
                continue;
            }
            let is_wanted = missing.remove(metric.name.as_ref()).is_some();
            if !is_wanted && is_used_up(object, now) {
                used_up.push(object.written.clone());
            }
        }
        let api = self.api(namespace);
        let mut written = MetricsWritten {
            writes: 0,
            left: (missing.len() + used_up.len()).saturating_sub(most),
        };
        let failed = |name: &str, source| MetricsError {
            namespace: namespace.into(),
            name: name.into(),
            source,
        };
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let removed = most.saturating_sub(missing.len());
        for (name, generated) in missing.into_iter().take(most) {
            let resource = DATADOG_METRIC.resource(DATADOG_METRIC.versions[0]);
            let spec = json!({"spec": {
                "query": &*generated.query,
                "externalMetricName": &*generated.metric_name,
            }});
            let object = DynamicObject::new(&name, &resource).data(spec);
            let params = PostParams::default();
            let request = api.create(&params, &object);
            match within(request, MAY_GENERATE).await {
                Ok(_) => written.writes += 1,
                // It is there already, and the watch will tell.
                Err(ApiError::Refused { code: 409, .. }) => {}
                Err(why) => return Err(failed(&name, why)),
            }
        }
        for object in used_up.into_iter().take(removed) {
            let (_, name) = named(&object);
            let params = DeleteParams {
                preconditions: Some(Preconditions {
                    resource_version: object.metadata.resource_version.clone(),
                    uid: object.metadata.uid.clone(),
                }),
                ..DeleteParams::default()
            };
            let request = api.delete(&name, &params);
            match within(request, MAY_GENERATE).await {
                Ok(_) => written.writes += 1,
                Err(ApiError::Refused {
                    code: 404 | 409, ..
                }) => {}
                Err(why) => return Err(failed(&name, why)),
            }
        }
        Ok(written)
    }

    /// What was written is known before the watch tells.
    fn wrote(&self, written: DynamicObject) {
        let key = named(&written);
        if let Some(object) = self.objects.lock().get_mut(&key) {
            object.written.metadata.resource_version = written.metadata.resource_version;
            object.written.data = written.data;
        }
    }
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
