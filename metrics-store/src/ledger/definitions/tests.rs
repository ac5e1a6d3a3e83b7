use datadog_query::{Answers, BatchLimits, Budget};
use time::Duration;

use super::*;
use crate::{
    Plan, Wishes,
    ledger::tests::{at, down, hpa, key, ledger, metric, query, value},
};

const DEPTH: &str = "shop/datadogmetric@shop:depth";

fn reference() -> MetricReference {
    MetricReference::new("shop", "depth").unwrap()
}

fn meaning(name: &str) -> Definition {
    Definition {
        query: Ok(query(name)),
        wishes: Wishes::default(),
        max_age: None,
        window: None,
    }
}

/// A ledger in which an HPA asks for a DatadogMetric, of which nothing is known yet.
fn referring() -> Ledger {
    let mut ledger = ledger();
    ledger.read_definitions(Namespaces::Any);
    let demand = ledger.demand(key("shop/web", DEPTH), &Wishes::default());
    assert_eq!(demand, Ok(false));
    ledger
}

#[test]
fn a_datadogmetric_is_not_called_missing_before_all_are_known() {
    let mut ledger = referring();
    assert_eq!(
        ledger.told(DEPTH, 0),
        Err("external metric shop/datadogmetric@shop:depth{app=web}: the DatadogMetrics of the cluster have not \
             been read yet, ask again in a few seconds"
            .to_owned())
    );
    assert_eq!(ledger.waiting(at(0)), 1);
    ledger.defined();
    let missing = "external metric shop/datadogmetric@shop:depth{app=web}: DatadogMetric shop/depth does not exist";
    assert_eq!(ledger.told(DEPTH, 0), Err(missing.to_owned()));
    assert_eq!(ledger.waiting(at(0)), 0);
    assert_eq!(
        ledger.demand(key("shop/api", DEPTH), &Wishes::default()),
        Err(Inexpressible::Undefined(reference()))
    );
}

#[test]
fn a_metric_follows_its_definition_and_a_value_of_the_question_before_is_not_served() {
    let mut ledger = referring();
    assert!(ledger.define(&reference(), meaning("m1")));
    assert!(!ledger.define(&reference(), meaning("m1")));
    let mut ledger = ledger.recorded("m1", value(3.0, 0), 1);
    assert_eq!(ledger.told(DEPTH, 1), Ok(("3".to_owned(), at(0))));

    assert!(ledger.define(&reference(), meaning("m2")));
    assert_eq!(ledger.queries(), [query("m2")]);
    let waiting = "external metric shop/datadogmetric@shop:depth{app=web}: Datadog has not answered \
                   avg:m2{app:web}.rollup(30) yet, ask again in a few seconds";
    assert_eq!(ledger.told(DEPTH, 1), Err(waiting.to_owned()));
    let [standing] = &*ledger.standings(at(1)) else {
        panic!("{:?}", ledger.standings(at(1)))
    };
    assert_eq!(standing.query, Ok(query("m2")));
    assert_eq!((&standing.told, &standing.reading), (&None, &None));
    // What somebody else asks for by its name is known already.
    ledger
        .demand(key("shop/web", "shop/m3"), &Wishes::default())
        .unwrap();
    let mut ledger = ledger.recorded("m3", value(4.0, 0), 1);
    assert!(!ledger.define(&reference(), meaning("m3")));
    assert_eq!(ledger.told(DEPTH, 1), Ok(("4".to_owned(), at(0))));

    ledger.undefine(&reference());
    ledger.defined();
    let missing = ledger.told(DEPTH, 1).unwrap_err();
    assert!(
        missing.ends_with("DatadogMetric shop/depth does not exist"),
        "{missing}"
    );
}

#[test]
fn a_definition_without_a_query_says_what_is_wrong_with_it() {
    let mut ledger = referring();
    let definition = Definition {
        query: Err("spec.query is empty".into()),
        ..meaning("m1")
    };
    assert!(!ledger.define(&reference(), definition));
    assert_eq!(
        ledger.told(DEPTH, 0),
        Err("external metric shop/datadogmetric@shop:depth{app=web} cannot be asked of Datadog: DatadogMetric \
             shop/depth: spec.query is empty"
            .to_owned())
    );
}

#[test]
fn without_datadogmetrics_a_reference_is_refused_and_told_what_turns_them_on() {
    let mut ledger = ledger();
    let refused = ledger.demand(key("shop/web", DEPTH), &Wishes::default());
    assert_eq!(
        refused.map_err(|why| why.to_string()),
        Err(
            "DatadogMetric shop/depth is read only where DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD is \
             true"
                .to_owned()
        )
    );
    ledger.define(&reference(), meaning("m1"));
    assert_eq!(ledger.queries(), []);
}

#[test]
fn a_datadogmetric_of_another_namespace_is_used_only_where_that_is_allowed() {
    let (asker, asked) = ("web/web", "web/datadogmetric@shop:depth");
    for from in [Namespaces::Any, Namespaces::Own] {
        let mut ledger = ledger();
        ledger.read_definitions(from);
        ledger.define(&reference(), meaning("m1"));
        let demand = ledger.demand(key(asker, asked), &Wishes::default());
        match from {
            Namespaces::Any => assert_eq!(demand, Ok(true)),
            Namespaces::Own => assert_eq!(
                demand.unwrap_err().to_string(),
                "DatadogMetric shop/depth is of another namespace, and an autoscaler in namespace web reads \
                 those of its own: make one there, or set DD_EXTERNAL_METRICS_PROVIDER_CROSS_NAMESPACE to true"
            ),
        }
    }
}

#[test]
fn a_reference_in_capitals_is_the_same_metric() {
    let mut ledger = referring();
    ledger.define(&reference(), meaning("m1"));
    let capitals = key("shop/api", "shop/DatadogMetric@Shop:depth");
    assert_eq!(
        ledger.demand(capitals.clone(), &Wishes::default()),
        Ok(false)
    );
    let mut ledger = ledger.recorded("m1", value(3.0, 0), 1);
    assert_eq!(ledger.told(DEPTH, 1), Ok(("3".to_owned(), at(0))));
    let [standing] = &*ledger.standings(at(1)) else {
        panic!("{:?}", ledger.standings(at(1)))
    };
    assert_eq!(standing.askers, [hpa("shop/api"), hpa("shop/web")]);
    for asked in ["shop/DatadogMetric@Shop:depth", DEPTH] {
        assert_eq!(
            ledger.told(asked, 1),
            Ok(("3".to_owned(), at(0))),
            "{asked}"
        );
    }
    ledger.withdraw(&capitals);
    ledger.withdraw(&key("shop/web", DEPTH));
    assert_eq!(ledger.queries(), []);
}

#[test]
fn an_autoscaler_wishes_before_the_definition_and_that_before_the_usual() {
    let minutes = |minutes| Some(Duration::minutes(minutes));
    let mut ledger = referring();
    let age = |ledger: &Ledger| {
        let demanded = &ledger.demanded[&metric(DEPTH)];
        ledger.policy(demanded).max_age().whole_minutes()
    };
    assert_eq!(age(&ledger), 2);
    let spec = Definition {
        max_age: minutes(5),
        ..meaning("m1")
    };
    ledger.define(&reference(), spec.clone());
    assert_eq!(age(&ledger), 5);
    let mut annotated = spec.clone();
    annotated.wishes.max_age = minutes(7);
    ledger.define(&reference(), annotated);
    assert_eq!(age(&ledger), 7);
    let own = Wishes {
        max_age: minutes(9),
        ..Wishes::default()
    };
    ledger.demand(key("shop/web", DEPTH), &own).unwrap();
    assert_eq!(age(&ledger), 9);
    // The more careful of two.
    ledger
        .demand(key("shop/api", DEPTH), &Wishes::default())
        .unwrap();
    assert_eq!(age(&ledger), 7);
    ledger.define(&reference(), spec);
    assert_eq!(age(&ledger), 5);
    ledger.undefine(&reference());
    assert_eq!(age(&ledger), 2);
}

#[test]
fn a_value_of_a_wide_bucket_counts_for_three_of_them_at_least() {
    let mut ledger = referring();
    let mut age = |query: &str, max_age| {
        let definition = Definition {
            query: Ok(Query::written(query).unwrap()),
            max_age,
            ..meaning("m1")
        };
        ledger.define(&reference(), definition);
        let demanded = &ledger.demanded[&metric(DEPTH)];
        let ages = ledger.known[0].ages().unwrap();
        let age = ledger.policy(demanded).max_age();
        assert_eq!((ages.max_age, ages.look_back), (age, age));
        ledger.record(&ledger.queries()[0], value(3.0, 0), at(0));
        let last = at(0) + age;
        for (now, is_served) in [(last, true), (last + Duration::SECOND, false)] {
            let standing = &ledger.definitions_at(0..1, now)[0];
            let served = ledger.read(&metric(DEPTH), now);
            assert_eq!(
                (standing.reading.is_some(), served.is_ok()),
                (is_served, is_served)
            );
        }
        age.whole_seconds()
    };
    assert_eq!(age("avg:a{*}.rollup(300)", None), 900);
    assert_eq!(age("avg:a{*}.rollup(300)", Some(Duration::MINUTE)), 900);
    assert_eq!(age("avg:a{*}.rollup(300)", Some(Duration::HOUR)), 3600);
    assert_eq!(age("avg:a{*}", None), 120);
    assert_eq!(age("avg:a{*}.rollup(10)", Some(Duration::MINUTE)), 60);
    assert_eq!(age("avg:a{*}.rollup(4294967295)", None), 3 * 24 * 3600);
}

#[test]
fn whatever_age_somebody_writes_every_query_is_still_asked_and_read() {
    let mut ledger = referring();
    for age in [Duration::MAX, Duration::days(9), Duration::MIN] {
        let definition = Definition {
            max_age: Some(age),
            ..meaning("m1")
        };
        ledger.define(&reference(), definition);
        let limits = BatchLimits::default();
        let budget = Budget::keeping_free(10);
        let mut plan = Plan::new(Duration::seconds(30), limits, budget, 1);
        for now in [0, 60] {
            let calls = ledger.next(&mut plan, at(now)).calls;
            assert_eq!(calls[0].queries, [query("m1")]);
            assert!(calls[0].look_back <= Duration::DAY);
            plan.answered(&Answers::default(), at(now));
            ledger.record(&query("m1"), down(), at(now));
        }
        assert!(ledger.read(&metric(DEPTH), at(60)).is_err());
        ledger.undefine(&reference());
    }
}

#[test]
fn a_window_only_widens_how_far_back_datadog_is_asked_and_not_beyond_a_day() {
    let mut ledger = referring();
    let mut look_back = |window| {
        let definition = Definition {
            max_age: Some(Duration::minutes(5)),
            window,
            ..meaning("m1")
        };
        ledger.define(&reference(), definition);
        let ages = ledger.known[&query("m1")].ages().unwrap();
        assert_eq!(ages.max_age, Duration::minutes(5));
        ages.look_back
    };
    assert_eq!(look_back(None), Duration::minutes(5));
    assert_eq!(look_back(Some(Duration::minutes(1))), Duration::minutes(5));
    assert_eq!(look_back(Some(Duration::hours(2))), Duration::hours(2));
    assert_eq!(look_back(Some(Duration::days(9))), Duration::DAY);
}
