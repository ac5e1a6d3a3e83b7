use std::sync::Arc;

use time::macros::datetime;

use super::*;

const LIFE: Life = Life {
    bucket: Duration::seconds(30),
    max_age: Duration::seconds(120),
};

fn at(seconds: i64) -> OffsetDateTime {
    datetime!(2026-01-02 03:00 UTC) + Duration::seconds(seconds)
}

fn sample(seconds: i64) -> Result<Sample, Cause> {
    Ok(Sample {
        value: 7.into(),
        time: at(seconds),
    })
}

fn failed(error: Error) -> Result<Sample, Cause> {
    Err(NoValue::Failed(Arc::new(error)).into())
}

fn silent() -> Result<Sample, Cause> {
    let span = std::time::Duration::from_secs(300);
    Err(NoValue::NoSeries { span }.into())
}

fn query() -> Query {
    Query::written("avg:rps{*}").unwrap()
}

/// Asked with three others at this second.
fn asked(mut known: Known, second: i64) -> Known {
    let call = Call {
        queries: vec![query(); 4],
        look_back: Duration::MINUTE,
        due: at(second + 30),
    };
    known.goes_in(&call, at(second));
    known
}

fn answered(mut known: Known, answer: Result<Sample, Cause>, second: i64) -> Known {
    known.answered(answer, at(second));
    known
}

/// How it travels, the second from which on it does, and that of its deadline.
fn wanted(known: &Known, second: i64) -> (Travel, i64, Option<i64>) {
    let query = query();
    let wanted = known.wanted(&query, LIFE, at(second));
    let second = |time: OffsetDateTime| (time - at(0)).whole_seconds();
    (
        wanted.travel,
        second(wanted.due),
        wanted.deadline.map(second),
    )
}

#[test]
fn what_was_never_asked_is_due_at_once_and_before_all_others() {
    assert_eq!(wanted(&Known::default(), 5), (Travel::Together, 5, None));
}

#[test]
fn a_value_is_asked_for_before_it_runs_out_but_not_before_a_newer_one_can_be_there() {
    let known = answered(asked(Known::default(), 35), sample(0), 36);
    assert_eq!(wanted(&known, 40), (Travel::Together, 65, Some(120)));
    // The bucket of 30 closes at 90, and before that there is nothing newer.
    let known = answered(asked(Known::default(), 35), sample(30), 36);
    assert_eq!(wanted(&known, 61), (Travel::Together, 90, Some(150)));
}

#[test]
fn a_query_without_series_can_wait_longer_than_one_whose_value_runs_out() {
    let never = answered(asked(Known::default(), 40), silent(), 41);
    assert_eq!(wanted(&never, 50), (Travel::Together, 70, Some(520)));

    let known = answered(asked(Known::default(), 35), sample(0), 36);
    let known = answered(asked(known, 66), silent(), 67);
    assert_eq!(wanted(&known, 70), (Travel::Together, 96, Some(120)));
    assert_eq!(wanted(&known, 121), (Travel::Together, 96, Some(546)));
}

#[test]
fn what_another_replica_heard_counts_as_asked_here_if_nothing_later_is_known() {
    let told = |second| Told {
        heard: at(second),
        last: sample(0).ok(),
        failure: None,
    };
    let mut known = answered(asked(Known::default(), 35), sample(0), 41);
    known.hears(told(38));
    assert_eq!(wanted(&known, 40).1, 65);
    known.hears(told(62));
    assert_eq!(wanted(&known, 61).1, 61, "the clock was set back");
    assert_eq!(wanted(&known, 62).1, 62);
    let mut known = Known::default();
    known.hears(told(38));
    assert_eq!(wanted(&known, 40), (Travel::Together, 60, Some(120)));
}

fn refused() -> Result<Sample, Cause> {
    failed(Error::InvalidQuery {
        status: 400,
        text: "Error parsing query".to_owned(),
    })
}

#[test]
fn a_query_that_spoils_calls_goes_alone_after_its_wait_here_and_where_it_is_told_of() {
    let known = answered(asked(Known::default(), 0), refused(), 1);
    let alone = (Travel::Alone, 31, Some(511));
    assert_eq!(wanted(&known, 5), alone);
    let mut other = Known::default();
    other.hears(known.state.told(LIFE.max_age, at(5)).unwrap());
    assert_eq!(wanted(&other, 5), alone);
}

#[test]
fn a_query_that_is_under_way_is_due_again_when_it_must_have_been_lost() {
    let known = asked(Known::default(), 0);
    assert_eq!(wanted(&known, 100), (Travel::UnderWay, 120, Some(480)));
}

#[test]
fn a_query_whose_answer_nobody_waits_for_is_asked_at_once_and_another_is_not() {
    let mut known = asked(Known::default(), 0);
    known.is_waited_for_no_longer();
    assert_eq!(wanted(&known, 1), (Travel::Together, 1, None));
    let mut known = answered(asked(Known::default(), 35), sample(0), 41);
    let before = wanted(&known, 42);
    known.is_waited_for_no_longer();
    assert_eq!(wanted(&known, 42), before);
}

#[test]
fn a_call_too_many_counts_as_if_it_had_not_been_made() {
    let error = Error::RateLimited {
        host: "api.datadoghq.eu".to_owned(),
        retry_after: None,
        limit: None,
    };
    let known = answered(asked(Known::default(), 0), failed(error), 1);
    assert_eq!(wanted(&known, 9), (Travel::Together, 9, None));
}

#[test]
fn a_clock_that_is_set_back_makes_no_query_wait() {
    let known = answered(asked(Known::default(), 3600), sample(3570), 3601);
    let (_, due, _) = wanted(&known, 0);
    assert_eq!(due, 0);
    let (_, due, _) = wanted(&asked(Known::default(), 3600), 0);
    assert_eq!(due, 120);
    let known = answered(asked(Known::default(), 3600), refused(), 3601);
    assert_eq!(wanted(&known, 3602).1, 3631);
    assert_eq!(wanted(&known, 0).1, 0);
}

#[test]
fn an_age_without_end_does_no_harm() {
    let known = answered(asked(Known::default(), 0), silent(), 1);
    let life = Life {
        max_age: Duration::MAX,
        ..LIFE
    };
    assert_eq!(known.wanted(&query(), life, at(5)).due, at(30));
}

#[test]
fn a_value_of_the_end_of_time_does_no_harm() {
    let end = Sample {
        value: 7.into(),
        time: datetime!(9999-12-31 23:59:59 UTC),
    };
    let known = answered(asked(Known::default(), 0), Ok(end), 1);
    assert_eq!(wanted(&known, 5).1, 30);
}

#[test]
fn a_query_costs_its_part_of_each_call_and_a_whole_one_when_it_goes_alone() {
    assert_eq!(Known::default().cost(), 0.0);
    let known = answered(asked(Known::default(), 0), sample(0), 1);
    assert_eq!(known.cost(), 120.0 / 4.0);
    let known = answered(asked(known, 60), sample(30), 61);
    assert_eq!(known.cost(), 60.0 / 4.0);
    let error = Error::UriTooLong {
        host: "api.datadoghq.eu".to_owned(),
    };
    let known = answered(asked(known, 90), failed(error), 90);
    assert_eq!(known.cost(), 120.0);
}
