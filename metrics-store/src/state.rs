//! What is known of one query.

use std::sync::Arc;

use datadog_query::NoValue;
use provider_api::InvalidQuantity;
use time::{Duration, OffsetDateTime};

use crate::{Reason, Sample};

/// What is known of one query. How old it is, and so whether it is served, held or
/// refused, is a question asked with `now`: see [`Policy::reading`](crate::Policy::reading).
#[derive(Clone, Debug, Default)]
pub enum State {
    /// Datadog has not answered yet.
    #[default]
    Waiting,
    /// The last answer had a value.
    Fresh {
        /// The newest value there is.
        sample: Sample,
        /// When the answer came.
        heard: OffsetDateTime,
    },
    /// The last answer had none.
    Failing {
        /// Why.
        cause: Cause,
        /// When the answer came.
        heard: OffsetDateTime,
        /// Since when it has been so, whatever the cause in between.
        since: OffsetDateTime,
        /// The newest value there was.
        last: Option<Sample>,
        /// How long the query is kept apart, where it is itself to blame.
        apart: Option<Apart>,
    },
}

/// A query that spoils the calls it travels in is asked alone, and ever more rarely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// How often it was refused, one time after the other.
    pub times: u32,
    /// When it is asked again.
    pub until: OffsetDateTime,
}

/// The wait after the first refusal, which doubles with each,
const FIRST_WAIT: Duration = Duration::seconds(30);
/// up to this.
const LONGEST_WAIT: Duration = Duration::minutes(30);

impl Apart {
    pub(crate) fn after(before: Option<Self>, now: OffsetDateTime) -> Self {
        let times = before.map_or(0, |apart| apart.times).saturating_add(1);
        let doubled = 1_i32.checked_shl(times - 1).filter(|factor| *factor > 0);
        let wait = doubled.map_or(LONGEST_WAIT, |factor| FIRST_WAIT.saturating_mul(factor));
        Self {
            times,
            until: now + wait.min(LONGEST_WAIT),
        }
    }
}

impl State {
    /// The state after an answer that came at `now`.
    #[must_use]
    pub fn after(self, answer: Result<Sample, Cause>, now: OffsetDateTime) -> Self {
        let cause = match answer {
            Ok(sample) => {
                let last = self.last().filter(|last| last.time <= now).cloned();
                return Self::Fresh { sample, heard: now }.knowing(last);
            }
            Err(cause) => cause,
        };
        let (since, last, before) = match self {
            Self::Waiting => (now, None, None),
            Self::Fresh { sample, .. } => (now, Some(sample), None),
            Self::Failing {
                since, last, apart, ..
            } => (since, last, apart),
        };
        let apart = cause.is_the_querys_own().then(|| Apart::after(before, now));
        Self::Failing {
            cause,
            heard: now,
            since,
            last,
            apart,
        }
    }

    /// The state of whoever has this from others besides: the later answer counts, and the
    /// newer value, whoever has which. So it does not matter who is heard first.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        match other.heard() > self.heard() {
            true => other.knowing(self.into_last()),
            false => self.knowing(other.into_last()),
        }
    }

    /// The same answer, where this value is known besides: it counts if it is newer.
    fn knowing(mut self, known: Option<Sample>) -> Self {
        let Some(known) = known.filter(|known| Some(known.time) > self.last().map(|it| it.time))
        else {
            return self;
        };
        match &mut self {
            Self::Waiting => {}
            Self::Fresh { sample, .. } => *sample = known,
            Self::Failing { last, since, .. } => {
                *since = known.time.max(*since);
                *last = Some(known);
            }
        }
        self
    }

    /// Whether Datadog has answered, and never had data.
    pub(crate) fn is_silent(&self) -> bool {
        let reason = self.cause().map(Cause::reason);
        reason == Some(Reason::NoData) && self.last().is_none()
    }

    /// Whether Datadog has not answered yet.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting)
    }

    /// Why the last answer had no value.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Waiting | Self::Fresh { .. } => None,
            Self::Failing { cause, .. } => Some(cause),
        }
    }

    /// Since when no answer has had a value, where it is so.
    pub(crate) fn failing_since(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Waiting | Self::Fresh { .. } => None,
            Self::Failing { since, .. } => Some(*since),
        }
    }

    /// Why there is nothing newer at `now`, where an answer counts for `max_age`.
    pub(crate) fn trouble(&self, max_age: Duration, now: OffsetDateTime) -> Trouble {
        let (heard, is_asked) = match self {
            Self::Waiting => return Trouble::Untold,
            Self::Failing { cause, heard, .. } => match cause.reason() {
                Reason::NoData => (*heard, true),
                Reason::NotAsked => (*heard, false),
                reason => return Trouble::Error(reason),
            },
            Self::Fresh { heard, .. } => (*heard, true),
        };
        if now - heard > max_age {
            return Trouble::Unasked;
        }
        match self.last() {
            Some(last) if last.age(heard) <= max_age => Trouble::Undecided,
            _ if is_asked => Trouble::NoData,
            _ => Trouble::Undecided,
        }
    }

    /// Whether it says nothing of `now`, neither by a value up to `max_age` old nor by a
    /// reason for having none.
    pub(crate) fn says_nothing(&self, max_age: Duration, now: OffsetDateTime) -> bool {
        let is_young = self.last().is_some_and(|last| last.age(now) <= max_age);
        !is_young
            && matches!(
                self.trouble(max_age, now),
                Trouble::Untold | Trouble::Unasked | Trouble::Undecided
            )
    }

    fn into_last(self) -> Option<Sample> {
        match self {
            Self::Waiting => None,
            Self::Fresh { sample, .. } => Some(sample),
            Self::Failing { last, .. } => last,
        }
    }

    /// The newest value there was, however old.
    pub fn last(&self) -> Option<&Sample> {
        match self {
            Self::Waiting => None,
            Self::Fresh { sample, .. } => Some(sample),
            Self::Failing { last, .. } => last.as_ref(),
        }
    }
}

/// Why there is no value that is young enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// Datadog has never answered.
    Untold,
    /// Datadog cannot be asked, or not so.
    Error(Reason),
    /// Datadog has been asked and has nothing, or nothing newer.
    NoData,
    /// Datadog has last been asked while the value was young enough, or by nobody at all:
    /// whether there is a newer one, the next answer tells.
    Undecided,
    /// What Datadog said is too long ago to be true now.
    Unasked,
}

/// Why an answer had no value.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// Datadog has never heard of the metric.
    #[error("Datadog has no metric of this name: check its spelling")]
    UnknownMetric,
    /// Datadog was asked, and gave no usable value.
    #[error(transparent)]
    NoValue(#[from] NoValue),
    /// Datadog gave a number that Kubernetes cannot carry.
    #[error(transparent)]
    NotAQuantity(#[from] InvalidQuantity),
    /// So says another replica, which has asked.
    #[error("{why}")]
    Told {
        /// The reason in a word,
        reason: Reason,
        /// and in a sentence.
        why: Arc<str>,
    },
}

impl Cause {
    /// The reason in a word.
    pub fn reason(&self) -> Reason {
        self.into()
    }

    /// Whether the query itself is wrong.
    fn is_the_querys_own(&self) -> bool {
        match self {
            Self::NoValue(why) => why.is_the_querys_own(),
            Self::UnknownMetric | Self::NotAQuantity(_) | Self::Told { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datadog_query::{Error, NoPoint};
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);

    fn refused() -> Result<Sample, Cause> {
        let error = Error::InvalidQuery {
            status: 400,
            text: "Error parsing query".to_owned(),
        };
        Err(NoValue::Failed(Arc::new(error)).into())
    }

    #[test]
    fn a_query_that_is_itself_to_blame_waits_longer_each_time() {
        let mut state = State::Waiting;
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..9 {
            state = state.after(refused(), now);
            let State::Failing {
                apart: Some(apart), ..
            } = &state
            else {
                panic!("{state:?}")
            };
            waits.push((apart.until - now).whole_seconds());
            now = apart.until;
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
    }

    #[test]
    fn an_answer_that_comes_late_does_not_take_the_place_of_a_newer_value() {
        let seconds = |seconds| NOW + Duration::seconds(seconds);
        let sample = |value: i64, second| Sample {
            value: value.into(),
            time: seconds(second),
        };
        let newest = |state: &State| state.last().cloned();
        let state = State::Waiting.after(Ok(sample(4, 60)), seconds(91));
        let state = state.after(Ok(sample(3, 30)), seconds(92));
        assert_eq!(newest(&state), Some(sample(4, 60)));
        // Datadog may correct what it said of a bucket.
        let state = state.after(Ok(sample(5, 60)), seconds(93));
        assert_eq!(newest(&state), Some(sample(5, 60)));
        // What lies ahead of the clock was not measured: the next answer says what was.
        let state = State::Waiting.after(Ok(sample(9, 600)), seconds(94));
        let state = state.after(Ok(sample(5, 60)), seconds(95));
        assert_eq!(newest(&state), Some(sample(5, 60)));
    }

    #[test]
    fn no_other_failure_keeps_a_query_apart() {
        for why in [
            NoValue::NoSeries {
                span: std::time::Duration::from_secs(300),
            },
            NoValue::Mismatched,
            NoValue::Failed(Arc::new(Error::TimedOut {
                host: "api.datadoghq.eu".to_owned(),
            })),
        ] {
            let state = State::Waiting.after(refused(), NOW);
            let state = state.after(Err(why.into()), NOW);
            assert!(
                matches!(&state, State::Failing { apart: None, .. }),
                "{state:?}"
            );
        }
    }

    #[test]
    fn a_cause_has_its_reason_whatever_it_says_besides() {
        let failed = |error| Cause::from(NoValue::Failed(Arc::new(error)));
        let host = || "api.datadoghq.eu".to_owned();
        let server = |status, text: &str| {
            failed(Error::Server {
                host: host(),
                status,
                text: text.to_owned(),
            })
        };
        let open =
            |complete_at| Cause::from(NoValue::from(NoPoint::OnlyIncomplete { complete_at }));
        let span = std::time::Duration::from_secs(300);
        let causes = [
            (server(500, "request 7f3a"), Reason::Unavailable),
            (server(503, "request 91c0"), Reason::Unavailable),
            (
                failed(Error::TimedOut { host: host() }),
                Reason::Unavailable,
            ),
            (open(NOW), Reason::NoData),
            (NoValue::NoSeries { span }.into(), Reason::NoData),
            (refused().unwrap_err(), Reason::InvalidQuery),
            (Cause::UnknownMetric, Reason::UnknownMetric),
            (
                failed(Error::UriTooLong { host: host() }),
                Reason::InvalidQuery,
            ),
        ];
        for (cause, reason) in causes {
            assert_eq!(cause.reason(), reason, "{cause}");
        }
    }

    #[test]
    fn after_ever_so_many_refusals_the_wait_is_the_longest() {
        let apart = Apart {
            times: u32::MAX,
            until: NOW,
        };
        assert_eq!(Apart::after(Some(apart), NOW).until, NOW + LONGEST_WAIT);
    }
}
