//! What a full call costs us: 35 queries, and for each a series of 20 points in the answer.
//! Datadog's own time and the network's are not in it.

use std::time::Duration;

use bytes::Bytes;
use datadog_query::{
    ApiVersion, Batch, BatchLimits, Client, Endpoint, Exchange, ExchangeError, Keys, Query, Reply,
    Series, Slot, Unit, Window, batches,
};
use divan::{Bencher, black_box, counter::BytesCount};
use futures_executor::block_on;
use http::{Request, Response};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

const START: OffsetDateTime = datetime!(2026-01-02 03:00:00 UTC);
const QUERIES: usize = 35;
const POINTS: usize = 20;
const WIDTH: Duration = Duration::from_secs(30);

fn main() {
    divan::main();
}

#[divan::bench(args = [ApiVersion::V1, ApiVersion::V2])]
fn a_call_answered_with_35_series_of_20_points(bencher: Bencher<'_, '_>, version: ApiVersion) {
    let body = Bytes::from(match version {
        ApiVersion::V1 => body_v1().to_string(),
        ApiVersion::V2 => body_v2().to_string(),
    });
    let (batch, bytes) = (batch(), body.len());
    let client = client(version, Ok(body));
    assert!(
        ask(&client, &batch) == Some(expected(version)),
        "what is read is not what was written"
    );
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| ask(&client, black_box(&batch)));
}

/// The same call without an answer to read: its request is made, and it fails.
#[divan::bench(args = [ApiVersion::V1, ApiVersion::V2])]
fn a_call_of_35_queries_without_an_answer(bencher: Bencher<'_, '_>, version: ApiVersion) {
    let (batch, client) = (batch(), client(version, Err(ExchangeError::GivenUp)));
    assert_eq!(ask(&client, &batch), None);
    bencher.bench_local(|| ask(&client, black_box(&batch)));
}

fn ask(client: &Client<impl Exchange>, batch: &Batch) -> Option<Reply> {
    let window = Window::ending(
        START + 600 * time::Duration::SECOND,
        Duration::from_secs(600),
    );
    block_on(client.ask(batch, window)).ok()
}

/// A client of a Datadog that always answers this.
fn client(version: ApiVersion, answer: Result<Bytes, ExchangeError>) -> Client<impl Exchange> {
    let datadog = tower::service_fn(move |_: Request<Bytes>| {
        let answer = answer.clone().map(Response::new);
        async { answer }
    });
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("a site of Datadog's");
    let keys = Keys::new(&"api".into(), &"app".into()).expect("plain words");
    Client::new(endpoint, keys, datadog).with_limits(BatchLimits {
        version,
        ..BatchLimits::default()
    })
}

fn batch() -> Batch {
    let queries = (0..QUERIES).map(|number| {
        let text = format!(
            "avg:nginx.net.request_per_s{{{}}}.rollup(30)",
            scope(number)
        );
        Query::written(&text).expect("a query")
    });
    let (mut batches, _) = batches(queries, BatchLimits::default());
    batches.remove(0)
}

fn scope(number: usize) -> String {
    format!("kube_container_name:nginx,kube_deployment:web-{number}")
}

/// The time of a point in milliseconds.
fn time(point: usize) -> i64 {
    let seconds = WIDTH.as_secs() * point as u64;
    (START.unix_timestamp() + seconds.cast_signed()) * 1000
}

/// With as many digits as in the recorded answers.
fn value(number: usize, point: usize) -> f64 {
    ((number * POINTS + point) * 1_037_001) as f64 / 1e6
}

fn expected(version: ApiVersion) -> Reply {
    let series = (0..QUERIES).map(|number| {
        let slot = |point| Slot {
            time: START + WIDTH * u32::try_from(point).expect("there are few"),
            value: Some(value(number, point)),
        };
        Series {
            query_index: Some(number),
            interval: Some(WIDTH),
            scope: match version {
                ApiVersion::V1 => scope(number),
                ApiVersion::V2 => String::new(),
            },
            unit: Some(Unit {
                name: Some("request".to_owned()),
                per: Some("second".to_owned()),
            }),
            points: (0..POINTS).map(slot).collect(),
        }
    });
    Reply {
        series: series.collect(),
        rate_limit: None,
    }
}

fn unit() -> Value {
    json!([
        { "family": "network", "id": 19, "name": "request", "plural": "requests",
          "scale_factor": 1.0, "short_name": "req" },
        { "family": "time", "id": 11, "name": "second", "plural": "seconds",
          "scale_factor": 1.0, "short_name": "s" },
    ])
}

/// All fields of a recorded answer.
fn body_v1() -> Value {
    let series = (0..QUERIES).map(|number| {
        let points: Vec<_> = (0..POINTS)
            .map(|point| (time(point) as f64, value(number, point)))
            .collect();
        let scope = scope(number);
        json!({
            "metric": "nginx.net.request_per_s", "display_name": "nginx.net.request_per_s",
            "expression": format!("avg:nginx.net.request_per_s{{{scope}}}.rollup(30)"),
            "scope": scope, "tag_set": [], "query_index": number, "aggr": "avg", "unit": unit(),
            "start": time(0), "end": time(POINTS) - 1000, "interval": 30, "length": POINTS,
            "attributes": {}, "pointlist": points,
        })
    });
    json!({
        "status": "ok", "resp_version": 1, "res_type": "time_series", "message": "",
        "query": batch().joined(), "from_date": time(0), "to_date": time(POINTS),
        "times": [], "values": [], "group_by": [], "series": series.collect::<Vec<_>>(),
    })
}

fn body_v2() -> Value {
    let series = (0..QUERIES)
        .map(|number| json!({ "group_tags": [], "query_index": number, "unit": unit() }));
    let values = (0..QUERIES).map(|number| {
        let row = (0..POINTS).map(|point| value(number, point));
        row.collect::<Vec<_>>()
    });
    let times: Vec<_> = (0..POINTS).map(time).collect();
    let attributes = json!({
        "series": series.collect::<Vec<_>>(), "times": times, "values": values.collect::<Vec<_>>(),
    });
    json!({ "data": { "id": "0", "type": "timeseries_response", "attributes": attributes } })
}
