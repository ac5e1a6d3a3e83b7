//! Either version of the query route makes the same values of the same account.
#![cfg(feature = "simulator")]

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use datadog_query::{
    Answers, ApiVersion, BatchLimits, Client, Endpoint, ExchangeError, Keys, Query, Reading,
    Window, simulator::Simulator,
};
use http::Request;
use proptest::prelude::*;
use time::{OffsetDateTime, macros::datetime};

const START: OffsetDateTime = datetime!(2026-01-02 03:00:00 UTC);

/// What becomes of these queries so many seconds after the start, four of them in each call.
fn asked(
    version: ApiVersion,
    scenario: &str,
    queries: &[String],
    reading: Reading,
    seconds: i64,
) -> Answers {
    let now = START + time::Duration::seconds(seconds);
    let scenario = serde_saphyr::from_str(scenario).expect("the scenario is written below");
    let simulator = Arc::new(Simulator::new(scenario, START));
    let datadog = tower::service_fn(move |request: Request<Bytes>| {
        let answer = simulator.answer(&request, now);
        async { Ok::<_, ExchangeError>(answer.response) }
    });
    let keys = Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words");
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's");
    let limits = BatchLimits {
        version,
        queries: NonZeroUsize::new(4).expect("not zero"),
        ..BatchLimits::default()
    };
    let client = Client::new(endpoint, keys, datadog)
        .with_limits(limits)
        .with_reading(reading);
    let queries = queries
        .iter()
        .map(|text| Query::written(text).expect("it is one query"));
    let window = Window::ending(now, Duration::from_secs(300));
    let answers = futures_executor::block_on(client.values(queries, window, now));
    Answers {
        // Version 2 tells nothing of it.
        rate_limit: None,
        ..answers
    }
}

const SERIES: &str = "
series:
  - { metric: level, tags: { host: a }, shape: { wave: { mean: 50, amplitude: 40, period: 2m } } }
  - { metric: level, tags: { host: b }, delay: 25s, shape: { constant: 3 } }
  - { metric: hits, type: count, shape: { line: [ { at: 0s, value: 0 }, { at: 600s, value: 600 } ] } }
  - { metric: rare, type: count, shape: { points: [ [ 0s, 1 ], [ 95s, 2 ], [ 230s, 0.5 ] ] } }
  - { metric: broken, interval: 15s, gaps: [ { from: 30s, for: 4m } ], shape: { constant: 1.25 } }
  - { metric: young, shape: { points: [ [ 200s, 7 ] ] } }
";

/// One query, bad ones and such without data among them. Each tells how wide its buckets
/// are: where a query does not, version 2 has to assume the worst.
fn query() -> impl Strategy<Value = String> {
    let series = [
        "avg:level{*}",
        "max:level{host:a}",
        "avg:level{*} by {host}",
        "avg:level{host:c}",
        "sum:hits{*}.as_count()",
        "hits{*}.as_rate()",
        "sum:rare{*}.as_count()",
        "avg:broken{*}",
        "avg:broken{*}.fill(last, 60)",
        "avg:young{*}",
        "avg:unknown{*}",
        "p95:level{*}",
    ];
    let width = prop::sample::select(vec![5, 10, 30, 60, 300]);
    (prop::sample::select(series.to_vec()), width)
        .prop_map(|(series, width)| format!("{series}.rollup({width})"))
}

/// Which point is the value, and what becomes of several series.
fn reading() -> impl Strategy<Value = Reading> {
    let modes = ["last-complete", "penultimate", "last", "avg:3", "max:2"];
    let several = ["refuse", "sum", "min"];
    let (modes, several) = (modes.to_vec(), several.to_vec());
    let settling = prop::sample::select(vec![0, 20]);
    let parts = (
        prop::sample::select(modes),
        settling,
        prop::sample::select(several),
    );
    parts.prop_map(|(mode, settling, several)| Reading {
        mode: mode.parse().expect("it is a mode"),
        settling: Duration::from_secs(settling),
        several: several.parse().expect("it is one of them"),
    })
}

/// What goes wrong with all calls, or with those that mention a metric.
fn fault() -> impl Strategy<Value = String> {
    let answers = [
        "forbidden",
        "missing_permission",
        "missing_aggregation",
        "uri_too_long",
        "no_data",
        "no_series",
        "too_many_requests",
        "too_many_requests_at_edge",
        "bad_gateway",
        "bad_gateway_page",
        "gateway_timeout",
        "status_error",
        "status_error_of_query",
    ];
    let metric = prop::sample::select(vec!["", ", metric: hits", ", metric: rare"]);
    (prop::sample::select(answers.to_vec()), metric)
        .prop_map(|(answer, metric)| format!("faults: [ {{ answer: {answer}{metric} }} ]"))
}

proptest! {
    #[test]
    fn both_versions_have_the_same_answers(
        queries in prop::collection::vec(query(), 1..12),
        fault in prop::option::weighted(0.5, fault()),
        // Never at the instant of a sample: version 2 leaves the end of its window out.
        reading in reading(),
        seconds in (0_i64..80, 1_i64..5).prop_map(|(fives, rest)| fives * 5 + rest),
    ) {
        let scenario = format!("{SERIES}\n{}", fault.unwrap_or_default());
        let [v1, v2] = [ApiVersion::V1, ApiVersion::V2]
            .map(|version| asked(version, &scenario, &queries, reading, seconds));
        prop_assert_eq!(v1, v2);
    }
}

#[test]
fn a_query_without_a_rollup_is_served_no_earlier_by_version_2() {
    let queries = ["avg:level{host:a}", "hits{*}.as_rate()", "avg:young{*}"].map(str::to_owned);
    for seconds in 200..260 {
        let [v1, v2] = [ApiVersion::V1, ApiVersion::V2]
            .map(|version| asked(version, SERIES, &queries, Reading::default(), seconds).by_query);
        for (query, served) in v2 {
            if let (Ok(served), Ok(first)) = (served, &v1[&query]) {
                assert!(served.time <= first.time, "{query} after {seconds} s");
            }
        }
    }
}
