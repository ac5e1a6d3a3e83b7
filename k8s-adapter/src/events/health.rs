//! What is told of a metric, and when.

use std::sync::Arc;

use provider_api::ObjectReference;

use crate::wording::says_the_same;

/// How it stands with a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has a value.
    Served,
    /// An older value is served in its place.
    Held {
        /// Why there is no newer one.
        why: String,
    },
    /// It has none.
    Failing {
        /// Why.
        why: String,
    },
}

impl Health {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Served, Self::Served) => true,
            (Self::Held { why }, Self::Held { why: other })
            | (Self::Failing { why }, Self::Failing { why: other }) => says_the_same(why, other),
            _ => false,
        }
    }
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// All is well.
    Normal,
    /// Somebody should look into it.
    Warning,
}

/// What is to be told on an object. Equal notices are told as one that happened again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The object: an autoscaler that asks, or the `DatadogMetric` that it asks for.
    pub about: ObjectReference,
    /// Its uid, where that is known; else it is looked up.
    pub uid: Option<Arc<str>>,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in one word for machines.
    pub reason: &'static str,
    /// What happened, for people. A time in it makes every notice another one.
    pub note: String,
}

/// What to tell an object of a metric, of which it stands `after` otherwise than
/// `before`; nothing, if it stands as it did, by whatever numbers in the reason. Nobody needs to hear of a metric that is
/// served from the first moment on.
pub fn turn(
    about: &ObjectReference,
    uid: Option<&Arc<str>>,
    metric: &str,
    before: Option<&Health>,
    after: &Health,
) -> Option<Notice> {
    if before.is_some_and(|before| before.is_like(after)) {
        return None;
    }
    let (severity, reason, note) = match after {
        Health::Served => {
            before?;
            let note = format!("{metric} has a new value again");
            (Severity::Normal, "ExternalMetricServed", note)
        }
        Health::Held { why } => {
            let note = format!("{metric} keeps its last value: {why}");
            (Severity::Warning, "ExternalMetricHeld", note)
        }
        Health::Failing { why } => {
            let note = format!("{metric} has no value: {why}");
            (Severity::Warning, "ExternalMetricFailing", note)
        }
    };
    Some(Notice {
        about: about.clone(),
        uid: uid.cloned(),
        severity,
        reason,
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_is_told_once_and_a_good_beginning_is_not() {
        let about = ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: "shop".into(),
            name: "nginxext".into(),
        };
        let held = |why: &str| Health::Held {
            why: why.to_owned(),
        };
        let failing = |why: &str| Health::Failing {
            why: why.to_owned(),
        };
        let course = [
            Health::Served,
            held("away"),
            held("away"),
            failing("away"),
            failing("9 nulls"),
            failing("10 nulls"),
            Health::Served,
            Health::Served,
        ];
        let mut before = None;
        let told: Vec<_> = course
            .iter()
            .filter_map(|after| turn(&about, None, "queue", before.replace(after), after))
            .map(|notice| (notice.severity, notice.reason, notice.note))
            .collect();
        let told: Vec<_> = told.iter().map(|(s, r, n)| (*s, *r, n.as_str())).collect();
        use Severity::{Normal, Warning};
        assert_eq!(
            told,
            [
                (
                    Warning,
                    "ExternalMetricHeld",
                    "queue keeps its last value: away"
                ),
                (Warning, "ExternalMetricFailing", "queue has no value: away"),
                (
                    Warning,
                    "ExternalMetricFailing",
                    "queue has no value: 9 nulls"
                ),
                (
                    Normal,
                    "ExternalMetricServed",
                    "queue has a new value again"
                ),
            ]
        );
        let first = turn(&about, None, "queue", None, &failing("away")).map(|notice| notice.reason);
        assert_eq!(first, Some("ExternalMetricFailing"));
    }
}
