use std::{collections::HashMap, num::NonZeroUsize};

use datadog_query::RateLimit;
use proptest::prelude::*;
use time::macros::datetime;

use super::*;

const LIFE: Life = Life {
    bucket: Duration::seconds(30),
    max_age: Duration::seconds(120),
};

fn at(seconds: f64) -> OffsetDateTime {
    datetime!(2026-01-02 03:00 UTC) + Duration::seconds_f64(seconds)
}

fn query(name: &str) -> Query {
    Query::written(&format!("avg:{name}{{*}}")).unwrap()
}

/// A plan of calls of three queries, in an account that has no limit.
fn plan() -> Plan {
    let limits = BatchLimits {
        queries: const { NonZeroUsize::new(3).unwrap() },
        ..BatchLimits::default()
    };
    let period = Duration::seconds(30);
    let mut plan = Plan::new(period, limits, Budget::keeping_free(0), 1);
    plan.answered(&Answers::default(), at(0.0));
    plan
}

/// What is wanted: a name, a way, from when on, until when.
type Line = (&'static str, Travel, f64, Option<f64>);

/// The names in the calls that go out at this second, and that of the next look.
fn next(plan: &mut Plan, lines: &[Line], second: f64) -> (Vec<Vec<String>>, f64) {
    let queries: Vec<_> = lines.iter().map(|(name, ..)| query(name)).collect();
    let wanted = lines
        .iter()
        .zip(&queries)
        .map(|((_, travel, due, deadline), query)| Wanted {
            query: query.clone(),
            travel: *travel,
            due: at(*due),
            deadline: deadline.map(at),
            look_back: LIFE.max_age,
        });
    let next = plan.next(wanted, LIFE, at(second));
    let name = |query: &Query| query.metric().unwrap().to_string();
    let names = |call: &Call| call.queries.iter().map(name).collect();
    (
        next.calls.iter().map(names).collect(),
        (next.again - at(0.0)).as_seconds_f64(),
    )
}

use Travel::{Alone, Together, UnderWay};

#[test]
fn a_call_takes_what_runs_out_first_and_is_filled_with_what_is_due_next() {
    let lines = [
        ("soon", Together, 12.0, Some(50.0)),
        ("later", Together, 25.0, Some(40.0)),
        ("second", Together, 5.0, Some(80.0)),
        ("gone", UnderWay, 120.0, Some(20.0)),
        ("first", Together, 9.0, Some(70.0)),
    ];
    let (calls, again) = next(&mut plan(), &lines, 10.0);
    assert_eq!(calls, [["first", "second", "soon"]]);
    assert_eq!(again, 10.0, "there may be more");
}

#[test]
fn what_is_new_and_what_runs_out_do_not_wait_for_their_turn() {
    let mut plan = plan();
    let can_wait = [
        ("a", Together, 0.0, Some(60.0)),
        ("b", Together, 0.0, Some(61.0)),
        ("c", Together, 0.0, Some(62.0)),
        ("d", Together, 0.0, Some(63.0)),
        ("e", Together, 29.0, Some(64.0)),
    ];
    assert_eq!(next(&mut plan, &can_wait, 10.0).0, [["a", "b", "c"]]);
    // Two calls take all five, and so one goes each fifteen seconds.
    let (calls, again) = next(&mut plan, &can_wait[3..], 10.0);
    assert_eq!((calls, again), (vec![], 25.0));
    let mut new = can_wait[3..].to_vec();
    new.push(("new", Together, 11.0, None));
    assert_eq!(next(&mut plan, &new, 11.0).0, [["new", "d", "e"]]);
    let hurried = [("f", Together, 0.0, Some(16.5))];
    let (calls, again) = next(&mut plan, &hurried, 11.25);
    assert_eq!((calls, again), (vec![], 11.5));
    assert_eq!(next(&mut plan, &hurried, 11.5).0, [["f"]]);
}

#[test]
fn calls_of_very_many_queries_go_together_as_often_as_there_is_time_to_choose() {
    let queries: Vec<_> = (0..2700)
        .map(|number| query(&format!("m{number}")))
        .collect();
    let mut plan = plan();
    let mut at_once = |second, due: usize| {
        let wanted = queries.iter().enumerate().map(|(number, query)| Wanted {
            query: query.clone(),
            travel: Together,
            due: at(if number < due { 0.0 } else { second + 1.0 }),
            deadline: Some(at(60.0)),
            look_back: LIFE.max_age,
        });
        plan.next(wanted, LIFE, at(second)).calls.len()
    };
    // Nine hundred calls in thirty seconds are three in a tenth of a second.
    assert_eq!(at_once(10.0, 2700), 3);
    assert_eq!(at_once(10.09, 2700), 0);
    assert_eq!(at_once(10.1, 2700), 3);
    // One call takes what is due, and the next goes when it would have gone alone.
    assert_eq!(at_once(10.2, 2), 1);
    assert_eq!(at_once(10.23, 2700), 0);
    assert_eq!(at_once(10.24, 2700), 3);
}

#[test]
fn a_query_that_goes_alone_goes_in_its_place_with_a_call_of_its_own() {
    let lines = [
        ("bad", Alone, 0.0, Some(70.0)),
        ("worse", Alone, 0.0, Some(50.0)),
        ("not_yet", Alone, 11.0, Some(10.0)),
        ("good", Together, 0.0, Some(60.0)),
    ];
    let (calls, _) = next(&mut plan(), &lines, 10.0);
    assert_eq!(calls, [["worse"], ["good"], ["bad"]]);
}

#[test]
fn where_one_call_is_left_it_is_that_of_the_most_urgent() {
    let mut plan = plan();
    let limit = RateLimit {
        limit: Some(100),
        remaining: Some(1),
        reset: Some(std::time::Duration::from_secs(600)),
        ..RateLimit::default()
    };
    let told = Answers {
        rate_limit: Some(limit),
        ..Answers::default()
    };
    plan.answered(&told, at(0.0));
    let lines = [
        ("bad", Alone, 0.0, Some(50.0)),
        ("good", Together, 0.0, Some(11.0)),
        ("new", Together, 0.0, None),
    ];
    let (calls, _) = next(&mut plan, &lines, 10.0);
    assert_eq!(calls, [["new", "good"]]);
    let (calls, again) = next(&mut plan, &lines[..1], 10.0);
    assert_eq!(calls, Vec::<Vec<String>>::new());
    // What is waited for is the end of the period, and one's place among those who wait.
    assert!((601.0..=611.0).contains(&again), "{again}");
}

#[test]
fn a_query_that_fits_no_call_takes_no_place_in_one() {
    let mut plan = plan();
    plan.limits.characters = 100;
    let long = "m".repeat(100);
    let lines: [Line; 3] = [
        (
            Box::leak(long.clone().into_boxed_str()),
            Together,
            0.0,
            None,
        ),
        ("a", Together, 0.0, None),
        ("b", Together, 0.0, None),
    ];
    let (calls, _) = next(&mut plan, &lines, 0.0);
    let asked = |name: &str| {
        calls
            .iter()
            .filter(|call| call.contains(&name.into()))
            .count()
    };
    assert_eq!(
        (calls.len(), asked(&long), asked("a"), asked("b")),
        (1, 1, 1, 1)
    );
}

#[test]
fn a_search_counts_as_the_calls_that_it_took() {
    let mut plan = plan();
    let told = |remaining, calls| Answers {
        rate_limit: Some(RateLimit {
            limit: Some(100),
            remaining: Some(remaining),
            reset: Some(std::time::Duration::from_secs(600)),
            ..RateLimit::default()
        }),
        calls,
        ..Answers::default()
    };
    plan.answered(&told(100, 1), at(0.0));
    let lines = [("a", Together, 0.0, None)];
    assert_eq!(next(&mut plan, &lines, 1.0).0.len(), 1);
    plan.answered(&told(89, 11), at(2.0));
    // Were they other users', they would be expected to go on.
    let round = plan.round(LIFE, at(2.0)).unwrap();
    let all = plan.budget.span(89, at(2.0));
    assert_eq!(
        (round.takes, all),
        (plan.period, Some(std::time::Duration::from_secs(601)))
    );
}

/// An hour of queries that are answered at once: when the calls went.
fn an_hour(queries: usize, seed: u64) -> Vec<f64> {
    let names: Vec<_> = (0..queries)
        .map(|number| query(&format!("m{number}")))
        .collect();
    let mut plan = Plan::new(
        Duration::seconds(30),
        BatchLimits::default(),
        Budget::keeping_free(0),
        seed,
    );
    plan.answered(&Answers::default(), at(0.0));
    let mut due: HashMap<&Query, OffsetDateTime> = HashMap::new();
    let (mut now, mut went) = (at(0.0), Vec::new());
    while now < at(3600.0) {
        let wanted = names.iter().map(|query| Wanted {
            query: query.clone(),
            travel: Together,
            due: due.get(query).copied().unwrap_or(now),
            deadline: due.get(query).map(|due| *due + Duration::MINUTE),
            look_back: LIFE.max_age,
        });
        let next = plan.next(wanted, LIFE, now);
        for call in &next.calls {
            went.push((now - at(0.0)).as_seconds_f64());
            for query in &call.queries {
                let query = names.iter().find(|name| *name == query).unwrap();
                due.insert(query, call.due);
            }
        }
        now = next.again;
    }
    went
}

#[test]
fn calls_are_spread_over_the_period_and_never_more_than_it_takes() {
    let went = an_hour(350, 1);
    assert_eq!(went[..10], [0.0; 10], "what is new goes at once");
    assert!(went.len() <= 1200 && went.len() > 1150, "{}", went.len());
    for pair in went[10..].windows(2) {
        assert!(pair[1] - pair[0] >= 2.999, "{pair:?}");
    }
}

#[test]
fn equal_seeds_make_equal_plans_and_others_do_not_stay_in_step() {
    let went = an_hour(50, 1);
    assert_eq!(an_hour(50, 1), went);
    let others = an_hour(50, 2);
    let together = went.iter().filter(|time| others.contains(time)).count();
    assert!(together <= 2, "{together}");
}

#[test]
fn what_looks_back_further_makes_no_buckets_of_others_wider_and_loses_no_time() {
    let hours = [0, 5, 0, 24, 3];
    let names: Vec<_> = ["a", "day", "b", "most", "four"].map(query).into();
    let mut plan = plan();
    let mut gone: Vec<Call> = Vec::new();
    let mut now = at(10.0);
    while now < at(11.0) {
        let left = names.iter().zip(hours).filter_map(|(query, hours)| {
            let is_gone = gone.iter().any(|call| call.queries.contains(query));
            (!is_gone).then_some(Wanted {
                query: query.clone(),
                travel: Together,
                due: at(0.0),
                deadline: None,
                look_back: Duration::minutes(5).max(Duration::hours(hours)),
            })
        });
        let next = plan.next(left, LIFE, now);
        gone.extend(next.calls);
        now = next.again;
    }
    let told = gone.iter().map(|call| {
        let queries = call
            .queries
            .iter()
            .map(|query| query.metric().unwrap().to_string());
        (
            call.look_back.whole_minutes(),
            queries.collect::<Vec<_>>().join(" "),
        )
    });
    let told: Vec<_> = told.collect();
    let expected = [(5, "a b"), (24 * 60, "day most"), (3 * 60, "four")];
    assert_eq!(
        told,
        expected.map(|(minutes, names)| (minutes, names.to_owned()))
    );
}

fn wanted() -> impl Strategy<Value = (Travel, f64, Option<f64>)> {
    let travel = prop::sample::select(vec![Together, Together, Together, Alone, UnderWay]);
    (travel, 0.0..60.0, prop::option::of(0.0..200.0))
}

proptest! {
    #[test]
    fn nothing_goes_twice_nor_too_early_nor_before_what_is_more_urgent(
        wanted in prop::collection::vec(wanted(), 0..40), remaining in 0_u64..8,
    ) {
        let names: Vec<_> = (0..wanted.len()).map(|number| query(&format!("m{number}"))).collect();
        let lines: Vec<_> = names.iter().zip(&wanted).map(|(query, (travel, due, deadline))| Wanted {
            query: query.clone(), travel: *travel, due: at(*due), deadline: deadline.map(at), look_back: LIFE.max_age,
        }).collect();
        let mut plan = plan();
        let limit = RateLimit {
            limit: Some(1000), remaining: Some(remaining), reset: Some(std::time::Duration::from_secs(5)),
            ..RateLimit::default()
        };
        plan.answered(&Answers { rate_limit: Some(limit), ..Answers::default() }, at(30.0));
        let now = at(30.5);
        let may = match plan.budget.allowance(now) {
            Allowance::Now(calls) => calls as usize,
            Allowance::From(_) => 0,
        };
        let calls = plan.next(lines.iter().cloned(), LIFE, now).calls;
        prop_assert!(calls.len() <= may);

        let gone: Vec<_> = calls.iter().flat_map(|call| &call.queries).collect();
        let line = |query: &Query| lines.iter().find(|one| one.query == *query).unwrap();
        for (index, query) in gone.iter().enumerate() {
            prop_assert!(!gone[..index].contains(query));
        }
        for call in &calls {
            prop_assert!((1..=3).contains(&call.queries.len()));
            prop_assert!(call.due > now);
            let due = call.queries.iter().map(&line).filter(|one| one.due <= now);
            prop_assert!(due.count() > 0, "a call goes for what is due");
            for one in call.queries.iter().map(&line) {
                let is_early = one.due > now;
                prop_assert!(!is_early || one.travel == Together);
                prop_assert!(one.travel != Alone || call.queries.len() == 1);
            }
        }
        let left = |one: &&Wanted| one.due <= now && one.travel != Alone && !gone.contains(&&one.query);
        let soonest_left = lines.iter().filter(left).map(|one| one.deadline).min();
        let with_others = gone.iter().copied().map(&line).filter(|one| one.travel != Alone && one.due <= now);
        if let (Some(left), Some(latest_gone)) = (soonest_left, with_others.map(|one| one.deadline).max()) {
            prop_assert!(latest_gone <= left);
        }
    }
}
