//! What the status of a `DatadogMetric` says, and when it is worth a write.

use std::fmt::Write as _;

use provider_api::{ObjectReference, Quantity};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    kind::{HPA, WATERMARK},
    wording::says_the_same,
};

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
    /// Whether whoever reads the metric is given a value.
    pub is_served: bool,
    /// Why there is no new value. Without that and without a value, nothing is known yet.
    pub failure: Option<MetricFailure>,
}

/// Why a metric has no new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricFailure {
    /// In a word.
    pub reason: String,
    /// In a sentence. It is written again when more than its numbers change.
    pub message: String,
}

/// How much a write matters: turns come first, and then what was written longest ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    Turn,
    Refresh,
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
    let text = |name: &str| before.get(name).and_then(Value::as_str).unwrap_or_default();
    let written = time_of(before, "Updated");
    // What a leader knew before it was paused is older than what another has written since,
    // and a time that is far ahead is nobody's measurement.
    let value = standing.value.filter(|(_, measured)| {
        written.is_none_or(|written| written <= *measured || written > now + OLD)
    });
    let conditions = conditions(before, standing, value.map(|(_, measured)| measured), now);
    let references = references(&standing.askers);
    let is_turn = references != text("autoscalerReferences")
        || conditions
            .iter()
            .any(|condition| !is_said(before, condition));
    let worth = match (is_turn, value) {
        (true, _) => Worth::Turn,
        (false, Some((value, measured))) => {
            let written = written.unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let is_worth_it = measured != written
                && (moved(text("currentValue"), value) || (measured - written).abs() >= OLD);
            is_worth_it.then_some(Worth::Refresh)?
        }
        (false, None) => return None,
    };
    let value = value.map(|(value, _)| decimal(value));
    let status = json!({
        "autoscalerReferences": references,
        // The last one there was, of which the conditions say whether it is served.
        "currentValue": value.as_deref().unwrap_or_else(|| text("currentValue")),
        "conditions": conditions,
    });
    Some((worth, status))
}

/// Always these four, in this order.
fn conditions(
    before: &Value,
    standing: &MetricStanding,
    measured: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> [Value; 4] {
    let is = |kind: &str, status: &str, updated| said(before, kind, status, updated, now);
    let or = |kind: &str, new: &str| {
        let kept = condition(before, kind).cloned();
        kept.unwrap_or_else(|| is(kind, new, None))
    };
    let word = |is_so: bool| if is_so { "True" } else { "False" };
    let is_known = standing.value.is_some() || standing.failure.is_some();
    // A replica that has just begun to lead knows less than is written.
    let is_waiting = standing.is_active && !is_known;
    let valid = match is_waiting && !standing.is_served {
        true => or("Valid", "Unknown"),
        false => is(
            "Valid",
            word(standing.is_active && standing.is_served),
            Some(now),
        ),
    };
    let updated = match measured {
        Some(measured) => is("Updated", "True", Some(measured)),
        None => or("Updated", "False"),
    };
    let error = match &standing.failure {
        _ if is_waiting => or("Error", "False"),
        None => is("Error", "False", Some(now)),
        Some(MetricFailure { reason, message }) => {
            let mut error = is("Error", "True", Some(now));
            error["reason"] = reason.as_str().into();
            error["message"] = message.as_str().into();
            error
        }
    };
    [
        is("Active", word(standing.is_active), Some(now)),
        valid,
        updated,
        error,
    ]
}

/// A condition, which keeps the time of its last transition as long as it stands so.
fn said(
    before: &Value,
    kind: &str,
    status: &str,
    updated: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Value {
    let stood = condition(before, kind).filter(|before| before["status"] == status);
    let since = stood.and_then(|before| before["lastTransitionTime"].as_str());
    let mut condition = json!({
        "type": kind,
        "status": status,
        "lastTransitionTime": since.map_or_else(|| instant(now), ToOwned::to_owned),
    });
    if let Some(updated) = updated {
        condition["lastUpdateTime"] = instant(updated).into();
    }
    condition
}

/// What is left of a status whose value is another query's: who asks, and since when.
pub(super) fn without_answer(status: &Value) -> Value {
    let references = status.get("autoscalerReferences");
    let active = condition(status, "Active");
    json!({
        "autoscalerReferences": references,
        "conditions": active.into_iter().collect::<Vec<_>>(),
    })
}

/// Whether the status says this already, whenever.
fn is_said(before: &Value, now: &Value) -> bool {
    let kind = now["type"].as_str().unwrap_or_default();
    condition(before, kind).is_some_and(|before| {
        before["status"] == now["status"]
            && before["reason"] == now["reason"]
            && says_the_same(message(before), message(now))
    })
}

fn message(condition: &Value) -> &str {
    condition["message"].as_str().unwrap_or_default()
}

/// When the status was written last.
pub(super) fn written_at(status: &Value) -> Option<OffsetDateTime> {
    time_of(status, "Active")
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
    let mut sorted: Vec<_> = askers.iter().collect();
    sorted.sort_unstable();
    for asker in sorted.into_iter().take(MOST_REFERENCES) {
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
mod tests;
