//! What is known of one query, and when it is asked.

use std::collections::BTreeSet;

use datadog_query::{Error, NoValue, Query};
use provider_api::ExternalMetric;
use time::{Duration, OffsetDateTime};

use crate::{
    Cause, Sample, State,
    plan::{Call, Life, Travel, Wanted},
};

#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) state: State,
    /// The metrics that mean this query, as they are written.
    pub(crate) metrics: BTreeSet<ExternalMetric>,
    asked: Option<Asked>,
}

/// When it was asked last.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: OffsetDateTime,
    is_answered: bool,
    /// From when on it may be asked again.
    due: OffsetDateTime,
    /// How long it was since the time before.
    every: Duration,
    /// Its part of the call.
    share: f64,
}

/// A call that is not answered for so long was lost: whoever made it is no more.
const LOST: Duration = Duration::minutes(2);

/// A query without a value can wait as long as so many values live: none grows old by it.
const PATIENCE: i32 = 4;

impl Known {
    /// It goes to Datadog at `now`, in this call.
    pub(crate) fn goes_in(&mut self, call: &Call, now: OffsetDateTime) {
        let before = self.asked.map(|asked| now - asked.at);
        self.asked = Some(Asked {
            at: now,
            is_answered: false,
            due: call.due,
            every: before.unwrap_or(call.due - now).max(Duration::SECOND),
            share: 1.0 / call.queries.len() as f64,
        });
    }

    /// Datadog's answer to it came at `now`.
    pub(crate) fn answered(&mut self, answer: Result<Sample, Cause>, now: OffsetDateTime) {
        match &mut self.asked {
            // A call too many counts as if it had not been made.
            asked if is_a_call_too_many(&answer) => *asked = None,
            Some(asked) => asked.is_answered = true,
            None => {}
        }
        self.state = std::mem::take(&mut self.state).after(answer, now);
    }

    /// When and how it is asked next.
    pub(crate) fn wanted<'a>(
        &self,
        query: &'a Query,
        life: Life,
        now: OffsetDateTime,
    ) -> Wanted<'a> {
        let wanted = |travel, due, deadline| Wanted {
            query,
            travel,
            due,
            deadline,
        };
        let Some(asked) = self.asked else {
            return wanted(Travel::Together, now, None);
        };
        let in_vain = asked.at + life.max_age * PATIENCE;
        // A clock that was set back makes nobody wait.
        let due = if now < asked.at { now } else { asked.due };
        if !asked.is_answered {
            let lost = (asked.at + LOST).min(now + LOST);
            return wanted(Travel::UnderWay, lost, Some(in_vain));
        }
        match &self.state {
            // There is nothing newer before the next bucket has closed.
            State::Fresh(sample) => {
                let closes = sample.time + life.bucket * 2;
                let due = if closes <= now + life.bucket {
                    due.max(closes)
                } else {
                    due
                };
                wanted(Travel::Together, due, Some(sample.time + life.max_age))
            }
            State::Failing {
                apart: Some(apart), ..
            } => {
                let due = if now < asked.at { now } else { apart.until };
                wanted(Travel::Alone, due, Some(due + life.max_age * PATIENCE))
            }
            State::Failing {
                last: Some(sample), ..
            } if sample.age(now) <= life.max_age => {
                wanted(Travel::Together, due, Some(sample.time + life.max_age))
            }
            State::Failing { .. } | State::Waiting => wanted(Travel::Together, due, Some(in_vain)),
        }
    }

    /// The calls that it costs in an hour, if it goes on as it went the last time.
    pub(crate) fn cost(&self) -> f64 {
        let Some(asked) = self.asked else {
            return 0.0;
        };
        let (share, every) = match &self.state {
            State::Failing {
                apart: Some(apart), ..
            } => (1.0, (apart.until - asked.at).max(Duration::SECOND)),
            _ => (asked.share, asked.every),
        };
        share * Duration::HOUR.as_seconds_f64() / every.as_seconds_f64()
    }
}

fn is_a_call_too_many(answer: &Result<Sample, Cause>) -> bool {
    match answer {
        Err(Cause::NoValue(NoValue::Failed(why))) => matches!(**why, Error::RateLimited { .. }),
        _ => false,
    }
}
