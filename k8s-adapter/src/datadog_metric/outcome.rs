//! What comes of writes: what is written, what waits, and what goes wrong.

use std::{sync::Arc, time::Duration};

use kube_core::{DynamicObject, ObjectMeta};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{DatadogMetrics, Key};
use crate::ApiError;

const TIMEOUT: Duration = Duration::from_secs(10);

const STATUS: &str = "status of a DatadogMetric that it lists";
const NO_STATUS: &str = "see that their CustomResourceDefinition has the subresource status, as that of datadogmetric-crd.yaml has";

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

/// An object that is to be written.
pub(super) struct Target {
    pub(super) key: Key,
    /// As it is known when the write begins; nothing, where it is to be made.
    pub(super) version: Option<Version>,
}

/// What tells an object from itself before and after a change.
#[derive(PartialEq, Eq)]
pub(super) struct Version {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Version {
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        Self {
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
        }
    }
}

impl Target {
    pub(super) fn of(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        Self {
            key: (text(&metadata.namespace), text(&metadata.name)),
            version: Some(Version::of(metadata)),
        }
    }
}

/// What some writes came to so far.
pub(super) struct Outcome {
    written: MetricsWritten,
    refusal: Option<MetricsError>,
}

impl Outcome {
    pub(super) fn leaving(left: usize) -> Self {
        Self {
            written: MetricsWritten { writes: 0, left },
            refusal: None,
        }
    }

    pub(super) fn writes(&mut self) {
        self.written.writes += 1;
    }

    /// # Errors
    /// When there is no use in going on.
    fn fails(&mut self, target: Target, source: ApiError) -> Result<(), MetricsError> {
        self.written.left += 1;
        // Somebody has made, changed or deleted it: the watch tells.
        let is_changed = match source {
            ApiError::Refused { code: 409, .. } => true,
            ApiError::Refused { code: 404, .. } => target.version.is_some(),
            _ => false,
        };
        if is_changed {
            return Ok(());
        }
        let is_all = source.is_transient() || matches!(source, ApiError::Unauthorized { .. });
        let (namespace, name) = target.key;
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

    pub(super) fn end(self) -> Result<MetricsWritten, MetricsError> {
        self.refusal.map_or(Ok(self.written), Err)
    }
}

impl DatadogMetrics {
    /// Others come before it the next time, unless the watch has told something new of it.
    ///
    /// # Errors
    /// When there is no use in going on.
    pub(super) fn failed(
        &self,
        target: Target,
        why: ApiError,
        outcome: &mut Outcome,
        now: OffsetDateTime,
    ) -> Result<(), MetricsError> {
        let is_again = {
            let mut state = self.state.lock();
            let is_known = state.version(&target.key) == target.version;
            is_known && state.refused.insert(target.key.clone(), now).is_some()
        };
        let why = match why {
            // The API server says no more of a status that it does not have.
            ApiError::Refused { code: 404, .. } if is_again && target.version.is_some() => {
                ApiError::Unserved {
                    kind: STATUS,
                    mend: NO_STATUS,
                }
            }
            why => why,
        };
        outcome.fails(target, why)
    }
}

/// The answer to a request that does not wait for ever.
pub(super) async fn within<T>(
    request: impl Future<Output = Result<T, kube_client::Error>>,
    permission: &'static str,
) -> Result<T, ApiError> {
    match timeout(TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| ApiError::of(error, permission)),
        Err(_) => Err(ApiError::TimedOut(TIMEOUT)),
    }
}
