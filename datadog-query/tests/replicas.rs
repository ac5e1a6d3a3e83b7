//! A merge over replicas that come, are late and go, looked at every five seconds.
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
    let scenario = serde_saphyr::from_str(REPLICAS).expect("the scenario is written above");
    let simulator = Arc::new(Simulator::new(scenario, START));
    let keys = Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words");
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's");
    let query = Query::written("avg:queue{*} by {pod}.rollup(30)").expect("a plain query");
    let reading = Reading {
        several: SeveralSeries::Merged(Aggregator::Sum),
        ..Reading::default()
    };
    let second = |time: OffsetDateTime| (time - START).whole_seconds();
    for step in 0..180 {
        let now = START + Duration::from_secs(5) * step;
        let simulator = Arc::clone(&simulator);
        let datadog = tower::service_fn(move |request: Request<Bytes>| {
            let answer = simulator.answer(&request, now);
            async { Ok::<_, ExchangeError>(answer.response) }
        });
        let client = Client::new(endpoint.clone(), keys.clone(), datadog).with_reading(reading);
        let window = Window::ending(now, Duration::from_secs(300));
        let answers = futures_executor::block_on(client.values([query.clone()], window, now));
        let Ok(Point { time, value }) = answers.by_query[&query] else {
            panic!("{} s: {:?}", second(now), answers.by_query[&query]);
        };
        let true_then = match second(time) {
            ..300 => 111.0,
            300..600 => 11.0,
            _ => 1011.0,
        };
        assert_eq!(
            value,
            true_then,
            "at {} s, of {} s",
            second(now),
            second(time)
        );
        let age = second(now) - second(time);
        assert!(age <= 120, "at {} s, {age} s old", second(now));
    }
}
