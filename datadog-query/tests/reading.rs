//! How answers become values, looked at every few seconds against what truly was.
#![cfg(feature = "simulator")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use datadog_query::{
    Aggregator, Client, Endpoint, ExchangeError, Keys, Point, Query, Reading, SeveralSeries,
    Window, simulator::Simulator,
};
use http::Request;
use time::{OffsetDateTime, macros::datetime};

const START: OffsetDateTime = datetime!(2026-01-02 03:00:00 UTC);

/// When each value was read and of when it is, both in seconds from the start, and the value:
/// for a quarter of an hour, every five seconds.
fn values(scenario: &str, query: &str, reading: Reading) -> Vec<(i64, i64, f64)> {
    let scenario = serde_saphyr::from_str(scenario).expect("the scenario is written below");
    let simulator = Arc::new(Simulator::new(scenario, START));
    let keys = Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words");
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's");
    let query = Query::written(query).expect("the query is written below");
    let second = |time: OffsetDateTime| (time - START).whole_seconds();
    let at = |now| {
        let simulator = Arc::clone(&simulator);
        let datadog = tower::service_fn(move |request: Request<Bytes>| {
            let answer = simulator.answer(&request, now);
            async { Ok::<_, ExchangeError>(answer.response) }
        });
        let client = Client::new(endpoint.clone(), keys.clone(), datadog).with_reading(reading);
        let window = Window::ending(now, Duration::from_secs(300));
        let answers = futures_executor::block_on(client.values([query.clone()], window, now));
        match answers.by_query[&query] {
            Ok(Point { time, value }) => (second(now), second(time), value),
            Err(ref why) => panic!("at {} s: {why}", second(now)),
        }
    };
    (0..180)
        .map(|step| at(START + Duration::from_secs(5) * step))
        .collect()
}

/// `b` is always late, `c` goes away after five minutes, `d` comes after ten.
const REPLICAS: &str = "
series:
  - { metric: queue, tags: { pod: a }, shape: { constant: 1 } }
  - { metric: queue, tags: { pod: b }, shape: { constant: 10 }, delay: 45s }
  - { metric: queue, tags: { pod: c }, shape: { constant: 100 }, gaps: [ { from: 5m } ] }
  - { metric: queue, tags: { pod: d }, shape: { constant: 1000 }, gaps: [ { for: 10m } ] }
";

#[test]
fn a_sum_of_replicas_is_never_a_number_that_was_not_and_never_older_than_two_minutes() {
    let reading = Reading {
        several: SeveralSeries::Merged(Aggregator::Sum),
        ..Reading::default()
    };
    for (now, time, value) in values(REPLICAS, "avg:queue{*} by {pod}.rollup(30)", reading) {
        let true_then = match time {
            ..300 => 111.0,
            300..600 => 11.0,
            _ => 1011.0,
        };
        assert_eq!(value, true_then, "at {now} s, of {time} s");
        assert!(now - time <= 120, "at {now} s, of {time} s");
    }
}

/// Each ten seconds bring 60, and are told a quarter of a minute later.
const LATE_COUNT: &str = "
series:
  - { metric: hits, type: count, interval: 10s, delay: 15s, shape: { constant: 60 } }
";

#[test]
fn a_count_that_arrives_late_is_whole_once_it_has_settled_and_not_before() {
    let hits = |settling| {
        let reading = Reading {
            settling: Duration::from_secs(settling),
            ..Reading::default()
        };
        values(
            LATE_COUNT,
            "sum:hits{*}.as_count().rollup(sum, 30)",
            reading,
        )
    };
    assert!(hits(0).iter().any(|(_, _, value)| *value < 180.0));
    for (now, time, value) in hits(15) {
        assert_eq!(value, 180.0, "at {now} s, of {time} s");
        assert!(now - time < 75, "at {now} s, of {time} s");
    }
}
