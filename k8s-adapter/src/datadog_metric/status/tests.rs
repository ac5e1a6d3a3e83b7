//! What a status says, and that it does not move without a cause.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::testing::NOW;

fn object(kind: &str, name: &str) -> ObjectReference {
    ObjectReference {
        kind: kind.into(),
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn standing(value: &str, age: i64) -> MetricStanding {
    MetricStanding {
        metric: object("DatadogMetric", "depth"),
        askers: vec![object(WATERMARK.name, "api"), object(HPA.name, "web")],
        is_active: true,
        value: Some((value.parse().unwrap(), NOW - Duration::seconds(age))),
        is_served: true,
        failure: None,
    }
}

fn failing(reason: &str) -> MetricStanding {
    MetricStanding {
        is_served: false,
        failure: Some(MetricFailure {
            reason: reason.to_owned(),
            message: "Datadog has nothing newer".to_owned(),
        }),
        ..standing("7", 90)
    }
}

fn waiting() -> MetricStanding {
    MetricStanding {
        value: None,
        is_served: false,
        ..standing("7", 90)
    }
}

fn idle() -> MetricStanding {
    MetricStanding {
        askers: Vec::new(),
        is_active: false,
        ..waiting()
    }
}

const KINDS: [&str; 4] = ["Active", "Valid", "Updated", "Error"];

fn statuses(status: &Value) -> [String; 4] {
    KINDS.map(|kind| {
        let status = condition(status, kind).unwrap()["status"].as_str();
        status.unwrap().to_owned()
    })
}

fn since(status: &Value) -> [Value; 4] {
    KINDS.map(|kind| condition(status, kind).unwrap()["lastTransitionTime"].clone())
}

#[test]
fn a_status_says_what_datadogs_agent_says() {
    let (worth, written) = status(&Value::Null, &standing("12500m", 40), NOW).unwrap();
    assert_eq!(worth, Worth::Turn);
    let (now, then) = (instant(NOW), instant(NOW - Duration::seconds(40)));
    let condition = |kind: &str, status: &str, updated: &str| {
        json!({
            "type": kind, "status": status,
            "lastTransitionTime": now, "lastUpdateTime": updated,
        })
    };
    assert_eq!(
        written,
        json!({
            "autoscalerReferences": "hpa:shop/web, wpa:shop/api",
            "currentValue": "12.5",
            "conditions": [
                condition("Active", "True", &now),
                condition("Valid", "True", &now),
                condition("Updated", "True", &then),
                condition("Error", "False", &now),
            ],
        })
    );
}

#[test]
fn a_turn_changes_its_own_time_and_no_other() {
    let (_, before) = status(&Value::Null, &standing("7", 90), NOW).unwrap();
    let later = NOW + Duration::minutes(1);
    let (worth, after) = status(&before, &failing("NoData"), later).unwrap();
    assert_eq!(worth, Worth::Turn);
    assert_eq!(after["currentValue"], "7");
    let (then, now) = (json!(instant(NOW)), json!(instant(later)));
    assert_eq!(since(&after), [then.clone(), now.clone(), then, now]);
    let error = condition(&after, "Error").unwrap();
    assert_eq!(
        (&error["reason"], &error["message"]),
        (&json!("NoData"), &json!("Datadog has nothing newer"))
    );
    assert_eq!(status(&after, &failing("NoData"), later), None);
    assert!(status(&after, &failing("Unavailable"), later).is_some());
    let counted = |count: u8| {
        let mut failing = failing("NoData");
        let failure = failing.failure.as_mut().unwrap();
        failure.message = format!("all {count} points are null");
        failing
    };
    let (_, nulls) = status(&after, &counted(9), later).unwrap();
    assert_eq!(status(&nulls, &counted(10), later), None);
}

#[test]
fn a_value_is_written_when_it_has_moved_or_the_one_that_is_written_is_old() {
    let (_, before) = status(&Value::Null, &standing("100", 400), NOW).unwrap();
    for (value, age, expected) in [
        ("100", 0, Some(Worth::Refresh)),
        ("100", 101, None),
        ("101", 101, None),
        ("102", 101, Some(Worth::Refresh)),
        // No newer than what is written.
        ("200", 400, None),
    ] {
        let worth = status(&before, &standing(value, age), NOW).map(|(worth, _)| worth);
        assert_eq!(worth, expected, "{value} of {age} s");
    }
}

#[test]
fn without_a_value_none_is_invented_and_an_old_one_is_not_made_new() {
    let never = MetricStanding {
        value: None,
        ..failing("UnknownMetric")
    };
    let (_, written) = status(&Value::Null, &never, NOW).unwrap();
    assert_eq!(written["currentValue"], "");
    assert_eq!(statuses(&written), ["True", "False", "False", "True"]);
    assert_eq!(time_of(&written, "Updated"), None);

    let (_, written) = status(&Value::Null, &standing("7", 90), NOW).unwrap();
    let later = NOW + Duration::HOUR;
    let (_, written) = status(&written, &idle(), later).unwrap();
    assert_eq!(written["currentValue"], "7");
    assert_eq!(statuses(&written), ["False", "False", "True", "False"]);
    let measured = NOW - Duration::seconds(90);
    assert_eq!(
        time_of(&written, "Updated").map(instant),
        Some(instant(measured))
    );
    assert_eq!(inactive_since(&written).map(instant), Some(instant(later)));
}

#[test]
fn whoever_knows_nothing_yet_leaves_what_is_written() {
    let (_, new) = status(&Value::Null, &waiting(), NOW).unwrap();
    assert_eq!(statuses(&new), ["True", "Unknown", "False", "False"]);
    for stood in [standing("7", 90), failing("NoData")] {
        let (_, written) = status(&Value::Null, &stood, NOW).unwrap();
        assert_eq!(status(&written, &waiting(), NOW + Duration::MINUTE), None);
    }
}

#[test]
fn a_turn_writes_no_older_value_over_a_newer_one() {
    let (_, written) = status(&Value::Null, &standing("9", 10), NOW).unwrap();
    let (_, written) = status(&written, &failing("NoData"), NOW).unwrap();
    assert_eq!(written["currentValue"], "9");
    let measured = NOW - Duration::seconds(10);
    assert_eq!(
        time_of(&written, "Updated").map(instant),
        Some(instant(measured))
    );
}

#[test]
fn a_time_that_is_far_ahead_holds_no_value_up() {
    let (_, mut before) = status(&Value::Null, &standing("9", 10), NOW).unwrap();
    before["conditions"][2]["lastUpdateTime"] = instant(NOW + Duration::DAY).into();
    let (worth, after) = status(&before, &standing("7", 10), NOW).unwrap();
    assert_eq!(worth, Worth::Refresh);
    assert_eq!(after["currentValue"], "7");
    assert_eq!(status(&after, &standing("7", 10), NOW), None);
}

#[test]
fn a_value_that_is_held_or_stated_is_valid_and_says_why_it_is_no_newer() {
    let held = MetricStanding {
        is_served: true,
        ..failing("Unavailable")
    };
    let (_, written) = status(&Value::Null, &held, NOW).unwrap();
    assert_eq!(statuses(&written), ["True", "True", "True", "True"]);
    let stated = MetricStanding {
        value: None,
        ..held
    };
    let (_, written) = status(&Value::Null, &stated, NOW).unwrap();
    assert_eq!(statuses(&written), ["True", "True", "False", "True"]);
    let at_once = MetricStanding {
        is_served: true,
        ..waiting()
    };
    let (_, written) = status(&Value::Null, &at_once, NOW).unwrap();
    assert_eq!(statuses(&written), ["True", "True", "False", "False"]);
}

fn any_standing() -> impl Strategy<Value = MetricStanding> {
    let value = proptest::option::of((-3..3_i64, -1_000_000..1_000_000_i64));
    let failure = proptest::option::of(prop_oneof!["NoData", "Unavailable"]);
    let flags = (any::<bool>(), any::<bool>(), 0..3_usize);
    (value, failure, flags).prop_map(|(value, failure, (is_active, is_served, askers))| {
        MetricStanding {
            metric: object("DatadogMetric", "depth"),
            askers: (0..askers)
                .map(|n| object(HPA.name, &format!("h{n}")))
                .collect(),
            is_active,
            value: value.map(|(value, age)| (value.into(), NOW - Duration::milliseconds(age))),
            is_served,
            failure: failure.map(|reason| MetricFailure {
                message: format!("because of {reason}"),
                reason,
            }),
        }
    })
}

/// What is written of a metric that has stood so, a minute each.
fn history(stood: &[MetricStanding]) -> Value {
    let times = (0..).map(|minute| NOW - Duration::HOUR + Duration::minutes(minute));
    let steps = stood.iter().zip(times);
    steps.fold(Value::Null, |before, (standing, now)| {
        status(&before, standing, now).map_or(before, |(_, written)| written)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_written_once(
        stood in vec(any_standing(), 0..5),
        stands in any_standing(),
        pause in 0..10_000_i64,
    ) {
        if let Some((_, written)) = status(&history(&stood), &stands, NOW) {
            prop_assert_eq!(status(&written, &stands, NOW + Duration::seconds(pause)), None);
        }
    }

    #[test]
    fn a_turn_moves_its_own_time_alone(
        stood in vec(any_standing(), 1..5),
        stands in any_standing(),
    ) {
        let before = history(&stood);
        let Some((_, after)) = status(&before, &stands, NOW) else {
            return Ok(());
        };
        let mut expected = since(&before);
        for (turn, time) in expected.iter_mut().enumerate() {
            if statuses(&before)[turn] != statuses(&after)[turn] {
                *time = instant(NOW).into();
            }
        }
        prop_assert_eq!(since(&after), expected);
    }

    #[test]
    fn no_value_is_older_than_the_one_that_was_written(
        stood in vec(any_standing(), 1..5),
        stands in any_standing(),
    ) {
        let before = history(&stood);
        let updated = time_of(&before, "Updated");
        prop_assume!(updated <= Some(NOW));
        if let Some((_, after)) = status(&before, &stands, NOW) {
            prop_assert!(time_of(&after, "Updated") >= updated, "{after} after {before}");
        }
    }
}

#[test]
fn many_references_are_counted() {
    let many: Vec<_> = (10..33)
        .map(|n| object(HPA.name, &format!("h{n}")))
        .collect();
    let told = references(&many);
    assert!(told.ends_with("hpa:shop/h29 and 3 more"), "{told}");
}

#[test]
fn a_value_is_a_plain_number() {
    for (quantity, expected) in [
        ("0", "0"),
        ("-1500m", "-1.5"),
        ("3e12", "3000000000000"),
        ("1n", "0.000000001"),
    ] {
        assert_eq!(decimal(quantity.parse().unwrap()), expected);
    }
}
