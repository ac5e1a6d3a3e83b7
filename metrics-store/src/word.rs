//! What one replica tells the others of a query.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::{ExternalMetric, ObjectReference};
use time::{Duration, OffsetDateTime};

use crate::{
    Cause, Reason, Sample, State,
    state::{Apart, Trouble},
};

/// What is known of a metric that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Who asks.
    pub askers: Vec<ObjectReference>,
    /// For what.
    pub metric: ExternalMetric,
    /// What Datadog is asked for it; nothing, where it has no words for it.
    pub query: Option<Query>,
    /// What is known; nothing, where Datadog has not answered yet.
    pub told: Option<Told>,
}

/// What is known of a query, as it is told to other replicas and to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When the last answer came.
    pub heard: OffsetDateTime,
    /// The newest value there is, however old.
    pub last: Option<Sample>,
    /// Why there is nothing newer, where there should be.
    pub failure: Option<Failure>,
}

/// Why there is no new value, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason in a word,
    pub reason: Reason,
    /// and in a sentence.
    pub why: Arc<str>,
    /// Since when no answer has had a value, or the value has been too old.
    pub since: OffsetDateTime,
}

impl State {
    /// What is told of it at `now`, where values up to `max_age` old count.
    pub(crate) fn told(&self, max_age: Duration, now: OffsetDateTime) -> Option<Told> {
        let (heard, failure) = match self {
            Self::Waiting => return None,
            Self::Fresh { sample, heard } => {
                let is_old = sample.age(now) > max_age;
                let (reason, why) = match self.trouble(max_age, now) {
                    Trouble::NoData => (Reason::NoData, "Datadog has nothing newer"),
                    _ => (Reason::NotAsked, "Datadog has not answered since"),
                };
                let stopped = || Failure {
                    reason,
                    why: why.into(),
                    since: sample.time.saturating_add(max_age),
                };
                (*heard, is_old.then(stopped))
            }
            Self::Failing {
                cause,
                heard,
                since,
                ..
            } => {
                let failure = Failure {
                    reason: cause.reason(),
                    why: cause.to_string().into(),
                    since: *since,
                };
                (*heard, Some(failure))
            }
        };
        let failure = match self.trouble(max_age, now) {
            Trouble::Unasked => failure.map(|failure| Failure {
                reason: Reason::NotAsked,
                ..failure
            }),
            _ => failure,
        };
        Some(Told {
            heard,
            last: self.last().cloned(),
            failure,
        })
    }

    /// The state of whoever is told this and has not asked.
    pub(crate) fn of(told: Told) -> Self {
        let Told {
            heard,
            last,
            failure,
        } = told;
        match (last, failure) {
            (None, None) => Self::Waiting,
            (Some(sample), None) => Self::Fresh { sample, heard },
            (last, Some(Failure { reason, why, since })) => Self::Failing {
                apart: (reason == Reason::InvalidQuery).then(|| Apart::after(None, heard)),
                cause: Cause::Told { reason, why },
                heard,
                since,
                last,
            },
        }
    }

    /// When the last answer came.
    pub(crate) fn heard(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Waiting => None,
            Self::Fresh { heard, .. } | Self::Failing { heard, .. } => Some(*heard),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        datetime!(2026-01-02 03:00 UTC) + Duration::seconds(second)
    }

    /// What is told, apart from when it was heard.
    fn told() -> impl Strategy<Value = Told> {
        let last = prop::option::of(0..50_i64);
        (last, any::<bool>(), 0..50_i64).prop_map(|(last, fails, since)| Told {
            heard: at(0),
            // Datadog has one value of one time.
            last: last.map(|second| Sample {
                value: second.into(),
                time: at(second),
            }),
            failure: (fails || last.is_none()).then(|| Failure {
                reason: Reason::Unavailable,
                why: "Datadog is away".into(),
                since: at(since),
            }),
        })
    }

    proptest! {
        #[test]
        fn of_what_several_tell_the_latest_answer_counts_and_the_newest_value_whoever_is_heard_first(
            (told, order) in prop::collection::vec(told(), 1..6).prop_flat_map(|told| {
                let told: Vec<_> = (60..).zip(told).map(|(second, told)| Told { heard: at(second), ..told }).collect();
                (Just(told.clone()), Just(told).prop_shuffle())
            })
        ) {
            let states = order.into_iter().map(State::of);
            let known = states.fold(State::Waiting, State::and).told(Duration::HOUR, at(100));
            let newest = told.iter().filter_map(|told| told.last.clone()).max_by_key(|last| last.time);
            let mut latest = told.last().cloned().unwrap();
            // There was a value when it was measured, whoever did not have it.
            if let (Some(newest), Some(failure)) = (&newest, &mut latest.failure)
                && Some(newest) != latest.last.as_ref()
            {
                failure.since = failure.since.max(newest.time);
            }
            prop_assert_eq!(known, Some(Told { last: newest, ..latest }));
        }
    }
}
