use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc};

use datadog_query::{Aggregator, Answers, BatchLimits, Budget, Error, NoValue, Point, Rollup};
use provider_api::ObjectReference;
use time::{Duration, macros::datetime};

use super::*;
use crate::Plan;

pub(super) fn at(seconds: i64) -> OffsetDateTime {
    datetime!(2026-01-02 03:00 UTC) + Duration::seconds(seconds)
}

pub(super) fn metric(text: &str) -> ExternalMetric {
    let (namespace, name) = text.split_once('/').unwrap();
    ExternalMetric::new(
        namespace.parse().unwrap(),
        name.parse().unwrap(),
        "app=web".parse().unwrap(),
    )
}

pub(super) fn hpa(text: &str) -> ObjectReference {
    let (namespace, name) = text.split_once('/').unwrap();
    ObjectReference {
        kind: "HorizontalPodAutoscaler".into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

pub(super) fn key(asker: &str, asked: &str) -> Key {
    Key {
        asker: hpa(asker),
        metric: metric(asked),
    }
}

pub(super) fn query(name: &str) -> Query {
    Query::written(&format!("avg:{name}{{app:web}}.rollup(30)")).unwrap()
}

pub(super) fn value(value: f64, seconds: i64) -> Answer {
    Answer::Value(Point {
        time: at(seconds),
        value,
    })
}

/// A synced ledger that keeps values for 120 s.
pub(super) fn ledger() -> Ledger {
    let rollup = Rollup(NonZeroU32::new(30).unwrap());
    let policy = Policy::up_to(Duration::seconds(120), Duration::seconds(30));
    let mut ledger = Ledger::new(
        Template {
            aggregator: Aggregator::Avg,
            rollup,
        },
        policy,
    );
    ledger.synced();
    ledger
}

impl Ledger {
    pub(super) fn demanding(mut self, asker: &str, asked: &str) -> Self {
        self.demand(key(asker, asked), &Wishes::default()).unwrap();
        self
    }

    pub(super) fn recorded(mut self, name: &str, answer: Answer, seconds: i64) -> Self {
        self.record(&query(name), answer, at(seconds));
        self
    }

    /// What an HPA reads: the value and its time, or the message.
    pub(super) fn told(
        &self,
        asked: &str,
        seconds: i64,
    ) -> Result<(String, OffsetDateTime), String> {
        let metric = metric(asked);
        let Reading { sample, .. } = self
            .read(&metric, at(seconds))
            .map_err(|why| why.refusal(&metric).to_string())?;
        Ok((sample.value.to_string(), sample.time))
    }
}

#[test]
fn a_value_is_served_with_its_own_time_until_it_is_too_old() {
    let ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .recorded("rps", value(12.5, 10), 40);
    assert_eq!(
        ledger.told("shop/rps", 40),
        Ok(("12500m".to_owned(), at(10)))
    );
    assert_eq!(
        ledger.told("shop/rps", 130),
        Ok(("12500m".to_owned(), at(10)))
    );
    let refused = |why: &str| {
        Err(format!(
            "avg:rps{{app:web}}.rollup(30): the newest value is of 2026-01-02T03:00:10Z, and only values up to 120 s \
             old are served; {why}"
        ))
    };
    assert_eq!(
        ledger.told("shop/rps", 131),
        refused(
            "Datadog has answered last at 2026-01-02T03:00:40Z, and if that stays so, the agent's log says why"
        )
    );
    let ledger = ledger.recorded("rps", value(12.5, 10), 131);
    assert_eq!(
        ledger.told("shop/rps", 132),
        refused(
            "check that the metric is still being sent, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE"
        )
    );
}

#[test]
fn a_failed_refresh_does_not_take_away_a_value_that_is_young_enough() {
    let several = NoValue::NoSeries {
        span: Duration::seconds(300).unsigned_abs(),
    };
    let ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .recorded("rps", value(12.0, 10), 40)
        .recorded("rps", Answer::NoValue(several), 70);
    assert_eq!(ledger.told("shop/rps", 100), Ok(("12".to_owned(), at(10))));
    let refusal = ledger.told("shop/rps", 131).unwrap_err();
    assert!(
        refusal.ends_with("; the last value is of 2026-01-02T03:00:10Z"),
        "{refusal}"
    );
}

#[test]
fn a_metric_of_another_namespace_is_not_served() {
    let ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .recorded("rps", value(1.0, 0), 0);
    assert!(
        ledger
            .told("other/rps", 0)
            .unwrap_err()
            .contains("no HorizontalPodAutoscaler in namespace other")
    );
}

#[test]
fn a_metric_is_not_called_unknown_before_the_first_sync() {
    let mut ledger = ledger();
    ledger.synced = false;
    let asked = metric("shop/rps");
    assert!(matches!(
        ledger.read(&asked, at(0)),
        Err(Unready::NotSynced)
    ));
    ledger.synced();
    assert!(matches!(
        ledger.read(&asked, at(0)),
        Err(Unready::NotDemanded)
    ));
}

#[test]
fn equal_queries_of_several_autoscalers_are_asked_once_and_known_at_once() {
    let mut ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .recorded("rps", value(3.0, 0), 0);
    assert_eq!(
        ledger.demand(key("other/web", "other/rps"), &Wishes::default()),
        Ok(false),
        "Datadog has been asked already"
    );
    assert_eq!(ledger.queries(), [query("rps")]);
    assert_eq!(ledger.told("other/rps", 0), Ok(("3".to_owned(), at(0))));
}

#[test]
fn a_demand_stays_as_long_as_one_object_asks() {
    let mut ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .demanding("shop/api", "shop/rps");
    ledger.withdraw(&key("shop/web", "shop/rps"));
    assert_eq!(ledger.queries(), [query("rps")]);
    ledger.withdraw(&key("shop/api", "shop/rps"));
    assert_eq!(ledger.queries(), []);
    assert!(
        ledger.record(&query("rps"), value(1.0, 0), at(0)).is_none(),
        "it went while Datadog was asked"
    );
}

#[test]
fn an_answer_from_before_a_query_went_and_came_back_counts_and_does_not_pass_for_a_new_one() {
    let patient = Wishes {
        max_age: Some(Duration::minutes(15)),
        ..Wishes::default()
    };
    let limits = BatchLimits::default();
    let mut plan = Plan::new(Duration::seconds(30), limits, Budget::keeping_free(10), 1);
    let mut ledger = ledger().demanding("shop/web", "shop/rps");
    assert_eq!(ledger.next(&mut plan, at(0)).calls.len(), 1);
    ledger.withdraw(&key("shop/web", "shop/rps"));
    let demand = ledger.demand(key("shop/web", "shop/rps"), &patient);
    assert_eq!(demand, Ok(true));
    plan.answered(&Answers::default(), at(1));
    ledger.record(&query("rps"), value(3.0, -60), at(1));
    assert_eq!(ledger.told("shop/rps", 1), Ok(("3".to_owned(), at(-60))));
    // It was not asked as far back as it is wanted now.
    let calls = ledger.next(&mut plan, at(1)).calls;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].look_back, Duration::minutes(15));
}

#[test]
fn a_turn_is_told_once_and_names_who_asks() {
    let missing = || Answer::UnknownMetric;
    let mut ledger = ledger().demanding("shop/web", "shop/rps");
    let turn = ledger.record(&query("rps"), missing(), at(0)).unwrap();
    assert_eq!(turn.askers, BTreeSet::from([hpa("shop/web")]));
    assert_eq!(
        turn.failing.as_deref(),
        Some("Datadog has no metric of this name: check its spelling")
    );
    assert_eq!(ledger.record(&query("rps"), missing(), at(30)), None);
    assert_eq!(
        ledger
            .record(&query("rps"), value(1.0, 60), at(60))
            .unwrap()
            .failing,
        None
    );
    assert_eq!(ledger.record(&query("rps"), value(2.0, 90), at(90)), None);
}

#[test]
fn what_a_cause_says_besides_its_kind_makes_no_turn() {
    let failed = |status, text: &str| {
        let error = Error::Server {
            host: "api.datadoghq.eu".to_owned(),
            status,
            text: text.to_owned(),
        };
        Answer::NoValue(NoValue::Failed(Arc::new(error)))
    };
    let mut ledger = ledger().demanding("shop/web", "shop/rps");
    let turn = ledger.record(&query("rps"), failed(500, "request 7f3a"), at(0));
    assert!(turn.is_some());
    let turn = ledger.record(&query("rps"), failed(503, "request 91c0"), at(30));
    assert_eq!(turn, None);
    // The refusal has the newest.
    let told = ledger.told("shop/rps", 30).unwrap_err();
    assert!(told.contains("request 91c0"), "{told}");
    assert!(
        ledger
            .record(&query("rps"), Answer::UnknownMetric, at(60))
            .is_some()
    );
}

#[test]
fn what_goes_to_datadog_does_not_go_again_before_it_is_due() {
    let mut ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .demanding("shop/web", "shop/depth");
    let limits = BatchLimits::default();
    let mut plan = Plan::new(Duration::seconds(30), limits, Budget::keeping_free(10), 1);
    let mut asked = |ledger: &mut Ledger, seconds| {
        let calls = ledger.next(&mut plan, at(seconds)).calls;
        plan.answered(&Answers::default(), at(seconds));
        calls
            .into_iter()
            .map(|call| call.queries.into_iter().collect::<BTreeSet<_>>())
            .collect::<Vec<_>>()
    };
    let both = BTreeSet::from([query("rps"), query("depth")]);
    assert_eq!(asked(&mut ledger, 0), std::slice::from_ref(&both));
    ledger.record(&query("rps"), value(1.0, -30), at(1));
    ledger.record(&query("depth"), value(1.0, -30), at(1));
    assert_eq!(asked(&mut ledger, 29), []);
    assert_eq!(asked(&mut ledger, 32), [both]);
    // Half of each call, and a call in 32 seconds.
    let each = ledger.cost(&metric("shop/rps")).unwrap();
    assert!((each - 0.5 * 3600.0 / 32.0).abs() < 1e-9, "{each}");
    assert_eq!(ledger.cost(&metric("shop/other")), None);
}

#[test]
fn a_name_with_capitals_is_served_to_whoever_asks_in_small_letters() {
    let ledger = ledger().demanding("shop/web", "shop/Queue.Depth").recorded(
        "Queue.Depth",
        value(3.0, 0),
        0,
    );
    for asked in ["shop/queue.depth", "shop/Queue.Depth"] {
        assert_eq!(
            ledger.told(asked, 0),
            Ok(("3".to_owned(), at(0))),
            "{asked}"
        );
    }
}

#[test]
fn names_that_differ_in_capitals_alone_are_refused_as_long_as_both_are_asked_for() {
    let mut ledger = ledger()
        .demanding("shop/web", "shop/Queue.Depth")
        .demanding("shop/api", "shop/queue.depth")
        .recorded("queue.depth", value(3.0, 0), 0);
    assert_eq!(
        ledger.told("shop/queue.depth", 0),
        Err("external metric shop/queue.depth{app=web}: HorizontalPodAutoscalers in namespace shop ask for `queue.depth` and `Queue.Depth`, and Kubernetes asks for each in small letters: let all of them write one name".to_owned())
    );
    ledger.withdraw(&key("shop/web", "shop/Queue.Depth"));
    assert_eq!(
        ledger.told("shop/queue.depth", 0),
        Ok(("3".to_owned(), at(0)))
    );
}

pub(super) fn down() -> Answer {
    let host = "api.datadoghq.eu".to_owned();
    Answer::NoValue(NoValue::Failed(Arc::new(Error::TimedOut { host })))
}

#[test]
fn a_number_that_kubernetes_would_misread_is_no_value() {
    let ledger = ledger()
        .demanding("shop/web", "shop/rps")
        .recorded("rps", value(1e18, 0), 0);
    let refusal = ledger.told("shop/rps", 0).unwrap_err();
    assert!(
        refusal.starts_with("avg:rps{app:web}.rollup(30): "),
        "{refusal}"
    );
}
