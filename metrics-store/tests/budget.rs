//! Many queries under small limits, against the simulated Datadog, while others take half.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use datadog_query::{
    Aggregator, Answers, BatchLimits, Budget, Client, Endpoint, Exchange, ExchangeError, Keys,
    Query, Rollup, Window,
    simulator::{Scenario, Simulator},
};
use futures_executor::block_on;
use http::{Request, StatusCode};
use metrics_store::{Key, Plan, Policy, Store, Strain, Template, Wishes};
use parking_lot::Mutex;
use provider_api::{ExternalMetric, ObjectReference};
use serde_json::json;
use time::{Duration, OffsetDateTime, macros::datetime};

const START: OffsetDateTime = datetime!(2026-01-02 03:00:15 UTC);
const PERIOD: Duration = Duration::seconds(30);
const BUCKET: Duration = Duration::seconds(30);
/// How long Datadog takes to answer.
const LATENCY: Duration = Duration::milliseconds(300);

/// So many metrics, a limit in calls an hour, and what others take of it.
struct Situation {
    metrics: usize,
    limit: u64,
    others: u32,
    minutes: u32,
}

impl Situation {
    fn an_hour(&self, count: usize) -> usize {
        count * 60 / self.minutes as usize
    }
}

/// What it was like.
#[derive(Debug)]
struct Outcome {
    /// When each call of ours went out.
    calls: Vec<OffsetDateTime>,
    refused: usize,
    /// The age that a value had when a newer one came.
    oldest: Duration,
    /// The age that the plan said values would get.
    said: Duration,
    /// What the log would have been told.
    told: Vec<Strain>,
}

/// A Datadog with a limit, and what came of the calls of ours.
struct Datadog {
    simulator: Simulator,
    now: Mutex<OffsetDateTime>,
    calls: Mutex<Vec<OffsetDateTime>>,
    refused: AtomicUsize,
}

impl Datadog {
    fn limited_to(limit: u64) -> Arc<Self> {
        let scenario: Scenario = serde_json::from_value(json!({
            "rate_limit": { "limit": limit, "period": "1h" },
            "series": [{
                "metric": "requests",
                "tags": { "app": "web" },
                "interval": "30s",
                "shape": { "constant": 7 },
            }],
        }))
        .expect("a scenario as documented");
        Arc::new(Self {
            simulator: Simulator::new(scenario, START),
            now: Mutex::new(START),
            calls: Mutex::default(),
            refused: AtomicUsize::new(0),
        })
    }

    fn client(self: &Arc<Self>) -> Client<impl Exchange + use<>> {
        let datadog = Arc::clone(self);
        let exchange = tower::service_fn(move |request: Request<Bytes>| {
            let now = *datadog.now.lock();
            let response = datadog.simulator.answer(&request, now).response;
            datadog.calls.lock().push(now);
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                datadog.refused.fetch_add(1, Ordering::Relaxed);
            }
            async { Ok::<_, ExchangeError>(response) }
        });
        let keys = Keys::new(&"demo".into(), &"demo".into()).expect("the keys are plain words");
        let endpoint = Endpoint::of_site("datadoghq.eu").expect("the site is one of Datadog's");
        Client::new(endpoint, keys, exchange)
    }

    /// A call of somebody else; tells whether it was one too many.
    fn is_too_much_for_another(&self, at: OffsetDateTime) -> bool {
        let request = Request::get(
            "https://api.datadoghq.eu/api/v1/query?from=0&to=60&query=avg:theirs%7B*%7D",
        )
        .header("dd-api-key", "demo")
        .header("dd-application-key", "demo")
        .body(Bytes::new())
        .expect("it is written above");
        let status = self.simulator.answer(&request, at).response.status();
        assert_ne!(status, StatusCode::FORBIDDEN);
        status == StatusCode::TOO_MANY_REQUESTS
    }
}

fn metric(number: usize) -> ExternalMetric {
    let selector = format!("app=web,number!={number}");
    ExternalMetric::new(
        "shop".parse().expect("a namespace"),
        "requests".parse().expect("a name"),
        selector.parse().expect("a selector"),
    )
}

fn store(metrics: usize) -> Store {
    let template = Template {
        aggregator: Aggregator::Avg,
        rollup: Rollup(const { NonZeroU32::new(30).expect("not zero") }),
    };
    let policy = Policy::up_to(Duration::seconds(120), BUCKET);
    let store = Store::new(template, policy, Arc::new(|| START));
    for number in 0..metrics {
        let asker = ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: "shop".into(),
            name: format!("web-{number}").into(),
        };
        let metric = metric(number);
        store
            .demand(Key { asker, metric }, &Wishes::default())
            .expect("Datadog has words for it");
    }
    store
}

fn planned(situation: &Situation) -> Outcome {
    let datadog = Datadog::limited_to(situation.limit);
    let (store, client) = (store(situation.metrics), datadog.client());
    let budget = Budget::keeping_free(10);
    let mut plan = Plan::new(PERIOD, BatchLimits::default(), budget, 7);
    let mut coming: Vec<(OffsetDateTime, Answers)> = Vec::new();
    let mut newest: HashMap<Query, OffsetDateTime> = HashMap::new();
    let mut told = Vec::new();
    let (mut oldest, mut said) = (Duration::ZERO, Duration::ZERO);
    let end = START + Duration::MINUTE * situation.minutes;
    let their_pause = Duration::HOUR / situation.others.max(1);
    let (mut now, mut again, mut theirs) = (START, START, START + their_pause);
    while now < end {
        *datadog.now.lock() = now;
        if again <= now {
            let next = store.next(&mut plan, now);
            again = next.again;
            told.extend(next.strain);
            let window = Window::ending(now, std::time::Duration::from_secs(90));
            for call in next.calls {
                let answers = block_on(client.values(call.queries, window, now));
                coming.push((now + LATENCY, answers));
            }
            let round = store.round(&plan, now);
            said = said.max(round.map_or(Duration::ZERO, |round| round.oldest));
        }
        let arrives = coming.iter().map(|(at, _)| *at).min().unwrap_or(end);
        now = again.max(now).min(arrives).min(theirs);
        if theirs <= now {
            datadog.is_too_much_for_another(theirs);
            theirs += their_pause;
        }
        let arrived = coming.iter().take_while(|(at, _)| *at <= now).count();
        for (_, answers) in coming.drain(..arrived) {
            again = now;
            plan.answered(&answers, now);
            for (query, answer) in answers.by_query {
                if let Ok(point) = &answer {
                    let before = newest.insert(query.clone(), point.time);
                    oldest = oldest.max(before.map_or(Duration::ZERO, |before| now - before));
                }
                store.record(&query, answer.into(), now);
            }
        }
    }
    assert_eq!(newest.len(), situation.metrics, "each has a value");
    let still_there = newest.into_values().map(|time| end - time);
    Outcome {
        calls: datadog.calls.lock().clone(),
        refused: datadog.refused.load(Ordering::Relaxed),
        oldest: still_there.fold(oldest, Duration::max),
        said,
        told,
    }
}

/// A call for each metric in each period, whatever is left.
fn naive(situation: &Situation) -> Outcome {
    let datadog = Datadog::limited_to(situation.limit);
    let rounds = situation.minutes * 2;
    let (mut calls, mut refused) = (Vec::new(), 0);
    let mut answered = vec![START; situation.metrics];
    let mut longest = Duration::ZERO;
    let theirs = situation.others.div_ceil(120);
    for round in 0..rounds {
        let now = START + PERIOD * round;
        for _ in 0..theirs {
            datadog.is_too_much_for_another(now);
        }
        for last in &mut answered {
            calls.push(now);
            longest = longest.max(now - *last);
            match datadog.is_too_much_for_another(now) {
                true => refused += 1,
                false => *last = now,
            }
        }
    }
    Outcome {
        calls,
        refused,
        oldest: longest + BUCKET * 2,
        said: Duration::ZERO,
        told: Vec::new(),
    }
}

fn row(who: &str, situation: &Situation, outcome: &Outcome) {
    println!(
        "| {} | {} | {} | {who} | {} | {} | {} s |",
        situation.metrics,
        situation.limit,
        situation.others,
        situation.an_hour(outcome.calls.len()),
        situation.an_hour(outcome.refused),
        outcome.oldest.whole_seconds(),
    );
}

fn holds(situation: &Situation) {
    let outcome = planned(situation);
    row("planned", situation, &outcome);
    assert_eq!(outcome.refused, 0);
    let (oldest, said) = (outcome.oldest, outcome.said);
    // A call comes a little later than it could, and takes a moment.
    let slack = PERIOD * 0.05 + LATENCY;
    assert!(oldest <= said + slack, "{oldest}, and the plan said {said}");
    assert!(
        matches!(outcome.told[..], [Strain::Begun(_)]),
        "{:?}",
        outcome.told
    );
}

#[test]
fn two_thousand_queries_live_within_what_others_leave_of_300_calls_an_hour() {
    holds(&Situation {
        metrics: 2000,
        limit: 300,
        others: 150,
        minutes: 300,
    });
}

#[test]
fn two_thousand_queries_live_within_what_others_leave_of_1600_calls_an_hour() {
    holds(&Situation {
        metrics: 2000,
        limit: 1600,
        others: 800,
        minutes: 80,
    });
}

#[test]
fn two_thousand_queries_live_within_what_others_leave_of_6000_calls_an_hour() {
    holds(&Situation {
        metrics: 2000,
        limit: 6000,
        others: 3000,
        minutes: 30,
    });
}

#[test]
fn fifty_queries_take_two_calls_a_refresh() {
    let situation = Situation {
        metrics: 50,
        limit: 1600,
        others: 0,
        minutes: 120,
    };
    let outcome = planned(&situation);
    row("planned", &situation, &outcome);
    assert_eq!(outcome.told, []);
    let calls = &outcome.calls;
    assert!(situation.an_hour(calls.len()) <= 240, "{}", calls.len());
    for (first, third) in calls.iter().zip(&calls[2..]) {
        assert!(*third - *first >= PERIOD, "{first}, {third}");
    }
}

#[test]
fn whoever_makes_a_call_for_each_metric_is_refused_for_most_of_the_time() {
    for (metrics, limit, others) in [(50, 1600, 0), (2000, 1600, 800)] {
        let situation = Situation {
            metrics,
            limit,
            others,
            minutes: 60,
        };
        let outcome = naive(&situation);
        row("one call each", &situation, &outcome);
        assert!(
            outcome.refused > outcome.calls.len() / 2,
            "{}",
            outcome.refused
        );
    }
}
