//! What is known of one query, and when it is asked.

#[cfg(test)]
mod tests;

use datadog_query::{Error, NoValue, Query};
use provider_api::ExternalMetric;
use time::{Duration, OffsetDateTime};

use crate::{
    Cause, Sample, State, Told,
    few::Few,
    plan::{Call, Life, Travel, Wanted},
};

#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) state: State,
    /// The metrics that mean this query, as they are written.
    pub(crate) metrics: Few<ExternalMetric>,
    /// What they say of its age; nothing, as long as there are none.
    ages: Option<Ages>,
    asked: Option<Asked>,
}

/// How old a value may be, among those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ages {
    /// The least age up to which it counts.
    pub(crate) max_age: Duration,
    /// How far back it is looked for.
    pub(crate) look_back: Duration,
}

impl Ages {
    /// It counts up to this age, and is looked for as far back at least.
    pub(crate) fn of(max_age: Duration) -> Self {
        Self {
            max_age,
            look_back: max_age,
        }
    }

    pub(crate) fn looking_back(self, look_back: Duration) -> Self {
        Self {
            look_back: self.look_back.max(look_back),
            ..self
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            max_age: self.max_age.min(other.max_age),
            look_back: self.look_back.max(other.look_back),
        }
    }
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
    /// What its metrics say of its age; nothing, as long as there are none.
    pub(crate) fn ages(&self) -> Option<Ages> {
        self.ages
    }

    /// This is what they say. Where it is looked for further back than before, that there never
    /// was data says nothing: Datadog has yet to be asked so.
    pub(crate) fn agree(&mut self, ages: Option<Ages>) {
        let look_back = |ages: Option<Ages>| ages.map(|ages| ages.look_back);
        if look_back(ages) > look_back(self.ages) && self.state.is_silent() {
            self.asked = None;
            self.state = State::Waiting;
        }
        self.ages = ages;
    }

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

    /// Nobody waits for an answer to it any longer.
    pub(crate) fn is_waited_for_no_longer(&mut self) {
        self.asked = self.asked.filter(|asked| asked.is_answered);
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

    /// Another replica tells this of it.
    pub(crate) fn hears(&mut self, told: Told) {
        let heard = told.heard;
        let is_later = self.state.heard().is_none_or(|known| known < heard);
        self.state = std::mem::take(&mut self.state).and(State::of(told));
        // Whoever goes on from here asks for nothing at once that was asked just now.
        if is_later && self.asked.is_none_or(|asked| asked.at < heard) {
            self.asked = Some(Asked {
                at: heard,
                is_answered: true,
                due: heard,
                every: Duration::SECOND,
                share: 0.0,
            });
        }
    }

    /// When and how it is asked next.
    pub(crate) fn wanted(&self, query: &Query, life: Life, now: OffsetDateTime) -> Wanted {
        let ages = self.ages.unwrap_or(Ages::of(life.max_age));
        let life = Life {
            max_age: ages.max_age,
            ..life
        };
        let wanted = |travel, due, deadline| Wanted {
            query: query.clone(),
            travel,
            due,
            deadline,
            look_back: ages.look_back,
        };
        let Some(asked) = self.asked else {
            return wanted(Travel::Together, now, None);
        };
        let patience = life.max_age.saturating_mul(PATIENCE);
        let in_vain = asked.at.saturating_add(patience);
        // A clock that was set back makes nobody wait.
        let due = if now < asked.at { now } else { asked.due };
        if !asked.is_answered {
            let lost = (asked.at + LOST).min(now + LOST);
            return wanted(Travel::UnderWay, lost, Some(in_vain));
        }
        match &self.state {
            // There is nothing newer before the next bucket has closed.
            State::Fresh { sample, .. } => {
                let closes = sample.time.saturating_add(life.bucket * 2);
                let is_near = closes <= now + life.bucket;
                let due = if is_near { due.max(closes) } else { due };
                wanted(Travel::Together, due, Some(runs_out(sample, life)))
            }
            State::Failing {
                apart: Some(apart), ..
            } => {
                let due = if now < asked.at { now } else { apart.until };
                let in_vain = due.saturating_add(patience);
                wanted(Travel::Alone, due, Some(in_vain))
            }
            State::Failing {
                last: Some(sample), ..
            } if now <= runs_out(sample, life) => {
                wanted(Travel::Together, due, Some(runs_out(sample, life)))
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

/// The moment from which on it is too old. A time comes from outside, and may be any.
fn runs_out(sample: &Sample, life: Life) -> OffsetDateTime {
    sample.time.saturating_add(life.max_age)
}

fn is_a_call_too_many(answer: &Result<Sample, Cause>) -> bool {
    match answer {
        Err(Cause::NoValue(NoValue::Failed(why))) => matches!(**why, Error::RateLimited { .. }),
        _ => false,
    }
}
