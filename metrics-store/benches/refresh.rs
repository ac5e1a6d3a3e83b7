//! What a refresh costs us: a thousand queries to Datadog, and each of their
//! answers into the store. Datadog's own time and the network's are not in it:
//! the replies were written beforehand, by the simulated Datadog.

mod cluster;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use cluster::{NAME, NOW, metric};
use datadog_query::{
    Answers, Batch, BatchLimits, Budget, Client, Endpoint, Exchange, ExchangeError, Keys, Point,
    Query, Window, batches,
    simulator::{Scenario, Simulator},
};
use divan::{Bencher, black_box, counter::BytesCount};
use futures_executor::block_on;
use http::{Request, Response, Uri};
use metrics_store::{Answer, Plan, Reading, Store};
use serde_json::json;
use time::{OffsetDateTime, macros::datetime};

const METRICS: usize = 1_000;
const MEASURED: OffsetDateTime = datetime!(2026-01-02 02:59:30 UTC);

fn main() {
    divan::main();
}

#[divan::bench]
fn a_refresh_of_1000_metrics(bencher: Bencher<'_, '_>) {
    let store = cluster::store(METRICS);
    let client = client(prepared(store.queries()));
    assert_eq!(refresh(&client, &store), 29);
    for number in [0, METRICS - 1] {
        let Reading { sample, .. } = store.read(&metric(number), NOW).expect("it was answered");
        assert_eq!(
            (sample.value, sample.time),
            (level(number).into(), MEASURED)
        );
    }
    bencher.bench_local(|| refresh(&client, &store));
}

/// Everything is due, and goes out in 286 calls.
#[divan::bench]
fn a_plan_of_10_000_queries(bencher: Bencher<'_, '_>) {
    let store = cluster::store(10_000);
    let mut plan = plan();
    let mut now = NOW;
    bencher.bench_local(|| {
        // What was asked an hour ago and not answered is due again.
        now += time::Duration::HOUR;
        let next = store.next(&mut plan, now);
        assert_eq!(next.calls.len(), 286);
        next
    });
}

/// One call, which takes the most urgent of them.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn the_next_call(bencher: Bencher<'_, '_>, queries: usize) {
    let store = cluster::store(queries);
    let mut plan = plan();
    store.next(&mut plan, NOW);
    for query in store.queries() {
        store.record(&query, value(), NOW);
    }
    let mut now = NOW + time::Duration::minutes(1);
    bencher.bench_local(|| {
        now += time::Duration::milliseconds(105);
        store.next(&mut plan, now)
    });
}

/// A plan of an account without a limit.
fn plan() -> Plan {
    let period = time::Duration::seconds(30);
    let mut plan = Plan::new(period, BatchLimits::default(), Budget::keeping_free(10), 1);
    plan.answered(&Answers::default(), NOW);
    plan
}

fn value() -> Answer {
    let (time, value) = (MEASURED, 42.0);
    Answer::Value(Point { time, value })
}

/// What is left of the refresh without Datadog.
#[divan::bench]
fn a_thousand_answers_recorded(bencher: Bencher<'_, '_>) {
    let store = cluster::store(METRICS);
    let client = client(prepared(store.queries()));
    let answers = block_on(client.values(store.queries(), window(), NOW)).by_query;
    assert_eq!(answers.len(), METRICS);
    assert!(answers.values().all(Result::is_ok));
    bencher.bench_local(|| {
        for (query, answer) in &answers {
            store.record(query, answer.clone().into(), NOW);
        }
    });
}

#[divan::bench]
fn a_call_answered_with_35_series(bencher: Bencher<'_, '_>) {
    let batch = batch();
    let replies = prepared(batch.queries().to_vec());
    let bytes: usize = replies.values().map(Bytes::len).sum();
    let client = client(replies);
    let reply = block_on(client.ask(&batch, window())).expect("the reply is well-formed");
    assert_eq!(
        (reply.series.len(), reply.series[34].points.len()),
        (35, 10)
    );
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| block_on(client.ask(black_box(&batch), window())));
}

/// The same call without a reply to read: its address is made, and it fails.
#[divan::bench]
fn a_call_of_35_queries_without_an_answer(bencher: Bencher<'_, '_>) {
    let batch = batch();
    let client = client(HashMap::new());
    assert!(block_on(client.ask(&batch, window())).is_err());
    bencher.bench_local(|| block_on(client.ask(black_box(&batch), window())));
}

/// Asks for everything and records what came back; tells the number of calls.
fn refresh(client: &Client<impl Exchange>, store: &Store) -> u32 {
    let answers = block_on(client.values(store.queries(), window(), NOW));
    for (query, answer) in answers.by_query {
        store.record(&query, Answer::from(answer), NOW);
    }
    answers.calls
}

fn window() -> Window {
    Window::ending(NOW, Duration::from_secs(300))
}

/// A full call.
fn batch() -> Batch {
    let (batches, _) = batches(cluster::store(METRICS).queries(), BatchLimits::default());
    batches.into_iter().next().expect("there are queries")
}

/// The value of a metric: each has its own.
fn level(number: usize) -> i64 {
    number.try_into().expect("numbers are small")
}

/// The simulated Datadog's replies to these queries, by the address of the call.
fn prepared(queries: Vec<Query>) -> HashMap<Uri, Bytes> {
    let replies = Arc::new(Mutex::new(HashMap::new()));
    let simulator = Arc::new(Simulator::new(scenario(), NOW));
    let datadog = tower::service_fn({
        let replies = Arc::clone(&replies);
        move |request: Request<Bytes>| {
            let response = simulator.answer(&request, NOW).response;
            replies
                .lock()
                .expect("nobody panicked")
                .insert(request.uri().clone(), response.body().clone());
            async { Ok::<_, ExchangeError>(response) }
        }
    });
    let asked = Client::new(endpoint(), keys(), datadog);
    let answers = block_on(asked.values(queries, window(), NOW));
    assert!(answers.by_query.values().all(Result::is_ok));
    std::mem::take(&mut replies.lock().expect("nobody panicked"))
}

fn scenario() -> Scenario {
    let series = (0..METRICS).map(|number| {
        json!({
            "metric": NAME,
            "tags": { "kube_container_name": "nginx", "kube_deployment": format!("web-{number}") },
            "shape": { "constant": number },
        })
    });
    serde_json::from_value(json!({ "series": series.collect::<Vec<_>>() }))
        .expect("a scenario as documented")
}

/// A client of a Datadog that only looks its replies up.
fn client(replies: HashMap<Uri, Bytes>) -> Client<impl Exchange> {
    let replies = Arc::new(replies);
    let datadog = tower::service_fn(move |request: Request<Bytes>| {
        let reply = replies.get(request.uri()).cloned().map(Response::new);
        async { reply.ok_or(ExchangeError::GivenUp) }
    });
    Client::new(endpoint(), keys(), datadog)
}

fn endpoint() -> Endpoint {
    Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's")
}

fn keys() -> Keys {
    Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words")
}
