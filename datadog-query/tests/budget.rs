//! Many queries under small limits, against the simulated Datadog, while others take half.
#![cfg(feature = "simulator")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use datadog_query::{
    Budget, Client, Endpoint, ExchangeError, Keys, NoValue, Query, Window, simulator::Simulator,
};
use http::{Request, StatusCode};
use parking_lot::Mutex;
use time::{OffsetDateTime, macros::datetime};

const START: OffsetDateTime = datetime!(2026-01-02 03:00:15 UTC);
const HOURS: i64 = 3;

/// What three hours were like.
#[derive(Debug)]
struct Outcome {
    calls: u32,
    refused: usize,
    /// The longest time between two values of one query.
    oldest: Duration,
}

/// Two thousand queries, wanted every 30 seconds.
fn three_hours(
    limit: u64,
    mut pause: impl FnMut(&datadog_query::Answers, Duration) -> Duration,
) -> Outcome {
    let scenario = format!("{{ rate_limit: {{ limit: {limit}, period: 1h }} }}");
    let scenario = serde_saphyr::from_str(&scenario).expect("it is written above");
    let simulator = Arc::new(Simulator::new(scenario, START));
    let now = Arc::new(Mutex::new(START));
    let datadog = {
        let (simulator, now) = (Arc::clone(&simulator), Arc::clone(&now));
        tower::service_fn(move |request: Request<Bytes>| {
            let answer = simulator.answer(&request, *now.lock());
            async { Ok::<_, ExchangeError>(answer.response) }
        })
    };
    let keys = Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words");
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's");
    let client = Client::new(endpoint, keys, datadog);
    let queries: Vec<_> = (0..2000)
        .map(|n| Query::written(&format!("avg:m{n}{{*}}.rollup(30)")).expect("a query"))
        .collect();

    let end = START + time::Duration::hours(HOURS);
    let (mut calls, mut refused) = (0, 0);
    let (mut oldest, mut since) = (Duration::ZERO, Duration::ZERO);
    let mut others = 0.0;
    let mut at = START;
    let mut answered = START;
    while at < end {
        *now.lock() = at;
        let window = Window::ending(at, Duration::from_secs(300));
        let answers = futures_executor::block_on(client.values(queries.clone(), window, at));
        calls += answers.calls;
        let is_refused = |answer: &&Result<_, NoValue>| matches!(answer, Err(NoValue::Failed(_)));
        let without = answers.by_query.values().filter(is_refused).count();
        refused += without.div_ceil(35);
        if without == 0 {
            oldest = oldest.max((at - answered).unsigned_abs());
            answered = at;
        }
        since = pause(&answers, since);
        // Meanwhile the others take their half, one call after the other.
        others += since.as_secs_f64() * limit as f64 / 2.0 / 3600.0;
        let step = since / (others as u32 + 1);
        while others >= 1.0 {
            others -= 1.0;
            at += step;
            let request = Request::get(
                "https://api.datadoghq.eu/api/v1/query?from=0&to=60&query=avg:others%7B*%7D",
            )
            .header("dd-api-key", "demo")
            .header("dd-application-key", "demo")
            .body(Bytes::new())
            .expect("it is written above");
            let answer = simulator.answer(&request, at).response;
            assert_ne!(answer.status(), StatusCode::FORBIDDEN);
        }
        at += step;
    }
    Outcome {
        calls,
        refused,
        oldest,
    }
}

#[test]
fn two_thousand_queries_live_within_what_the_others_leave() {
    for (limit, oldest) in [(300, 3700), (1600, 400), (6000, 100)] {
        let mut budget = Budget::keeping_free(10);
        let wish = Duration::from_secs(30);
        let planned = three_hours(limit, |answers, since| {
            budget.pause(wish, answers.calls, answers.rate_limit.as_ref(), since)
        });
        println!("{limit} an hour: {planned:?}");
        assert_eq!(planned.refused, 0, "{limit}");
        // The others have half of it.
        assert!(
            u64::from(planned.calls) <= limit * 3 / 2,
            "{limit}: {planned:?}"
        );
        assert!(
            planned.oldest <= Duration::from_secs(oldest),
            "{limit}: {planned:?}"
        );
    }
}

#[test]
fn whoever_asks_as_often_as_they_wish_is_refused_for_most_of_the_time() {
    let naive = three_hours(1600, |_, _| Duration::from_secs(120));
    println!("1600 an hour, each two minutes: {naive:?}");
    assert!(naive.refused > 1000, "{naive:?}");
}
