use std::sync::Arc;

use datadog_query::{Error, NoValue};
use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::{Cause, Reason};

const MINUTE: Duration = Duration::minutes(1);

fn at(minutes: i64) -> OffsetDateTime {
    datetime!(2026-01-02 03:00 UTC) + MINUTE * i32::try_from(minutes).unwrap()
}

fn sample(value: i64, minutes: i64) -> Sample {
    Sample {
        value: value.into(),
        time: at(minutes),
    }
}

fn down() -> Cause {
    let host = "api.datadoghq.eu".to_owned();
    NoValue::Failed(Arc::new(Error::TimedOut { host })).into()
}

fn refused() -> Cause {
    let error = Error::InvalidQuery {
        status: 400,
        text: "Error parsing query".to_owned(),
    };
    NoValue::Failed(Arc::new(error)).into()
}

fn no_data() -> Cause {
    let span = std::time::Duration::from_secs(300);
    NoValue::NoSeries { span }.into()
}

/// Values count for two minutes, and are held for three more.
fn holding() -> Policy {
    let usual = Policy::up_to(MINUTE * 2, Duration::seconds(30));
    let wishes = Wishes {
        hold: Some(MINUTE * 3),
        on_error: Some(Otherwise::Value(70.into())),
        on_no_data: Some(Otherwise::Value(0.into())),
        ..Wishes::default()
    };
    usual.with(&wishes, Duration::seconds(30))
}

/// What is served in each of ten minutes, where a value of the first was heard at once and
/// then Datadog answers this each minute.
fn served(policy: &Policy, then: impl Fn() -> Result<Sample, Cause>) -> Vec<String> {
    let mut state = State::Waiting.after(Ok(sample(12, 0)), at(0));
    let mut told = Vec::new();
    for minute in 1..=10 {
        state = state.after(then(), at(minute));
        told.push(match policy.reading(&state, at(minute)) {
            None => "-".to_owned(),
            Some(Reading { sample, origin }) => {
                let age = sample.age(at(minute)).whole_minutes();
                format!("{} {origin:?} {age}", sample.value)
            }
        });
    }
    told
}

#[test]
fn while_datadog_cannot_be_asked_a_value_counts_is_held_and_then_gives_way_to_the_stated_one() {
    assert_eq!(
        served(&holding(), || Err(down())),
        [
            "12 Measured 1",
            "12 Measured 2",
            "12 Held 3",
            "12 Held 4",
            "12 Held 5",
            "70 StatedOnError 0",
            "70 StatedOnError 0",
            "70 StatedOnError 0",
            "70 StatedOnError 0",
            "70 StatedOnError 0",
        ]
    );
}

#[test]
fn no_data_is_an_answer_and_nothing_is_held_for_it() {
    let told = served(&holding(), || Err(no_data()));
    assert_eq!(
        told[..4],
        [
            "12 Measured 1",
            "12 Measured 2",
            "0 StatedOnNoData 0",
            "0 StatedOnNoData 0"
        ]
    );
}

#[test]
fn a_series_that_has_stopped_has_no_data() {
    // Datadog goes on to tell the last point as long as it lies in the window.
    let told = served(&holding(), || Ok(sample(12, 0)));
    assert_eq!(
        told[..4],
        [
            "12 Measured 1",
            "12 Measured 2",
            "0 StatedOnNoData 0",
            "0 StatedOnNoData 0"
        ]
    );
}

#[test]
fn that_there_was_a_value_a_moment_ago_does_not_say_that_there_is_none_now() {
    let policy = holding();
    let in_third = |state: &State, policy: &Policy| {
        let reading = policy.reading(state, at(3));
        reading.map(|reading| reading.origin)
    };
    // The next answer is late, since the rate limit is tight.
    let state = State::Waiting.after(Ok(sample(12, 0)), at(1));
    assert_eq!(in_third(&state, &policy), Some(Origin::Held));
    let told = state.told(policy.max_age(), at(3)).unwrap();
    assert_eq!(told.failure.unwrap().reason, Reason::NotAsked);
    let not_held = Policy {
        hold: Duration::ZERO,
        ..holding()
    };
    assert_eq!(in_third(&state, &not_held), None);
    // It comes, and has nothing newer.
    let state = state.after(Ok(sample(12, 0)), at(3));
    assert_eq!(in_third(&state, &policy), Some(Origin::StatedOnNoData));
}

#[test]
fn a_mistake_in_the_query_is_refused_whatever_is_stated() {
    for mistake in [refused(), Cause::UnknownMetric] {
        let told = served(&holding(), || Err(mistake.clone()));
        assert_eq!(told[4..6], ["12 Held 5", "-"], "{mistake}");
    }
}

#[test]
fn by_default_nothing_is_held_and_nothing_invented() {
    let usual = Policy::up_to(MINUTE * 2, Duration::seconds(30));
    for cause in [down(), no_data(), refused()] {
        let told = served(&usual, || Err(cause.clone()));
        assert_eq!(told[..2], ["12 Measured 1", "12 Measured 2"]);
        assert_eq!(told[2..], ["-"; 8], "{cause}");
    }
}

#[test]
fn an_answer_that_is_too_long_ago_does_not_say_that_there_is_no_data_now() {
    let policy = holding();
    let silent = State::Waiting.after(Err(no_data()), at(0));
    let origin = |state: &State, minute| {
        policy
            .reading(state, at(minute))
            .map(|reading| reading.origin)
    };
    assert_eq!(origin(&silent, 2), None);
    // Nobody has asked for three minutes: it is not known whether there is data.
    assert_eq!(origin(&silent, 3), None);
    assert_eq!(origin(&silent, 6), Some(Origin::StatedOnError));
    let asked = silent.after(Err(no_data()), at(3));
    assert_eq!(origin(&asked, 4), Some(Origin::StatedOnNoData));
}

#[test]
fn what_has_never_had_a_value_is_refused_until_its_trouble_has_lasted() {
    let policy = holding();
    assert_eq!(policy.reading(&State::Waiting, at(60)), None);
    let state = State::Waiting.after(Err(down()), at(0));
    assert_eq!(policy.reading(&state, at(5)), None);
    let state = state.after(Err(down()), at(6));
    assert_eq!(
        policy.reading(&state, at(6)).unwrap().sample,
        Sample {
            value: 70.into(),
            time: at(6)
        }
    );
}

#[test]
fn without_replicas_no_data_has_a_number_of_its_own() {
    let usual = Policy::up_to(MINUTE * 2, Duration::seconds(30));
    let wishes = |is_at_zero| Wishes {
        at_zero: Some(Otherwise::Value(1.into())),
        is_at_zero,
        ..Wishes::default()
    };
    let third_minute = |is_at_zero, cause: Cause| {
        let policy = usual.with(&wishes(is_at_zero), Duration::seconds(30));
        served(&policy, || Err(cause.clone())).swap_remove(2)
    };
    assert_eq!(third_minute(true, no_data()), "1 StatedAtZero 0");
    assert_eq!(third_minute(false, no_data()), "-");
    assert_eq!(third_minute(true, down()), "-");
}

#[test]
fn of_two_policies_the_more_careful_counts_in_each_thing() {
    let with = |max_age, hold, on_error: i64, on_no_data| {
        let wishes = Wishes {
            max_age: Some(MINUTE * max_age),
            hold: Some(MINUTE * hold),
            on_error: Some(Otherwise::Value(on_error.into())),
            on_no_data: Some(on_no_data),
            ..Wishes::default()
        };
        Policy::up_to(MINUTE, Duration::seconds(1)).with(&wishes, Duration::seconds(1))
    };
    let (zero, refuse) = (Otherwise::Value(0.into()), Otherwise::Refuse);
    let agreed = with(5, 1, 7, zero).and(&with(2, 9, 8, zero));
    let mut expected = with(2, 1, 7, zero);
    expected.on_error = None;
    assert_eq!(agreed, expected);
    assert_eq!(
        with(2, 1, 7, zero).and(&with(2, 1, 7, refuse)),
        with(2, 1, 7, refuse)
    );
}

#[test]
fn a_wished_age_is_no_younger_than_a_value_can_be() {
    let usual = Policy::up_to(MINUTE, Duration::seconds(30));
    let wishes = Wishes {
        max_age: Some(Duration::seconds(1)),
        ..Wishes::default()
    };
    assert_eq!(
        usual.with(&wishes, Duration::seconds(30)).max_age(),
        Duration::seconds(90)
    );
}

/// What Datadog may answer.
fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => (0..5_i64, 0..100_i64).prop_map(|(age, value)| Answer::Value { age, value }),
        2 => Just(Answer::Down),
        2 => Just(Answer::NoData),
        1 => Just(Answer::Mistake),
        2 => Just(Answer::Nothing),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Value {
        age: i64,
        value: i64,
    },
    Down,
    NoData,
    Mistake,
    /// A minute in which nobody asks.
    Nothing,
}

/// The rule once more, told from the whole history: minute, answer.
fn expected(
    history: &[(i64, Answer)],
    (age, hold): (i64, i64),
    stated: [Option<i64>; 2],
    now: i64,
) -> Option<(i64, i64)> {
    let (heard, latest) = *history.last()?;
    // The newest, and of one time what was said last.
    let value = history
        .iter()
        .filter_map(|(minute, answer)| match answer {
            Answer::Value { age, value } => Some((minute - age, *value)),
            _ => None,
        })
        .max_by_key(|(time, _)| *time);
    let is_recent = now - heard <= age;
    let was_young = value.is_some_and(|(time, _)| heard - time <= age);
    let (kept, otherwise) = match latest {
        Answer::Down => (age + hold, stated[0]),
        Answer::Mistake => (age + hold, None),
        // It came before the value was too old, and so does not say that nothing came after it.
        Answer::Value { .. } | Answer::NoData if is_recent && was_young => (age + hold, None),
        Answer::Value { .. } | Answer::NoData if is_recent => (age, stated[1]),
        _ => (age + hold, stated[0]),
    };
    let began = match value {
        Some((time, value)) if now - time <= kept => return Some((time, value)),
        Some((time, _)) => time,
        None => history.first()?.0,
    };
    otherwise
        .filter(|_| now - began > kept)
        .map(|value| (now, value))
}

proptest! {
    #[test]
    fn after_any_history_is_served_what_the_rule_says(
        answers in prop::collection::vec(answer(), 1..40),
        (age, hold) in (1..4_i32, 0..5_i32),
        stated in prop::array::uniform2(prop::option::of(1000..1002_i64)),
        after in 0..12_i64,
    ) {
        let otherwise = |stated: Option<i64>| Some(stated.map_or(Otherwise::Refuse, |value| Otherwise::Value(value.into())));
        let wishes = Wishes {
            hold: Some(MINUTE * hold),
            on_error: otherwise(stated[0]),
            on_no_data: otherwise(stated[1]),
            ..Wishes::default()
        };
        let policy = Policy::up_to(MINUTE * age, Duration::SECOND).with(&wishes, Duration::SECOND);
        let (mut state, mut history) = (State::Waiting, Vec::new());
        for (minute, answer) in (0_i64..).zip(&answers) {
            let told = match *answer {
                Answer::Value { age, value } => Ok(sample(value, minute - age)),
                Answer::Down => Err(down()),
                Answer::NoData => Err(no_data()),
                Answer::Mistake => Err(refused()),
                Answer::Nothing => continue,
            };
            state = state.after(told, at(minute));
            history.push((minute, *answer));
            let served = policy.reading(&state, at(minute)).map(|reading| reading.sample);
            let rule = expected(&history, (age.into(), hold.into()), stated, minute);
            prop_assert_eq!(served, rule.map(|(time, value)| sample(value, time)), "{:?}", history);
        }
        let now = i64::try_from(answers.len()).unwrap() + after;
        let served = policy.reading(&state, at(now)).map(|reading| reading.sample);
        let rule = expected(&history, (age.into(), hold.into()), stated, now);
        prop_assert_eq!(served, rule.map(|(time, value)| sample(value, time)), "{:?} at {}", history, now);

        // Whoever is told of it serves the same, then and later.
        let told = state.told(policy.max_age(), at(now)).map(State::of).unwrap_or_default();
        prop_assert_eq!(policy.reading(&told, at(now)), policy.reading(&state, at(now)));
        let later = at(now + 20);
        prop_assert_eq!(policy.reading(&told, later), policy.reading(&state, later));
    }

    #[test]
    fn no_value_is_served_that_is_older_than_the_policy_allows(
        answers in prop::collection::vec(answer(), 1..40), (age, hold) in (1..4_i32, 0..5_i32),
    ) {
        let wishes = Wishes { hold: Some(MINUTE * hold), ..Wishes::default() };
        let policy = Policy::up_to(MINUTE * age, Duration::SECOND).with(&wishes, Duration::SECOND);
        let mut state = State::Waiting;
        for (minute, answer) in (0_i64..).zip(&answers) {
            let told = match *answer {
                Answer::Value { age, value } => Ok(sample(value, minute - age)),
                Answer::Nothing => continue,
                _ => Err(down()),
            };
            state = state.after(told, at(minute));
            if let Some(Reading { sample, origin }) = policy.reading(&state, at(minute)) {
                let most = if origin == Origin::Held { age + hold } else { age };
                prop_assert!(sample.age(at(minute)) <= MINUTE * most);
            }
        }
    }
}
