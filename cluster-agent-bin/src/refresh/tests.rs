use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use datadog_query::{
    Aggregator, BatchLimits, Budget, Endpoint, ExchangeError, Keys, Rollup,
    simulator::{Scenario, Simulator},
};
use http::Request;
use metrics_store::{Key, Policy, Template, Wishes};
use provider_api::{ExternalMetric, ObjectReference};
use serde_json::json;

use super::*;

impl<S: Exchange + 'static> Refresh<S> {
    /// Makes the calls that are due so long from now, and takes in what they bring.
    async fn after(&mut self, span: Duration) {
        let now = self.clock.now() + span;
        loop {
            self.send(now);
            if self.under_way.is_empty() {
                return;
            }
            while let Some(came) = self.under_way.next().await {
                self.take_in(came, now);
            }
        }
    }
}

/// A store, a Datadog that knows `nginx.requests`, and the way between them.
struct Scene {
    store: Store,
    datadog: Arc<Simulator>,
    /// The Datadog of another site, which is asked where that one fails.
    other: Arc<Simulator>,
    clock: WallClock,
}

impl Scene {
    fn new() -> Self {
        Self::on(WallClock::real())
    }

    fn on(clock: WallClock) -> Self {
        let rollup = Rollup(const { NonZeroU32::new(30).expect("not zero") });
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup,
        };
        let policy = Policy::up_to(Duration::minutes(2), Duration::seconds(30));
        let datadog = |value| {
            let series = json!([{ "metric": "nginx.requests", "tags": { "app": "web" }, "shape": { "constant": value } }]);
            let scenario: Scenario = serde_json::from_value(json!({ "series": series })).unwrap();
            Arc::new(Simulator::new(scenario, clock.now()))
        };
        Self {
            store: Store::new(template, policy, Arc::new(clock)),
            datadog: datadog(7),
            other: datadog(8),
            clock,
        }
    }

    fn demand(&self, metric: &str, selector: &str) -> ExternalMetric {
        let (namespace, name) = ("shop".parse().unwrap(), metric.parse().unwrap());
        let metric = ExternalMetric::new(namespace, name, selector.parse().unwrap());
        let asker = ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: "shop".into(),
            name: "web".into(),
        };
        self.store
            .demand(
                Key {
                    asker,
                    metric: metric.clone(),
                },
                &Wishes::default(),
            )
            .unwrap();
        metric
    }

    fn refresh(&self) -> Refresh<impl Exchange + use<>> {
        let (datadog, other) = (Arc::clone(&self.datadog), Arc::clone(&self.other));
        let clock = self.clock;
        let exchange = tower::service_fn(move |request: Request<Bytes>| {
            let asked = match request.uri().host() {
                Some("api.datadoghq.eu") => &datadog,
                _ => &other,
            };
            let answer = asked.answer(&request, clock.now());
            async { Ok::<_, ExchangeError>(answer.response) }
        });
        let keys = || Keys::new(&"api-key".into(), &"app-key".into()).unwrap();
        let site = |site| Endpoint::of_site(site).unwrap();
        let client = Client::new(site("datadoghq.eu"), keys(), exchange)
            .or_at(site("datadoghq.com"), keys());
        Refresh::new(
            self.store.clone(),
            client,
            Duration::minutes(5),
            Plan::new(
                Duration::seconds(30),
                BatchLimits::default(),
                Budget::keeping_free(10),
                1,
            ),
            Reach::default(),
            self.clock,
        )
    }

    /// What an HPA would be told: the value, or the message.
    fn told(&self, metric: &ExternalMetric) -> Result<String, String> {
        let read = self.store.read(metric, self.clock.now());
        read.map(|reading| reading.sample.value.to_string())
            .map_err(|why| why.refusal(metric).to_string())
    }

    fn calls_to(&self, path: &str) -> usize {
        self.datadog
            .calls()
            .iter()
            .filter(|call| call.path == path)
            .count()
    }
}

#[tokio::test]
async fn a_metric_that_is_silent_is_told_apart_from_one_that_does_not_exist() {
    let scene = Scene::new();
    let [good, silent, unknown] = [
        ("nginx.requests", "app=web"),
        ("nginx.requests", "app=shop"),
        ("nginx.request", "app=web"),
    ]
    .map(|(metric, selector)| scene.demand(metric, selector));
    let mut refresh = scene.refresh();
    for seconds in [0, 40] {
        refresh.after(Duration::seconds(seconds)).await;
    }
    assert_eq!(scene.told(&good), Ok("7".to_owned()));
    let told = scene.told(&silent).unwrap_err();
    assert!(
        told.contains("Datadog has no series for this query in the last 300 s"),
        "{told}"
    );
    let told = scene.told(&unknown).unwrap_err();
    assert!(
        told.contains("Datadog has no metric of this name: check its spelling"),
        "{told}"
    );
    // Whether a name exists is not asked at each refresh.
    assert_eq!(scene.calls_to("/api/v1/metrics/nginx.request"), 1);
    assert_eq!(scene.calls_to("/api/v1/metrics/nginx.requests"), 1);
}

#[tokio::test]
async fn what_is_new_together_is_asked_for_together_and_without_waiting_for_a_period() {
    // A second of the scene's is some milliseconds of ours.
    let scene = Scene::on(WallClock::catching_up(Duration::hours(1), 60.0));
    let news = Notify::new();
    let mut refresh = scene.refresh();
    let applied = async {
        let demand = |number| {
            news.notify_one();
            scene.demand("nginx.requests", &format!("app=web,replica!={number}"))
        };
        let metrics: Vec<_> = (0..40).map(demand).collect();
        while metrics.iter().any(|metric| scene.told(metric).is_err()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        never = refresh.run(&news) => match never {},
        () = applied => {}
    }
    assert_eq!(scene.calls_to("/api/v1/query"), 2);
}

#[tokio::test]
async fn a_reached_limit_is_waited_out_and_then_asked_for_with_one_call() {
    let scene = Scene::new();
    let metrics: Vec<_> = (0..50)
        .map(|number| scene.demand("nginx.requests", &format!("app=web,replica!={number}")))
        .collect();
    let mut refresh = scene.refresh();
    let faults = json!([{ "answer": "too_many_requests_at_edge" }]);
    scene
        .datadog
        .set_faults(serde_json::from_value(faults).unwrap());
    for seconds in [0, 40, 59] {
        refresh.after(Duration::seconds(seconds)).await;
        assert_eq!(scene.calls_to("/api/v1/query"), 1, "after {seconds} s");
    }
    let told = metrics.iter().filter_map(|metric| scene.told(metric).err());
    let refused = told.filter(|told| told.contains("its rate limit is reached"));
    assert_eq!(refused.count(), 35);

    scene.datadog.set_faults(Vec::new());
    refresh.send(scene.clock.now() + Duration::seconds(89));
    assert_eq!(refresh.under_way.len(), 1);
    refresh.after(Duration::seconds(90)).await;
    for metric in &metrics {
        assert_eq!(scene.told(metric), Ok("7".to_owned()));
    }
    assert_eq!(scene.calls_to("/api/v1/query"), 3);
}

#[tokio::test]
async fn a_limit_of_one_endpoint_does_not_keep_another_waiting() {
    let scene = Scene::new();
    let metric = scene.demand("nginx.requests", "app=web");
    let mut refresh = scene.refresh();
    for (datadog, answer) in [
        (&scene.datadog, "bad_gateway"),
        (&scene.other, "too_many_requests_at_edge"),
    ] {
        let faults = json!([{ "answer": answer }]);
        datadog.set_faults(serde_json::from_value(faults).unwrap());
    }
    refresh.after(Duration::ZERO).await;
    let told = scene.told(&metric).unwrap_err();
    assert!(told.contains("its rate limit is reached"), "{told}");
    scene.datadog.set_faults(Vec::new());
    // A limit that nothing is told of is waited out for a minute, and an endpoint that failed is
    // tried again after half of one.
    refresh.after(Duration::seconds(40)).await;
    assert_eq!(scene.told(&metric), Ok("7".to_owned()));
    assert_eq!(scene.other.calls().len(), 1);
}

#[tokio::test]
async fn a_name_that_one_endpoint_lacks_is_looked_up_at_another() {
    let scene = Scene::new();
    let metric = scene.demand("nginx.requests", "app=shop");
    scene.datadog.set_series(Vec::new());
    let mut refresh = scene.refresh();
    refresh.after(Duration::ZERO).await;
    let told = scene.told(&metric).unwrap_err();
    assert!(told.contains("no metric of this name"), "{told}");
    let faults = json!([{ "answer": "bad_gateway" }]);
    scene
        .datadog
        .set_faults(serde_json::from_value(faults).unwrap());
    for seconds in [90, 180] {
        refresh.after(Duration::seconds(seconds)).await;
    }
    let told = scene.told(&metric).unwrap_err();
    assert!(
        told.contains("Datadog has no series for this query"),
        "{told}"
    );
}

#[tokio::test]
async fn a_name_that_datadog_lacked_is_looked_up_again_after_a_while() {
    let scene = Scene::new();
    scene.demand("nginx.request", "app=web");
    let mut refresh = scene.refresh();
    for (seconds, times) in [(0, 1), (90, 1), (660, 2)] {
        refresh.after(Duration::seconds(seconds)).await;
        let looks = scene.calls_to("/api/v1/metrics/nginx.request");
        assert_eq!(looks, times, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_name_that_datadog_lacked_is_known_once_a_series_of_it_is_seen() {
    let scene = Scene::new();
    let silent = scene.demand("nginx.requests", "app=shop");
    scene.datadog.set_series(Vec::new());
    let mut refresh = scene.refresh();
    refresh.after(Duration::ZERO).await;
    let why = || scene.told(&silent).unwrap_err();
    assert!(why().contains("no metric of this name"), "{}", why());
    let series = json!([{ "metric": "nginx.requests", "tags": { "app": "web" }, "shape": { "constant": 7 } }]);
    scene
        .datadog
        .set_series(serde_json::from_value(series).unwrap());
    let seen = scene.demand("nginx.requests", "app=web");
    for seconds in [40, 180] {
        refresh.after(Duration::seconds(seconds)).await;
    }
    assert!(scene.told(&seen).is_ok());
    assert!(why().contains("no series for this query"), "{}", why());
    assert_eq!(scene.calls_to("/api/v1/metrics/nginx.requests"), 1);
}

#[tokio::test]
async fn what_was_asked_by_one_that_is_no_more_is_asked_again_at_once() {
    let scene = Scene::new();
    let metric = scene.demand("nginx.requests", "app=web");
    let mut dropped = scene.refresh();
    dropped.send(scene.clock.now());
    drop(dropped);
    let mut refresh = scene.refresh();
    let news = Notify::new();
    let is_told = async {
        while scene.told(&metric).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        never = refresh.run(&news) => match never {},
        told = tokio::time::timeout(std::time::Duration::from_secs(30), is_told) => told.unwrap(),
    }
}
