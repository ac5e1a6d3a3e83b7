//! An entry as text.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use provider_api::{
    Condition, ExternalMetric, InvalidName, InvalidQuantity, InvalidSelector, ObjectReference,
    Quantity, Requirement, Selector,
};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{
    Failure, KeptMetric, KeptValue, Known,
    key::{kind_of, word_of},
};
use crate::Demand;

/// The first six fields are those of Datadog's cluster agent, and say what they say
/// there. The others are written where those would lose something.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    metric_name: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    ts: i64,
    reference: Reference<'a>,
    value: Number,
    valid: bool,
    /// The value, where it has more digits than a float.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Quantity>,
    /// The time in full, where it is no whole second.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// The selector, where it is more than labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
    /// The metric's namespace, where it is not that of the object that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    /// What the source was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    /// Whether the value was to be had no longer when it was written. The error says it
    /// too; this is for people.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// The error in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Since when there is no newer value.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// When the source said so for the last time, where it has said it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<String>,
}

#[derive(Serialize)]
struct Reference<'a> {
    r#type: &'a str,
    name: &'a str,
    namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
}

/// What is read: all that was ever written, by anyone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    metric_name: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// A whole number of seconds since 1970; old agents wrote a fraction.
    #[serde(default)]
    ts: Option<Number>,
    #[serde(default)]
    reference: Option<ReadReference>,
    /// In place of the reference, in the oldest form.
    #[serde(default)]
    hpa: Option<ReadReference>,
    #[serde(default)]
    value: Option<Quantity>,
    #[serde(default)]
    valid: bool,
    #[serde(default)]
    quantity: Option<Quantity>,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    selector: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    heard: Option<String>,
}

#[derive(Deserialize)]
struct ReadReference {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
}

/// Why the text of an entry says nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not the JSON of an entry.
    #[error("it is not the JSON of an entry: {0}")]
    Json(#[source] Arc<serde_json::Error>),
    /// It does not say who asks.
    #[error("it does not say which object asks: `reference` has no name")]
    NoAsker,
    /// The metric's name, or its namespace.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The labels, or the selector.
    #[error(transparent)]
    Selector(#[from] InvalidSelector),
    /// The value.
    #[error(transparent)]
    Quantity(#[from] InvalidQuantity),
    /// It has none, and says that it is valid.
    #[error("it is `valid` without a `value`")]
    NoValue,
    /// One of the times.
    #[error("`{0}` is no time: seconds since 1970 are wanted, or 2026-01-02T03:04:05Z")]
    Time(String),
}

/// The text of an entry; [`parse`] undoes it.
pub(super) fn print(kept: &KeptMetric) -> String {
    let KeptMetric {
        demand: Demand { asker, metric },
        uid,
        query,
        known,
    } = kept;
    let value = known.value();
    let failure = known.failure();
    let (quantity, time) = match (value, failure) {
        (Some(KeptValue { value, time }), _) => (value, time),
        (None, Some(failure)) => (0.into(), failure.since()),
        (None, None) => (0.into(), OffsetDateTime::UNIX_EPOCH),
    };
    let namespace = metric.namespace().as_str();
    let (number, is_exact) = number_of(quantity);
    let (labels, is_all) = labels_of(metric.selector());
    let written = Written {
        metric_name: metric.name().as_str(),
        labels,
        ts: time.unix_timestamp(),
        reference: Reference {
            r#type: word_of(&asker.kind),
            name: &asker.name,
            namespace: &asker.namespace,
            uid: uid.as_deref(),
        },
        value: number,
        valid: value.is_some(),
        quantity: (!is_exact).then_some(quantity),
        time: (value.is_some() && time.nanosecond() != 0).then(|| instant(time)),
        selector: (!is_all).then(|| metric.selector().to_string()),
        namespace: (*namespace != *asker.namespace).then_some(namespace),
        query: query.as_deref(),
        held: value.is_some() && failure.is_some(),
        error: failure.map(Failure::why),
        reason: failure.map(Failure::reason).filter(|word| !word.is_empty()),
        since: failure.map(|failure| instant(failure.since())),
        heard: failure
            .filter(|failure| failure.heard() != failure.since())
            .map(|failure| instant(failure.heard())),
    };
    serde_json::to_string(&written).expect("texts and finite numbers have their JSON")
}

/// What the text of an entry says.
pub(super) fn parse(text: &str) -> Result<KeptMetric, Unreadable> {
    let read: Read = serde_json::from_str(text).map_err(|why| Unreadable::Json(Arc::new(why)))?;
    let asker = match (read.reference, read.hpa) {
        (Some(reference), _) if !reference.r#type.is_empty() => reference,
        (_, Some(hpa)) => hpa,
        (reference, None) => reference.ok_or(Unreadable::NoAsker)?,
    };
    let (asker, uid) = asker.read()?;
    let selector = match read.selector {
        Some(selector) => selector.parse()?,
        None => read
            .labels
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| Requirement::new(key, Condition::Equals(value)))
            .collect::<Result<Vec<_>, _>>()
            .map(Selector::of)?,
    };
    let namespace = read.namespace.as_deref().unwrap_or(&asker.namespace);
    let metric = ExternalMetric::new(namespace.parse()?, read.metric_name.parse()?, selector);
    let at = || match &read.time {
        Some(time) => time_of(time),
        None => second(read.ts.as_ref()),
    };
    let failure = match read.error {
        None => None,
        Some(why) => {
            let since = read
                .since
                .as_deref()
                .map_or_else(|| second(read.ts.as_ref()), time_of)?;
            let heard = read.heard.as_deref().map_or(Ok(since), time_of)?;
            let reason = read.reason.unwrap_or_default();
            Some(Failure::new(&why, since).because(&reason).heard_at(heard))
        }
    };
    let value = match read.valid {
        false => None,
        true => Some(KeptValue {
            value: read.quantity.or(read.value).ok_or(Unreadable::NoValue)?,
            time: at()?,
        }),
    };
    let known = match (value, failure) {
        (None, None) => Known::Waiting,
        (None, Some(failure)) => Known::Missing(failure),
        (Some(value), None) => Known::Fresh(value),
        (Some(value), Some(failure)) => Known::Held(value, failure),
    };
    Ok(KeptMetric {
        demand: Demand { asker, metric },
        uid,
        query: read.query.map(Into::into),
        known,
    })
}

impl ReadReference {
    fn read(self) -> Result<(ObjectReference, Option<Arc<str>>), Unreadable> {
        if self.name.is_empty() {
            return Err(Unreadable::NoAsker);
        }
        // Until there was a second kind of autoscalers, the kind was not written.
        let word = match self.r#type.as_str() {
            "" => "horizontal",
            word => word,
        };
        let asker = ObjectReference {
            kind: kind_of(word).into(),
            namespace: self.namespace.into(),
            name: self.name.into(),
        };
        let uid = Some(self.uid).filter(|uid| !uid.is_empty());
        Ok((asker, uid.map(Into::into)))
    }
}

/// The labels of a selector, and whether they are all of it.
fn labels_of(selector: &Selector) -> (BTreeMap<&str, &str>, bool) {
    let requirements = selector.requirements();
    let labels: BTreeMap<_, _> = requirements
        .iter()
        .filter_map(|requirement| match requirement.condition() {
            Condition::Equals(value) => Some((requirement.key(), value.as_str())),
            _ => None,
        })
        .collect();
    // One label that must have two values is one label less.
    let is_all = labels.len() == requirements.len();
    (labels, is_all)
}

/// A number of JSON, and whether the quantity can be read from it again.
fn number_of(quantity: Quantity) -> (Number, bool) {
    let nanos = quantity.nanos();
    let (whole, rest) = (nanos / NANOS, (nanos % NANOS).unsigned_abs());
    if rest == 0
        && let Ok(whole) = i64::try_from(whole)
    {
        return (whole.into(), true);
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let whole = whole.unsigned_abs();
    let float = format!("{sign}{whole}.{rest:09}").parse();
    let number = float.ok().and_then(Number::from_f64);
    let mut digits = nanos.unsigned_abs();
    while digits.is_multiple_of(10) && digits != 0 {
        digits /= 10;
    }
    // Up to so many digits survive a float.
    let is_exact = digits < 1_000_000_000_000_000;
    (number.unwrap_or(0.into()), is_exact)
}

const NANOS: i128 = 1_000_000_000;

/// An instant before the year 0 has no such form, and is written as 1970.
fn instant(time: OffsetDateTime) -> String {
    let utc = time.to_offset(UtcOffset::UTC);
    let text = utc.format(&Rfc3339);
    text.unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

fn time_of(text: &str) -> Result<OffsetDateTime, Unreadable> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Unreadable::Time(text.to_owned()))
}

fn second(number: Option<&Number>) -> Result<OffsetDateTime, Unreadable> {
    let Some(number) = number else {
        return Ok(OffsetDateTime::UNIX_EPOCH);
    };
    let time = match (number.as_i64(), number.as_f64()) {
        (Some(seconds), _) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
        (None, Some(seconds)) => {
            // The cast stops at the ends of an i128, which are no times either.
            OffsetDateTime::from_unix_timestamp_nanos((seconds * NANOS as f64) as i128).ok()
        }
        (None, None) => None,
    };
    time.ok_or_else(|| Unreadable::Time(number.to_string()))
}
