//! Replicas against an API server that is a map of ConfigMaps.

mod server;

use futures_util::{Stream, StreamExt as _};
use serde_json::json;
use time::Duration as Span;

use self::server::ApiServer;
use super::*;
use crate::{
    api_error::chain,
    kept::{
        KeptObjects, KeptWatched, Known,
        change::Size,
        testing::{fresh, kept, place},
    },
    testing::NOW,
};

const POLICY: KeptPolicy = KeptPolicy {
    tolerance: 0.01,
    refresh_age: Span::seconds(60),
};

/// A replica: what it keeps, and what it is told.
struct Replica {
    kept: KeptMetrics,
    watch: std::pin::Pin<Box<dyn Stream<Item = KeptWatched> + Send>>,
}

impl Replica {
    fn of(server: &ApiServer) -> Self {
        let kept = KeptMetrics::new(server.client(), place());
        let watch = Box::pin(kept.watch());
        Self { kept, watch }
    }

    /// A replica that has listed what there is.
    async fn synced(server: &ApiServer) -> Self {
        let mut replica = Self::of(server);
        while replica.told().await != ["synced"] {}
        replica
    }

    /// The next that the watch tells, as lines.
    async fn told(&mut self) -> Vec<String> {
        match self.watch.next().await.unwrap() {
            KeptWatched::Synced => vec!["synced".to_owned()],
            KeptWatched::Failing(why) => vec![chain(&why)],
            KeptWatched::Changed(change) => {
                let changed = change.changed.iter();
                let changed = changed.map(|metric| {
                    let value = metric.known.value().map(|value| value.value.to_string());
                    let value = value.unwrap_or_else(|| "nothing".to_owned());
                    format!("{} {value}", metric.demand.asker.name)
                });
                let removed = change.removed.iter();
                let removed = removed.map(|demand| format!("- {}", demand.asker.name));
                let unreadable = change.unreadable.iter().map(|entry| chain(entry));
                changed.chain(removed).chain(unreadable).collect()
            }
        }
    }

    async fn write(&self, wanted: &[KeptMetric]) -> Result<usize, String> {
        let written = self.kept.write(wanted, POLICY, NOW).await;
        written
            .map(|written| written.writes)
            .map_err(|why| chain(&why))
    }
}

#[tokio::test(start_paused = true)]
async fn every_replica_hears_what_one_has_written_and_a_restart_begins_with_it() {
    let server = ApiServer::empty();
    let leader = Replica::synced(&server).await;
    let mut follower = Replica::synced(&server).await;
    let [a, b] = ["a", "b"].map(|asker| fresh(asker, "m", "1"));
    assert_eq!(leader.write(&[a.clone(), b.clone()]).await, Ok(1));
    assert_eq!(follower.told().await, ["a 1", "b 1"]);
    // Nothing is new, and nothing is written.
    assert_eq!(leader.write(&[a, b.clone()]).await, Ok(0));
    let later = leader.kept.write(&[b], POLICY, NOW + Span::SECOND).await;
    assert_eq!(later.unwrap().writes, 1);
    assert_eq!(follower.told().await, ["- a"]);

    let mut restarted = Replica::of(&server);
    assert_eq!(restarted.told().await, ["b 1"]);
    assert_eq!(restarted.told().await, ["synced"]);
    let started = [kept("b", "m", Known::Waiting)];
    assert_eq!(restarted.write(&started).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_it_is_known_what_is_there() {
    let server = ApiServer::empty();
    let replica = Replica::of(&server);
    assert_eq!(
        replica.write(&[]).await,
        Err(
            "nothing is kept in ConfigMap default/datadog-hpa before the watch over it has \
             listed what is there: see why it fails"
                .to_owned()
        )
    );
    assert_eq!(server.written(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_hand_that_is_quicker_is_seen_and_the_write_is_made_anew() {
    let server = ApiServer::empty();
    let mut leader = Replica::synced(&server).await;
    let [a, b] = ["a", "b"].map(|asker| fresh(asker, "m", "1"));
    leader.write(&[a, b.clone()]).await.unwrap();
    server.edit("datadog-hpa", |map| {
        map["data"] = json!({"note": "by hand", "external_metric-b": "{"});
    });
    let wanted = [fresh("a", "m", "2"), b];
    assert_eq!(leader.write(&wanted).await, Ok(1));
    let map = server.object("datadog-hpa");
    assert_eq!(map["data"]["note"], "by hand");
    assert_eq!(map["data"].as_object().unwrap().len(), 3, "{map}");
    // The watch tells what the write came upon.
    assert_eq!(
        leader.told().await,
        [
            "the entry external_metric-b of ConfigMap datadog-hpa counts for nothing: it is not the JSON of an \
             entry: EOF while parsing an object at line 1 column 1"
        ]
    );
    assert_eq!(server.written(), ["POST datadog-hpa", "PATCH datadog-hpa"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_hand_has_deleted_or_emptied_is_back_with_the_next_write_and_nobody_loses_it() {
    let server = ApiServer::empty();
    let mut leader = Replica::synced(&server).await;
    let mut follower = Replica::synced(&server).await;
    let wanted = [fresh("a", "m", "1"), fresh("b", "m", "1")];
    leader.write(&wanted).await.unwrap();
    assert_eq!(follower.told().await, ["a 1", "b 1"]);

    // The leader has not heard of it yet.
    server.delete("datadog-hpa");
    let moved = [fresh("a", "m", "2"), fresh("b", "m", "1")];
    assert_eq!(leader.write(&moved).await, Ok(1));
    assert_eq!(follower.told().await, ["a 2", "b 1"]);

    // The leader has heard of it, by the event that it hears together with others.
    server.edit("datadog-hpa", |map| map["data"] = json!({}));
    server.edit("datadog-hpa", |map| {
        map["data"] = json!({"external_metric-c": "{}"});
    });
    assert_eq!(leader.told().await.len(), 1);
    assert_eq!(leader.write(&moved).await, Ok(1));
    assert_eq!(follower.told().await.len(), 1);
    assert_eq!(follower.told().await, ["a 2", "b 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_write_names_what_to_grant_and_is_not_tried_again() {
    let server = ApiServer::empty();
    let leader = Replica::synced(&server).await;
    server.fail("POST", 403, usize::MAX);
    assert_eq!(
        leader.write(&[]).await,
        Err(
            "metrics cannot be kept in ConfigMap default/datadog-hpa: the API server forbids it (not now): grant this \
             server's ServiceAccount get, list, watch, create, patch and delete on this configmap and on those that \
             continue it, in its namespace"
                .to_owned()
        )
    );
    assert_eq!(server.asked("POST"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_is_asked_again_and_not_for_ever() {
    let server = ApiServer::empty();
    let leader = Replica::synced(&server).await;
    server.fail("POST", 503, 2);
    assert_eq!(leader.write(&[]).await, Ok(1));
    assert_eq!(server.asked("POST"), 3);

    server.fail("PATCH", 503, usize::MAX);
    let wanted = [fresh("a", "m", "1")];
    assert_eq!(
        leader.write(&wanted).await,
        Err(
            "metrics cannot be kept in ConfigMap default/datadog-hpa: the API server answers 503: not now"
                .to_owned()
        )
    );
    assert_eq!(server.asked("PATCH"), 1 + PAUSES.len());
}

#[tokio::test(start_paused = true)]
async fn two_that_write_at_once_come_to_what_is_wanted() {
    let server = ApiServer::empty();
    let (one, other) = (
        Replica::synced(&server).await,
        Replica::synced(&server).await,
    );
    let wanted = ["a", "b", "c"].map(|asker| fresh(asker, "m", "1"));
    let (first, second) = tokio::join!(one.write(&wanted), other.write(&wanted));
    assert_eq!(first.unwrap() + second.unwrap(), 1);
    assert_eq!(
        server.object("datadog-hpa")["data"]
            .as_object()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_further_config_map_is_found_by_its_label_and_gets_it_back() {
    let server = ApiServer::empty();
    let leader = Replica::synced(&server).await;
    let size = Size {
        room: 500,
        most: 600,
    };
    leader.kept.state.lock().objects = KeptObjects::of_size(place(), size);
    let wanted = ["a", "b", "c", "d"].map(|asker| fresh(asker, "m", "1"));
    assert_eq!(leader.write(&wanted).await, Ok(2));
    let mut follower = Replica::of(&server);
    let told = [follower.told().await, follower.told().await].concat();
    assert_eq!(told, ["a 1", "b 1", "c 1", "d 1"]);

    // Without its label it is as good as gone; the name is ours all the same.
    server.edit("datadog-hpa-2", |map| map["metadata"]["labels"] = json!({}));
    let mut next = Replica::synced(&server).await;
    next.kept.state.lock().objects.resize(size);
    assert_eq!(next.write(&wanted).await, Ok(1));
    assert_eq!(next.told().await, ["c 1", "d 1"]);
    assert_eq!(
        server.object("datadog-hpa-2")["metadata"]["labels"],
        json!({"custom-metrics.datadoghq.com/continues": "datadog-hpa"})
    );
    // What is wanted no longer goes, and then the object does.
    assert_eq!(next.write(&wanted[..2]).await, Ok(1));
    assert_eq!(next.write(&wanted[..2]).await, Ok(1));
    assert_eq!(server.written().last().unwrap(), "DELETE datadog-hpa-2");
}

#[tokio::test(start_paused = true)]
async fn a_config_map_that_is_refused_keeps_no_other_from_being_written() {
    let server = ApiServer::empty();
    let leader = Replica::synced(&server).await;
    let size = Size {
        room: 500,
        most: 600,
    };
    leader.kept.state.lock().objects = KeptObjects::of_size(place(), size);
    let at = |value: &str| ["a", "b", "c", "d"].map(|asker| fresh(asker, "m", value));
    assert_eq!(leader.write(&at("1")).await, Ok(2));
    // Somebody has made the first immutable.
    server.fail("PATCH", 422, 1);
    assert_eq!(
        leader.write(&at("2")).await,
        Err(
            "metrics cannot be kept in ConfigMap default/datadog-hpa: the API server answers 422: not now"
                .to_owned()
        )
    );
    assert_eq!(server.written().last().unwrap(), "PATCH datadog-hpa-2");
    assert_eq!(server.asked("PATCH"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_where_it_goes_to_is_not_taken_away_from_where_it_is() {
    let server = ApiServer::empty();
    let leader = Replica::synced(&server).await;
    let size = Size {
        room: 500,
        most: 600,
    };
    leader.kept.state.lock().objects = KeptObjects::of_size(place(), size);
    let wanted = ["a", "b"].map(|asker| fresh(asker, "m", "1"));
    assert_eq!(leader.write(&wanted).await, Ok(1));
    let grown = ["a", "b"].map(|asker| KeptMetric {
        query: Some("q".repeat(150).into()),
        ..fresh(asker, "m", "1")
    });
    server.fail("POST", 403, 1);
    leader.write(&grown).await.unwrap_err();
    assert_eq!(server.written(), ["POST datadog-hpa"]);
    assert_eq!(leader.write(&grown).await, Ok(2));
}
