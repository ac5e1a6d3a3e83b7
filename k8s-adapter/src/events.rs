//! Tells people on the object itself what became of its metric.

mod bucket;
mod health;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use k8s_openapi::{
    api::{core::v1::ObjectReference as Regarding, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube_client::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use kube_core::DynamicObject;
use provider_api::Clock;
use serde_json::json;
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, sleep, timeout},
};

use self::bucket::Bucket;
pub use self::health::{Health, Notice, Severity, turn};
use crate::{ApiError, api_error::chain, digest::hex_digest, kind::Kind, micro_time::micro_time};

const MAY_LOOK: &str =
    "grant this server's ServiceAccount list on the kind of object that events are told on";
const MAY_TELL: &str =
    "grant this server's ServiceAccount create and patch on events in the API group events.k8s.io";

/// A whole cluster whose metrics turn bad at once is told on this many objects,
const BURST: u32 = 100;
/// and then on one in each of these spans: the API server keeps an event for an hour.
const PERIOD: Duration = Duration::from_secs(1);
/// What happens again within this time is told as the same event.
const SERIES: Duration = Duration::from_secs(6 * 60);
const TIMEOUT: Duration = Duration::from_secs(10);
/// So many seconds are waited before a notice is told anew that the API server could not
/// take; whoever comes after it waits as well.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];

/// The API server accepts no longer note,
const LONGEST_NOTE: usize = 1024;
/// and no longer name of who tells.
const LONGEST_INSTANCE: usize = 128;
/// Of a longer begin of a name it cuts the end off itself.
const LONGEST_NAME_BEGIN: usize = 57;

/// Who tells.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// The name of the program.
    pub controller: String,
    /// The name of the replica: that of its pod.
    pub instance: String,
}

/// Tells notices as events (`events.k8s.io/v1`), where `kubectl describe` shows them with
/// their object.
///
/// At most a hundred are taken at once, and then one a second. It needs `create` and `patch`
/// on `events`, and `list` on each kind of object whose uid it has to look up.
pub struct Events {
    taken: mpsc::Sender<Taken>,
    waiting: Mutex<mpsc::Receiver<Taken>>,
    bucket: parking_lot::Mutex<Bucket>,
    client: Client,
    reporter: Reporter,
    clock: Arc<dyn Clock>,
}

/// What is to be told.
struct Taken {
    notice: Notice,
    /// Whether whoever told before may have told it.
    is_perhaps_told: bool,
}

/// An event that was told, and may be told again.
struct Told {
    name: String,
    count: i32,
    last: Instant,
}

impl Events {
    /// Tells as this reporter. `clock` tells when it was.
    pub fn new(client: Client, reporter: Reporter, clock: Arc<dyn Clock>) -> Self {
        let (taken, waiting) = mpsc::channel(BURST as usize);
        Self {
            taken,
            waiting: Mutex::new(waiting),
            bucket: parking_lot::Mutex::new(Bucket::full(BURST, PERIOD, Instant::now())),
            client,
            reporter,
            clock,
        }
    }

    /// Whether it will be told by [`run`](Self::run). It will not while there are too many:
    /// tell it again later, if it is still so. What was taken is given up only when the API
    /// server refuses it, or cannot take it for half a minute. Never waits.
    #[must_use = "what is not taken is to be told again"]
    pub fn tell(&self, notice: Notice) -> bool {
        self.take(Taken {
            notice,
            is_perhaps_told: false,
        })
    }

    /// Tells what was so when it was first looked at, and which another replica may have told
    /// before this one: it is told unless the API server has the same event from there.
    #[must_use = "what is not taken is to be told again"]
    pub fn tell_unless_told(&self, notice: Notice) -> bool {
        self.take(Taken {
            notice,
            is_perhaps_told: true,
        })
    }

    fn take(&self, taken: Taken) -> bool {
        let Ok(place) = self.taken.try_reserve() else {
            return false;
        };
        let may = self.bucket.lock().take(Instant::now());
        if may {
            place.send(taken);
        }
        may
    }

    /// Tells what there is to tell; never ends.
    pub async fn run(&self) -> Infallible {
        let mut waiting = self.waiting.lock().await;
        let mut told = HashMap::new();
        let mut failed = None;
        loop {
            // The other end is this object's own, so the queue never ends.
            if let Some(taken) = waiting.recv().await {
                self.try_tell(&mut told, taken, &mut failed).await;
            }
        }
    }

    /// The log hears of a failure once.
    async fn try_tell(
        &self,
        told: &mut HashMap<Notice, Told>,
        taken: Taken,
        failed: &mut Option<String>,
    ) {
        let mut pauses = PAUSES.iter();
        loop {
            let outcome = match timeout(TIMEOUT, self.publish(told, &taken)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(ApiError::TimedOut(TIMEOUT)),
            };
            let Err(why) = outcome else {
                *failed = None;
                return;
            };
            let words = chain(&why);
            if failed.as_ref() != Some(&words) {
                tracing::warn!("events are not told: {words}");
            }
            *failed = Some(words);
            match pauses.next() {
                Some(pause) if why.is_transient() => sleep(Duration::from_secs(*pause)).await,
                _ => return,
            }
        }
    }

    async fn publish(
        &self,
        told: &mut HashMap<Notice, Told>,
        taken: &Taken,
    ) -> Result<(), ApiError> {
        let notice = &taken.notice;
        let now = Instant::now();
        told.retain(|_, told| now - told.last < SERIES);
        // `kubectl describe` shows an object the events that know its uid: one that is made
        // anew under its name has events of its own.
        let Some(uid) = self.uid(notice).await? else {
            return Ok(());
        };
        let events = Api::<Event>::namespaced(self.client.clone(), &notice.about.namespace);
        let notice = Notice {
            uid: Some(uid),
            ..notice.clone()
        };
        if let Some(again) = told.get_mut(&notice) {
            let count = again.count.saturating_add(1);
            let last = micro_time(self.clock.now());
            let series = json!({"series": {"count": count, "lastObservedTime": last}});
            let patched = events
                .patch(&again.name, &PatchParams::default(), &Patch::Merge(series))
                .await;
            match patched {
                Ok(_) => {
                    (again.count, again.last) = (count, now);
                    return Ok(());
                }
                // Somebody has deleted it: another one is made.
                Err(kube_client::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(ApiError::of(error, MAY_TELL)),
            }
        }
        let mut event = self.event(&notice);
        if taken.is_perhaps_told {
            event.metadata.generate_name = None;
            event.metadata.name = Some(name(&notice));
        }
        let name = match events.create(&PostParams::default(), &event).await {
            Ok(made) => made.metadata.name,
            Err(kube_client::Error::Api(status)) if status.code == 409 => event.metadata.name,
            Err(error) => return Err(ApiError::of(error, MAY_TELL)),
        };
        let name = name.unwrap_or_default();
        let first = Told {
            name,
            count: 1,
            last: now,
        };
        told.insert(notice, first);
        Ok(())
    }

    /// The uid of the object, if it is still there. It is looked up with the right to list,
    /// which whoever watches the kind has.
    async fn uid(&self, notice: &Notice) -> Result<Option<Arc<str>>, ApiError> {
        let Notice { about, uid, .. } = notice;
        if let Some(uid) = uid {
            return Ok(Some(uid.clone()));
        }
        let Some(kind) = Kind::named(&about.kind) else {
            return Ok(None);
        };
        let this = ListParams::default().fields(&format!("metadata.name={}", about.name));
        for version in kind.versions {
            let objects = Api::<DynamicObject>::namespaced_with(
                self.client.clone(),
                &about.namespace,
                &kind.resource(version),
            );
            match objects.list_metadata(&this).await {
                Ok(found) => {
                    let mut found = found.items.into_iter();
                    return Ok(found.find_map(|object| object.metadata.uid.map(Into::into)));
                }
                // The cluster does not serve this version.
                Err(kube_client::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(ApiError::of(error, MAY_LOOK)),
            }
        }
        Ok(None)
    }

    fn event(&self, notice: &Notice) -> Event {
        let Notice {
            about,
            uid,
            severity,
            reason,
            note,
        } = notice;
        let severity = match severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        Event {
            metadata: ObjectMeta {
                generate_name: Some(name_begin(&about.name)),
                namespace: Some(about.namespace.to_string()),
                ..ObjectMeta::default()
            },
            event_time: Some(micro_time(self.clock.now())),
            type_: Some(severity.to_owned()),
            reason: Some((*reason).to_owned()),
            action: Some("ReadExternalMetric".to_owned()),
            note: Some(cut(note, LONGEST_NOTE)),
            reporting_controller: Some(self.reporter.controller.clone()),
            reporting_instance: Some(cut(&self.reporter.instance, LONGEST_INSTANCE)),
            regarding: Some(Regarding {
                api_version: Kind::named(&about.kind).map(Kind::api_version),
                kind: Some(about.kind.to_string()),
                namespace: Some(about.namespace.to_string()),
                name: Some(about.name.to_string()),
                uid: uid.as_ref().map(ToString::to_string),
                ..Regarding::default()
            }),
            ..Event::default()
        }
    }
}

/// The begin of an event's name, which the API server completes. It takes a dash at the end,
/// but no dot, not even before the dash; and of a name as long as a name may be, it wants the end left off.
fn name_begin(about: &str) -> String {
    let begin: String = about.chars().take(LONGEST_NAME_BEGIN).collect();
    format!("{}-", begin.trim_end_matches('.'))
}

/// The name that every replica gives to the same event.
fn name(notice: &Notice) -> String {
    let Notice {
        about,
        uid,
        reason,
        note,
        ..
    } = notice;
    let uid = uid.as_deref().unwrap_or_default();
    let words = format!("{uid}\n{reason}\n{note}");
    name_begin(&about.name) + &hex_digest(&words, 8)
}

/// The text, in at most so many bytes.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let mark = "…";
    let end = text.floor_char_boundary(longest - mark.len());
    format!("{}{mark}", &text[..end])
}
