//! What is known of one query, and when it is asked.

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
    pub(crate) fn wanted<'a>(
        &self,
        query: &'a Query,
        life: Life,
        now: OffsetDateTime,
    ) -> Wanted<'a> {
        let ages = self.ages.unwrap_or(Ages::of(life.max_age));
        let life = Life {
            max_age: ages.max_age,
            ..life
        };
        let wanted = |travel, due, deadline| Wanted {
            query,
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

#[cfg(test)]
mod tests {
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
}
