//! What the status of a `DatadogMetric` says, and when it is worth a write.

use std::fmt::Write as _;

use provider_api::{ObjectReference, Quantity};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::kind::{HPA, WATERMARK};

/// How it stands with a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricStanding {
    /// The `DatadogMetric`.
    pub metric: ObjectReference,
    /// The autoscalers that ask for it.
    pub askers: Vec<ObjectReference>,
    /// Whether its source is asked.
    pub is_active: bool,
    /// The newest value there is, and when it was measured.
    pub value: Option<(Quantity, OffsetDateTime)>,
    /// Why that is not served as the metric's value.
    pub failure: Option<MetricFailure>,
}

/// Why a metric has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricFailure {
    /// In a word.
    pub reason: String,
    /// In a sentence. A count or a time of day in it makes each another one.
    pub message: String,
}

/// How much a write matters: first come turns, and then what was written longest ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    Turn,
    Refresh(OffsetDateTime),
}

/// By which part of itself a value may move unwritten.
const TOLERANCE: f64 = 0.01;
/// A value is written anew after so long, whether it has moved or not.
const OLD: Duration = Duration::minutes(5);
/// Many autoscalers may refer to one metric, and a column shows them.
const MOST_REFERENCES: usize = 20;

/// The status to write at `now` in place of `before`, and what it is worth; nothing, where
/// that says as much.
pub(super) fn status(
    before: &Value,
    standing: &MetricStanding,
    now: OffsetDateTime,
) -> Option<(Worth, Value)> {
    let is_valid = standing.is_active && standing.value.is_some() && standing.failure.is_none();
    let failure = standing.failure.as_ref();
    let measured = standing.value.map(|(_, time)| time);
    let known = [
        Condition::of("Active", standing.is_active, now),
        Condition::of("Valid", is_valid, now),
        Condition::of("Updated", measured.is_some(), measured.unwrap_or(now)),
        Condition {
            reason: failure.map_or("", |failure| &failure.reason),
            message: failure.map_or("", |failure| &failure.message),
            ..Condition::of("Error", failure.is_some(), now)
        },
    ];
    let references = references(&standing.askers);
    let value = standing.value.map(|(value, _)| decimal(value));
    let text = |name: &str| before.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_turn = references != text("autoscalerReferences")
        || known.iter().any(|condition| !condition.is_said(before));
    let worth = match (is_turn, standing.value) {
        (true, _) => Worth::Turn,
        (false, Some((value, measured))) => {
            let written = time_of(before, "Updated").unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let is_new = measured > written;
            let is_worth_it =
                is_new && (moved(text("currentValue"), value) || measured - written >= OLD);
            is_worth_it.then_some(Worth::Refresh(written))?
        }
        (false, None) => return None,
    };
    let status = json!({
        "autoscalerReferences": references,
        // The last one there was, which the conditions say whether to trust.
        "currentValue": value.as_deref().unwrap_or_else(|| text("currentValue")),
        "conditions": known.iter().map(|condition| condition.written(before, now)).collect::<Vec<_>>(),
    });
    Some((worth, status))
}

struct Condition<'a> {
    kind: &'static str,
    is_true: bool,
    updated: OffsetDateTime,
    reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    fn of(kind: &'static str, is_true: bool, updated: OffsetDateTime) -> Self {
        Self {
            kind,
            is_true,
            updated,
            reason: "",
            message: "",
        }
    }

    fn status(&self) -> &'static str {
        if self.is_true { "True" } else { "False" }
    }

    fn is_said(&self, before: &Value) -> bool {
        let Some(before) = condition(before, self.kind) else {
            return false;
        };
        let text = |name: &str| before.get(name).and_then(Value::as_str).unwrap_or_default();
        text("status") == self.status()
            && text("reason") == self.reason
            && text("message") == self.message
    }

    fn written(&self, before: &Value, now: OffsetDateTime) -> Value {
        let before = condition(before, self.kind);
        let stood = before.filter(|before| before["status"] == self.status());
        let since = stood.and_then(|before| before["lastTransitionTime"].as_str());
        let mut condition = json!({
            "type": self.kind,
            "status": self.status(),
            "lastTransitionTime": since.map_or_else(|| instant(now), ToOwned::to_owned),
            "lastUpdateTime": instant(self.updated),
        });
        if !self.reason.is_empty() {
            condition["reason"] = self.reason.into();
            condition["message"] = self.message.into();
        }
        condition
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = status.get("conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

fn time_of(status: &Value, kind: &str) -> Option<OffsetDateTime> {
    let time = condition(status, kind)?["lastUpdateTime"].as_str()?;
    OffsetDateTime::parse(time, &Rfc3339).ok()
}

/// Since when nobody asks for the metric, as far as its status says.
pub(super) fn inactive_since(status: &Value) -> Option<OffsetDateTime> {
    let active = condition(status, "Active")?;
    let since = active["lastTransitionTime"].as_str()?;
    let since = OffsetDateTime::parse(since, &Rfc3339).ok()?;
    (active["status"] == "False").then_some(since)
}

fn moved(written: &str, value: Quantity) -> bool {
    let (Ok(was), Ok(is)) = (written.parse::<f64>(), decimal(value).parse::<f64>()) else {
        return true;
    };
    (is - was).abs() > TOLERANCE * was.abs()
}

/// As Datadog's agent writes it: `hpa:shop/web, wpa:shop/api`.
fn references(askers: &[ObjectReference]) -> String {
    let mut references = String::new();
    for asker in askers.iter().take(MOST_REFERENCES) {
        let kind = match asker.kind.as_ref() {
            kind if kind == HPA.name => "hpa",
            kind if kind == WATERMARK.name => "wpa",
            kind => kind,
        };
        let comma = if references.is_empty() { "" } else { ", " };
        // A text takes whatever is written to it.
        let _ = write!(
            references,
            "{comma}{kind}:{}/{}",
            asker.namespace, asker.name
        );
    }
    if let more @ 1.. = askers.len().saturating_sub(MOST_REFERENCES) {
        let _ = write!(references, " and {more} more");
    }
    references
}

/// Without a suffix and without an exponent.
fn decimal(value: Quantity) -> String {
    const UNIT: u128 = 1_000_000_000;
    let nanos = value.nanos().unsigned_abs();
    let sign = if value.nanos() < 0 { "-" } else { "" };
    let fraction = format!("{:09}", nanos % UNIT);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{}", nanos / UNIT),
        fraction => format!("{sign}{}.{fraction}", nanos / UNIT),
    }
}

/// In whole seconds, as Kubernetes has times.
fn instant(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
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
            askers: vec![object(HPA.name, "web"), object(WATERMARK.name, "api")],
            is_active: true,
            value: Some((value.parse().unwrap(), NOW - Duration::seconds(age))),
            failure: None,
        }
    }

    fn failing(reason: &str) -> MetricStanding {
        MetricStanding {
            failure: Some(MetricFailure {
                reason: reason.to_owned(),
                message: "Datadog has nothing newer".to_owned(),
            }),
            ..standing("7", 90)
        }
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
        let since = |kind: &str| condition(&after, kind).unwrap()["lastTransitionTime"].clone();
        let (then, now) = (json!(instant(NOW)), json!(instant(later)));
        let times = ["Active", "Valid", "Updated", "Error"].map(since);
        assert_eq!(times, [then.clone(), now.clone(), then, now]);
        let error = condition(&after, "Error").unwrap();
        assert_eq!(
            (&error["reason"], &error["message"]),
            (&json!("NoData"), &json!("Datadog has nothing newer"))
        );
        assert_eq!(status(&after, &failing("NoData"), later), None);
        assert!(status(&after, &failing("Unavailable"), later).is_some());
    }

    #[test]
    fn a_value_is_written_when_it_has_moved_or_the_one_that_is_written_is_old() {
        let (_, before) = status(&Value::Null, &standing("100", 400), NOW).unwrap();
        let written = NOW - Duration::seconds(400);
        for (value, age, expected) in [
            ("100", 0, Some(Worth::Refresh(written))),
            ("100", 101, None),
            ("101", 101, None),
            ("102", 101, Some(Worth::Refresh(written))),
            // No newer than what is written.
            ("200", 400, None),
        ] {
            let worth = status(&before, &standing(value, age), NOW).map(|(worth, _)| worth);
            assert_eq!(worth, expected, "{value} of {age} s");
        }
    }

    #[test]
    fn without_a_value_none_is_invented() {
        let never = MetricStanding {
            value: None,
            ..failing("UnknownMetric")
        };
        let (_, written) = status(&Value::Null, &never, NOW).unwrap();
        assert_eq!(written["currentValue"], "");
        let idle = MetricStanding {
            askers: Vec::new(),
            is_active: false,
            ..standing("7", 90)
        };
        let (_, written) = status(&written, &idle, NOW).unwrap();
        let statuses = ["Active", "Valid", "Updated", "Error"]
            .map(|kind| condition(&written, kind).unwrap()["status"].clone());
        assert_eq!(statuses, ["False", "False", "True", "False"]);
        assert_eq!(inactive_since(&written).map(instant), Some(instant(NOW)));
    }

    #[test]
    fn many_references_are_counted() {
        let many: Vec<_> = (0..23)
            .map(|n| object(HPA.name, &format!("h{n}")))
            .collect();
        let told = references(&many);
        assert!(told.ends_with("hpa:shop/h19 and 3 more"), "{told}");
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
}
