//! The client asks the simulated Datadog, and understands each other's ways.
#![cfg(feature = "simulator")]

use std::{collections::BTreeMap, slice, sync::Arc, time::Duration};

use bytes::Bytes;
use datadog_query::{
    Answers, ApiVersion, BatchLimits, Client, Endpoint, Error, ExchangeError, Keys, NoValue, Point,
    Query, Window, simulator::Simulator,
};
use http::Request;
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-01-02 03:00:15 UTC);

/// What becomes of these queries, asked together over five minutes.
fn asked(scenario: &str, queries: &[Query]) -> Answers {
    asked_of(ApiVersion::V1, scenario, queries)
}

fn asked_of(version: ApiVersion, scenario: &str, queries: &[Query]) -> Answers {
    let scenario = serde_saphyr::from_str(scenario).expect("the scenario is written below");
    let simulator = Arc::new(Simulator::new(scenario, NOW));
    let datadog = tower::service_fn(move |request: Request<Bytes>| {
        let answer = simulator.answer(&request, NOW);
        async { Ok::<_, ExchangeError>(answer.response) }
    });
    let keys = Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words");
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's");
    let window = Window::ending(NOW, Duration::from_secs(300));
    let client = Client::new(endpoint, keys, datadog).with_limits(BatchLimits {
        version,
        ..BatchLimits::default()
    });
    futures_executor::block_on(client.values(queries.to_vec(), window, NOW))
}

fn query(text: &str) -> Query {
    Query::written(text).expect("the query is written below")
}

const SERIES: &str = "
series:
  - { metric: level, tags: { host: a }, shape: { constant: 1 } }
  - { metric: level, tags: { host: b }, shape: { constant: 3 } }
  - { metric: hits, type: count, shape: { constant: 60 } }
";

#[test]
fn a_query_that_cannot_be_answered_costs_its_neighbours_nothing() {
    let [level, hits, hosts, unknown, bad] = [
        "avg:level{*}.rollup(30)",
        "sum:hits{*}.as_rate().rollup(20)",
        "avg:level{*} by {host}.rollup(30)",
        "avg:unknown{*}.rollup(30)",
        "p95:level{*}.rollup(30)",
    ]
    .map(query);
    let answers = asked(
        SERIES,
        &[&level, &hits, &hosts, &unknown, &bad].map(Query::clone),
    );
    // Both leave out the bucket that is open now, in which the rate is half of what it is.
    let point = |time, value| Ok(Point { time, value });
    let refused = Error::InvalidQuery {
        status: 400,
        text: "configuration error :: type: missing_aggregation :: aggregations: AGG_P95"
            .to_owned(),
    };
    let scopes = vec!["host:a".to_owned(), "host:b".to_owned()];
    let expected = BTreeMap::from([
        (level, point(datetime!(2026-01-02 02:59:30 UTC), 2.0)),
        (hits, point(datetime!(2026-01-02 02:59:40 UTC), 6.0)),
        (hosts, Err(NoValue::SeveralSeries { count: 2, scopes })),
        (
            unknown,
            Err(NoValue::NoSeries {
                span: Duration::from_secs(300),
            }),
        ),
        (bad, Err(NoValue::Failed(Arc::new(refused)))),
    ]);
    assert_eq!(answers.by_query, expected);
}

#[test]
fn a_call_over_the_limit_is_told_when_to_come_again() {
    let level = query("avg:level{*}");
    let answers = asked(
        "rate_limit: { limit: 0, period: 1m }",
        slice::from_ref(&level),
    );
    let Err(NoValue::Failed(error)) = &answers.by_query[&level] else {
        panic!("{answers:?}")
    };
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_secs(45)),
        "{error}"
    );
}

#[test]
fn each_fault_is_understood_as_what_it_is() {
    let level = query("avg:level{*}");
    let rows = [
        ("forbidden", "refused the keys (HTTP 403: Forbidden)"),
        ("missing_permission", "lacks a permission"),
        ("missing_aggregation", "cannot run the query (HTTP 400"),
        ("uri_too_long", "longer than"),
        ("no_data", "no series for this query"),
        ("no_series", "no series for this query"),
        ("too_many_requests", "its rate limit is reached"),
        ("too_many_requests_at_edge", "its rate limit is reached"),
        ("server_error", "failed (HTTP 500"),
        ("bad_gateway", "failed (HTTP 502"),
        ("bad_gateway_page", "failed (HTTP 502"),
        ("gateway_timeout", "failed (HTTP 504"),
        ("status_error", "failed (HTTP 200: Query timed out)"),
        ("status_error_of_query", "cannot run the query (HTTP 200"),
        ("malformed", "not an answer of Datadog's API"),
    ];
    for version in [ApiVersion::V1, ApiVersion::V2] {
        for (fault, expected) in rows {
            let scenario = format!("{SERIES}\nfaults: [ {{ answer: {fault} }} ]");
            let answers = asked_of(version, &scenario, slice::from_ref(&level));
            let reason = answers.by_query[&level]
                .as_ref()
                .map_err(ToString::to_string);
            assert!(
                reason
                    .as_ref()
                    .is_err_and(|reason| reason.contains(expected)),
                "{fault} of {version}: {reason:?}"
            );
        }
    }
}
