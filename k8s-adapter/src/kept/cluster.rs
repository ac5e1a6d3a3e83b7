//! Writes the ConfigMaps of a cluster.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube_client::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};

use super::{
    KeptMetric, KeptPlace, KeptPolicy, ObjectChange,
    change::{Write, new_object},
    place::Place,
    state::State,
};
use crate::{ApiError, Demand};

pub(super) const PERMISSION: &str = "grant this server's ServiceAccount get, list, watch, create, patch and delete on this configmap and on those that continue it, in its namespace";

/// What is waited before a write is tried anew; after that many failures in a row it has
/// failed.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The metrics that are kept in a cluster: [watched](Self::watch) by every replica, and
/// [written](Self::write) by the one that asks the source.
///
/// It needs `get`, `list`, `watch`, `create`, `patch` and `delete` on `configmaps` in the
/// namespace of its [`KeptPlace`]. A clone sees and writes the same.
#[derive(Clone)]
pub struct KeptMetrics {
    client: Client,
    place: Arc<KeptPlace>,
    pub(super) state: Arc<Mutex<State>>,
}

/// What a write came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptWritten {
    /// How many ConfigMaps were created, patched or deleted.
    pub writes: usize,
    /// What no ConfigMap has room for, and is not kept.
    pub too_large: Vec<Demand>,
}

/// Why metrics could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It is not known what is kept.
    #[error(
        "nothing is kept in ConfigMap {0} before the watch over it has listed what is there: see why it fails"
    )]
    Unlisted(KeptPlace),
    /// A ConfigMap could not be written.
    #[error("metrics cannot be kept in ConfigMap {namespace}/{name}")]
    ConfigMap {
        /// The ConfigMap's namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What the API server says.
        #[source]
        source: ApiError,
    },
}

/// Why a change was not written.
struct Failed {
    place: Place,
    why: ApiError,
    may_pass: bool,
}

impl KeptMetrics {
    /// The metrics at this place.
    pub fn new(client: Client, place: KeptPlace) -> Self {
        Self {
            client,
            state: Arc::new(Mutex::new(State::new(place.clone()))),
            place: Arc::new(place),
        }
    }

    /// Where they are kept.
    pub fn place(&self) -> &KeptPlace {
        &self.place
    }

    /// Has `wanted` kept, and nothing else, as far as `policy` finds it worth a write.
    /// `wanted` are all the metrics that anyone asks for; of those that wait for their
    /// first value, what is kept stays.
    ///
    /// Somebody has to [watch](Self::watch), to know what is kept. Only one replica should
    /// write. Should two, or a hand, write at the same time, then each sees what the other
    /// has done, and writes what is wanted still.
    ///
    /// # Errors
    /// When the API server refuses to write a ConfigMap: what the others hold is written all
    /// the same. When it does not answer after some tries: what was written until then stays.
    /// And before the watch has said [`Synced`](super::KeptWatched::Synced).
    pub async fn write(
        &self,
        wanted: &[KeptMetric],
        policy: KeptPolicy,
        now: OffsetDateTime,
    ) -> Result<KeptWritten, KeptError> {
        if !self.state.lock().is_synced() {
            return Err(KeptError::Unlisted(KeptPlace::clone(&self.place)));
        }
        let mut writes = 0;
        let mut pauses = PAUSES.iter();
        let mut refused: Vec<Failed> = Vec::new();
        'changes: loop {
            let changes = self.state.lock().objects.changes(wanted, policy, now);
            for change in changes.objects {
                let is_refused = refused.iter().any(|it| it.place == change.place);
                // What would leave it may have been refused where it goes to.
                if is_refused || change.is_left && !refused.is_empty() {
                    continue;
                }
                let Err(failed) = self.make(&change, now).await else {
                    writes += 1;
                    pauses = PAUSES.iter();
                    continue;
                };
                if is_of_one(&failed.why) && !failed.may_pass {
                    refused.push(failed);
                    continue;
                }
                match pauses.next() {
                    Some(pause) if failed.may_pass => sleep(*pause).await,
                    _ => return Err(self.error(failed)),
                }
                continue 'changes;
            }
            return match refused.into_iter().next() {
                Some(failed) => Err(self.error(failed)),
                None => Ok(KeptWritten {
                    writes,
                    too_large: changes.too_large,
                }),
            };
        }
    }

    /// One write. Where the object is no longer what it was taken for, it is read anew.
    async fn make(&self, change: &ObjectChange, now: OffsetDateTime) -> Result<(), Failed> {
        let place = change.place;
        let failed = |why: ApiError, may_pass| Failed {
            place,
            why,
            may_pass,
        };
        match self.request(change, now).await {
            Ok(written) => {
                self.state.lock().wrote(place, written.as_ref());
                Ok(())
            }
            Err(why) if is_changed(&why) => {
                let name = self.place.name_of(place);
                let found = within(self.api().get_opt(&name)).await;
                let found = found.map_err(|why| {
                    let may_pass = why.is_transient();
                    failed(why, may_pass)
                })?;
                self.state.lock().found(place, found.as_ref());
                Err(failed(why, true))
            }
            Err(why) => {
                let may_pass = why.is_transient();
                Err(failed(why, may_pass))
            }
        }
    }

    /// The object as it is then, or nothing when it is gone.
    async fn request(
        &self,
        change: &ObjectChange,
        now: OffsetDateTime,
    ) -> Result<Option<ConfigMap>, ApiError> {
        let name = self.place.name_of(change.place);
        let metadata = self.place.metadata(change.place, now);
        match &change.write {
            Write::Create(data) => {
                let made = new_object(metadata, data);
                let made = within(self.api().create(&PostParams::default(), &made)).await;
                made.map(Some)
            }
            Write::Patch(version, data) => {
                let metadata = kube_core::ObjectMeta {
                    resource_version: version.clone(),
                    ..metadata
                };
                let patch = serde_json::json!({ "metadata": metadata, "data": data });
                let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
                let patched = within(self.api().patch(&name, &params, &patch)).await;
                patched.map(Some)
            }
            Write::Delete(version) => {
                let params = DeleteParams {
                    preconditions: Some(Preconditions {
                        resource_version: version.clone(),
                        uid: None,
                    }),
                    ..DeleteParams::default()
                };
                within(self.api().delete(&name, &params))
                    .await
                    .map(|_| None)
            }
        }
    }

    pub(super) fn api(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), self.place.namespace())
    }

    fn error(&self, failed: Failed) -> KeptError {
        KeptError::ConfigMap {
            namespace: self.place.namespace().to_owned(),
            name: self.place.name_of(failed.place),
            source: failed.why,
        }
    }
}

/// The answer to a request that does not wait for ever.
async fn within<T>(
    request: impl Future<Output = Result<T, kube_client::Error>>,
) -> Result<T, ApiError> {
    match timeout(TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| ApiError::of(error, PERMISSION)),
        Err(_) => Err(ApiError::TimedOut(TIMEOUT)),
    }
}

/// Whether it may be about one object only: one that is immutable, or that no role names.
fn is_of_one(why: &ApiError) -> bool {
    matches!(why, ApiError::Forbidden { .. } | ApiError::Refused { .. })
}

/// Whether somebody else has made, changed or deleted the object.
fn is_changed(why: &ApiError) -> bool {
    matches!(
        why,
        ApiError::Refused {
            code: 404 | 409,
            ..
        }
    )
}
