//! Tells people on the autoscaler itself what became of its metric.

mod bucket;
mod health;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use k8s_openapi::{
    api::{
        autoscaling::v2::HorizontalPodAutoscaler, core::v1::ObjectReference as Regarding,
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube_client::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use provider_api::Clock;
use serde_json::json;
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, timeout},
};

use self::bucket::Bucket;
pub use self::health::{Health, Notice, Severity, turn};
use crate::{ApiError, api_error::chain, kind::HPA, micro_time::micro_time};

const MAY_LOOK: &str = "grant this server's ServiceAccount list on horizontalpodautoscalers in the API group autoscaling";
const MAY_TELL: &str =
    "grant this server's ServiceAccount create and patch on events in the API group events.k8s.io";

/// A whole cluster whose metrics turn bad at once is told on this many autoscalers,
const BURST: u32 = 100;
/// and then on one in each of these spans: the API server keeps an event for an hour.
const PERIOD: Duration = Duration::from_secs(1);
/// What happens again within this time is told as the same event.
const SERIES: Duration = Duration::from_secs(6 * 60);
/// How often the log hears how many were not told.
const COUNTED: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The API server accepts no longer note,
const LONGEST_NOTE: usize = 1024;
/// and no longer name of who tells.
const LONGEST_INSTANCE: usize = 128;

/// Who tells.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// The name of the program.
    pub controller: String,
    /// The name of the replica: that of its pod.
    pub instance: String,
}

/// Tells notices as events (`events.k8s.io/v1`), where `kubectl describe hpa` shows them.
///
/// At most a hundred are told at once, and then one a second; the log says how many were
/// left out. It needs `create` and `patch` on `events`, and `list` on
/// `horizontalpodautoscalers`.
pub struct Events {
    queue: mpsc::Sender<Notice>,
    waiting: Mutex<mpsc::Receiver<Notice>>,
    /// How many found no place in the queue, or came too soon.
    dropped: AtomicU64,
    client: Client,
    reporter: Reporter,
    clock: Arc<dyn Clock>,
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
        let (queue, waiting) = mpsc::channel(BURST as usize);
        Self {
            queue,
            waiting: Mutex::new(waiting),
            dropped: AtomicU64::new(0),
            client,
            reporter,
            clock,
        }
    }

    /// Has it told by [`run`](Self::run), as long as it does not fall behind. Never waits.
    pub fn tell(&self, notice: Notice) {
        if self.queue.try_send(notice).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells what there is to tell; never ends.
    pub async fn run(&self) -> Infallible {
        let mut waiting = self.waiting.lock().await;
        let mut bucket = Bucket::full(BURST, PERIOD, Instant::now());
        let mut told = HashMap::new();
        let mut counted = Instant::now();
        let mut failed = None;
        loop {
            if let Ok(Some(notice)) = timeout(COUNTED, waiting.recv()).await {
                match bucket.take(Instant::now()) {
                    true => self.try_tell(&mut told, notice, &mut failed).await,
                    false => {
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            if counted.elapsed() >= COUNTED {
                counted = Instant::now();
                match self.dropped.swap(0, Ordering::Relaxed) {
                    0 => {}
                    n => tracing::warn!(
                        "{n} events on autoscalers were not told: there were too many at once"
                    ),
                }
            }
        }
    }

    /// The log hears of a failure once.
    async fn try_tell(
        &self,
        told: &mut HashMap<Notice, Told>,
        notice: Notice,
        failed: &mut Option<String>,
    ) {
        let outcome = match timeout(TIMEOUT, self.publish(told, notice)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ApiError::TimedOut(TIMEOUT)),
        };
        let words = outcome.err().map(|error| chain(&error));
        if let Some(words) = &words
            && failed.as_ref() != Some(words)
        {
            tracing::warn!("events on autoscalers are not told: {words}");
        }
        *failed = words;
    }

    async fn publish(
        &self,
        told: &mut HashMap<Notice, Told>,
        notice: Notice,
    ) -> Result<(), ApiError> {
        let now = Instant::now();
        told.retain(|_, told| now - told.last < SERIES);
        let namespace = &notice.about.namespace;
        let events = Api::<Event>::namespaced(self.client.clone(), namespace);
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
        // `kubectl describe` shows an object the events that know its uid.
        let Some(uid) = self.uid(&notice).await? else {
            return Ok(());
        };
        let made = events
            .create(&PostParams::default(), &self.event(&notice, uid))
            .await
            .map_err(|error| ApiError::of(error, MAY_TELL))?;
        let name = made.metadata.name.unwrap_or_default();
        let first = Told {
            name,
            count: 1,
            last: now,
        };
        told.insert(notice, first);
        Ok(())
    }

    /// The uid of the autoscaler, if it is still there. It is asked for with the right to
    /// list, which whoever knows the autoscalers has.
    async fn uid(&self, notice: &Notice) -> Result<Option<String>, ApiError> {
        let hpas = Api::<HorizontalPodAutoscaler>::namespaced(
            self.client.clone(),
            &notice.about.namespace,
        );
        let this = ListParams::default().fields(&format!("metadata.name={}", notice.about.name));
        let found = hpas.list_metadata(&this).await;
        let found = found.map_err(|error| ApiError::of(error, MAY_LOOK))?;
        Ok(found.items.into_iter().find_map(|hpa| hpa.metadata.uid))
    }

    fn event(&self, notice: &Notice, uid: String) -> Event {
        let Notice {
            about,
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
                // The API server completes it, and cuts what is too long.
                generate_name: Some(format!("{}.", about.name)),
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
                api_version: Some("autoscaling/v2".to_owned()),
                kind: Some(HPA.name.to_owned()),
                namespace: Some(about.namespace.to_string()),
                name: Some(about.name.to_string()),
                uid: Some(uid),
                ..Regarding::default()
            }),
            ..Event::default()
        }
    }
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
