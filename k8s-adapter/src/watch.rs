//! Carries on what changes in the cluster.

use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube_client::{Api, Client};
use kube_runtime::{
    WatchStreamExt as _,
    watcher::{self, Event, watcher},
};

use crate::{
    ApiError, Asked, Change, DemandIndex,
    hpa::{KIND, demands_of, reference_to},
};

const PERMISSION: &str = "grant this server's ServiceAccount list and watch on horizontalpodautoscalers in the API group autoscaling";

/// What the watch over all autoscalers has to tell.
#[derive(Debug)]
pub enum Watched {
    /// What the autoscalers ask for has changed.
    Changed(Change),
    /// The first list is complete: all demands are known. Said once.
    Synced,
    /// The API server did not give what it was asked for. The watch goes on with
    /// growing pauses, and all demands known so far stay.
    Failing(ApiError),
}

/// Watches the autoscalers of all namespaces for what they ask; never ends.
pub fn watch_autoscalers(
    client: Client,
    prefix: &'static str,
) -> impl Stream<Item = Watched> + Send {
    let mut watch = Watch {
        prefix,
        ..Watch::default()
    };
    watcher(
        Api::<HorizontalPodAutoscaler>::all(client),
        watcher::Config::default(),
    )
    .default_backoff()
    .flat_map(move |event| stream::iter(watch.step(event)))
}

/// What is kept between two events.
#[derive(Default)]
struct Watch {
    /// Of annotations.
    prefix: &'static str,
    index: DemandIndex,
    /// The part of a list that has come. An autoscaler missing in a list counts
    /// as gone only when the list is complete.
    listed: Vec<Asked>,
    synced: bool,
}

impl Watch {
    fn step(
        &mut self,
        event: Result<Event<HorizontalPodAutoscaler>, watcher::Error>,
    ) -> Vec<Watched> {
        let (change, complete) = match event {
            Ok(Event::Init) => {
                self.listed.clear();
                return Vec::new();
            }
            Ok(Event::InitApply(hpa)) => {
                self.listed.push(demands_of(&hpa, self.prefix));
                return Vec::new();
            }
            Ok(Event::InitDone) => (
                self.index.reset(KIND, std::mem::take(&mut self.listed)),
                true,
            ),
            Ok(Event::Apply(hpa)) => (self.index.apply(demands_of(&hpa, self.prefix)), false),
            Ok(Event::Delete(hpa)) => (self.index.delete(&reference_to(&hpa)), false),
            Err(error) => return vec![Watched::Failing(ApiError::of_watch(error, PERMISSION))],
        };
        let mut told = Vec::new();
        if !change.is_empty() {
            told.push(Watched::Changed(change));
        }
        if complete && !std::mem::replace(&mut self.synced, true) {
            told.push(Watched::Synced);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Demand, testing::api_server};

    fn hpa(name: &str, metric: &str) -> Value {
        json!({
            "apiVersion": "autoscaling/v2",
            "kind": KIND,
            "metadata": {"namespace": "shop", "name": name, "resourceVersion": "8"},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "nginx"},
                "maxReplicas": 3,
                "metrics": [{"type": "External", "external": {"metric": {"name": metric}, "target": {"type": "Value", "value": "9"}}}],
            },
        })
    }

    fn object(name: &str, metric: &str) -> HorizontalPodAutoscaler {
        serde_json::from_value(hpa(name, metric)).unwrap()
    }

    /// What was told, as lines.
    fn lines(told: &[Watched]) -> Vec<String> {
        let demands = |sign: &'static str, demands: &[Demand]| -> Vec<String> {
            demands
                .iter()
                .map(|Demand { asker, metric, .. }| {
                    format!("{sign} {} {}", asker.name, metric.name())
                })
                .collect()
        };
        told.iter()
            .flat_map(|told| match told {
                Watched::Changed(change) => {
                    let added: Vec<_> = change
                        .added
                        .iter()
                        .map(|asking| asking.demand.clone())
                        .collect();
                    [demands("+", &added), demands("-", &change.removed)].concat()
                }
                Watched::Synced => vec!["synced".to_owned()],
                Watched::Failing(error) => vec![error.to_string()],
            })
            .collect()
    }

    #[test]
    fn a_list_counts_when_it_is_complete() {
        let mut watch = Watch::default();
        let mut step = |event| lines(&watch.step(Ok(event)));
        assert_eq!(step(Event::Init), [""; 0]);
        assert_eq!(step(Event::InitApply(object("a", "x"))), [""; 0]);
        // The list broke off; the next one starts over.
        assert_eq!(step(Event::Init), [""; 0]);
        assert_eq!(step(Event::InitApply(object("b", "x"))), [""; 0]);
        assert_eq!(step(Event::InitDone), ["+ b x", "synced"]);
        assert_eq!(step(Event::Apply(object("b", "y"))), ["+ b y", "- b x"]);
        assert_eq!(step(Event::Apply(object("b", "y"))), [""; 0]);
        assert_eq!(step(Event::Delete(object("b", "y"))), ["- b y"]);
    }

    #[test]
    fn a_new_list_withdraws_what_is_missing_and_is_no_second_synced() {
        let mut watch = Watch::default();
        let mut step = |event| lines(&watch.step(Ok(event)));
        assert_eq!(step(Event::InitDone), ["synced"]);
        step(Event::Apply(object("a", "x")));
        step(Event::Apply(object("b", "x")));
        step(Event::Init);
        step(Event::InitApply(object("b", "x")));
        assert_eq!(step(Event::InitDone), ["- a x"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_names_its_mend_and_the_watch_goes_on() {
        let (client, asked) = {
            let tries = std::sync::atomic::AtomicU32::new(0);
            api_server(move |path, _| {
                match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                    0 => (
                        403,
                        json!({"kind": "Status", "status": "Failure", "code": 403, "message": "no"}),
                    ),
                    1 => (
                        200,
                        json!({"metadata": {"resourceVersion": "7"}, "items": [hpa("a", "x")]}),
                    ),
                    2 => (200, json!({"type": "MODIFIED", "object": hpa("a", "y")})),
                    3 => (
                        200,
                        json!({"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": 410, "message": "too old"}}),
                    ),
                    _ if !path.contains("watch=true") => (
                        200,
                        json!({"metadata": {"resourceVersion": "9"}, "items": []}),
                    ),
                    _ => (200, json!({"type": "DELETED", "object": hpa("a", "y")})),
                }
            })
        };
        let told: Vec<_> = watch_autoscalers(client, "metrics.example/")
            .take(6)
            .collect()
            .await;
        assert_eq!(
            lines(&told),
            [
                "the API server forbids it (no): grant this server's ServiceAccount list and watch on \
                 horizontalpodautoscalers in the API group autoscaling",
                "+ a x",
                "synced",
                "+ a y",
                "- a x",
                "the API server has forgotten the place where the watch stood: listing anew",
                "- a y",
            ]
        );
        let paths: Vec<_> = asked
            .lock()
            .unwrap()
            .iter()
            .map(|(path, _)| path.clone())
            .collect();
        assert!(
            paths[0].starts_with("/apis/autoscaling/v2/horizontalpodautoscalers?"),
            "{paths:?}"
        );
    }
}
