//! What goes to Datadog, and what it answers.

use std::{collections::BTreeSet, ops::Range};

use datadog_query::{NoValue, Point, Query};
use provider_api::{ExternalMetric, ObjectReference};
use time::OffsetDateTime;

use super::{Ledger, standings::within};
use crate::{
    Cause, Next, Plan, Round, Sample,
    known::Known,
    plan::{Life, Wanted},
};

impl Ledger {
    /// Every query that somebody's metric means.
    pub fn queries(&self) -> Vec<Query> {
        self.known.keys().cloned().collect()
    }

    /// What goes to Datadog at `now` after the plan; it counts as asked.
    pub fn next(&mut self, plan: &mut Plan, now: OffsetDateTime) -> Next {
        let wanted = self.wanted_at(0..self.questions(), now);
        let next = plan.next(wanted.into_iter(), self.life(), now);
        self.goes(&next, now);
        next
    }

    /// When and how the queries in these places are asked next.
    pub(crate) fn wanted_at(&self, places: Range<usize>, now: OffsetDateTime) -> Vec<Wanted> {
        let life = self.life();
        let known = within(&self.known, places);
        known
            .map(|(query, known)| known.wanted(query, life, now))
            .collect()
    }

    /// It goes to Datadog.
    pub(crate) fn goes(&mut self, next: &Next, now: OffsetDateTime) {
        for call in &next.calls {
            for query in &call.queries {
                if let Some(known) = self.known.get_mut(query) {
                    known.goes_in(call, now);
                }
            }
        }
    }

    /// Whoever waited for the answers to the calls that are under way is no more: what they were
    /// for is asked again at once.
    pub fn none_is_under_way(&mut self) {
        for known in self.known.values_mut() {
            known.is_waited_for_no_longer();
        }
    }

    /// What it takes to ask for everything once after the plan, where Datadog's limit is
    /// known.
    pub fn round(&self, plan: &Plan, now: OffsetDateTime) -> Option<Round> {
        plan.round(self.life(), now)
    }

    pub(crate) fn life(&self) -> Life {
        Life {
            bucket: self.template.width(),
            max_age: self.policy.max_age(),
        }
    }

    /// The calls of Datadog's limit that `metric` costs in an hour: its query's part of the
    /// calls in which that travels, as often as it was asked the last time. Metrics that
    /// mean one query share its cost. Nothing, where nobody asks for the metric or Datadog
    /// has no words for it.
    pub fn cost(&self, metric: &ExternalMetric) -> Option<f64> {
        let demanded = self.meant_by(metric).ok()?;
        self.known_of(demanded).map(Known::cost)
    }

    /// Datadog's answer to `query` at `now`; returns the turn it brought, where it
    /// brought one. An answer to a query that nobody means any longer is dropped:
    /// the object went while Datadog was asked.
    pub fn record(&mut self, query: &Query, answer: Answer, now: OffsetDateTime) -> Option<Turn> {
        let known = self.known.get_mut(query)?;
        let answer = match answer {
            Answer::Value(point) => Sample::try_from(point).map_err(Cause::from),
            Answer::NoValue(why) => Err(why.into()),
            Answer::UnknownMetric => Err(Cause::UnknownMetric),
        };
        let was = known.state.cause().cloned();
        known.answered(answer, now);
        let is = known.state.cause();
        let is_alike = match (&was, is) {
            (None, None) => true,
            (Some(was), Some(is)) => was.reason() == is.reason(),
            _ => false,
        };
        if is_alike {
            return None;
        }
        let failing = is.map(Cause::to_string);
        let askers = known
            .metrics
            .keys()
            .filter_map(|metric| self.demanded.get(metric));
        Some(Turn {
            askers: askers
                .flat_map(|demanded| demanded.askers.keys().cloned())
                .collect(),
            failing,
        })
    }
}

/// A query began to fail, fails for another reason, or recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The objects whose metrics mean the query.
    pub askers: BTreeSet<ObjectReference>,
    /// Why it fails now; nothing, when it has recovered.
    pub failing: Option<String>,
}

/// What Datadog answered to one query.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A value.
    Value(Point),
    /// No value, and why.
    NoValue(NoValue),
    /// No value, since there is no metric of that name.
    UnknownMetric,
}

impl From<Result<Point, NoValue>> for Answer {
    fn from(answer: Result<Point, NoValue>) -> Self {
        answer.map_or_else(Self::NoValue, Self::Value)
    }
}
