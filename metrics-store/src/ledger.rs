//! The plain maps: who asks for which metric, and what is known of its query.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use datadog_query::{NoValue, Point, Query};
use provider_api::{ExternalMetric, ObjectReference};
use time::{Duration, OffsetDateTime};

use crate::{
    Cause, Inexpressible, Key, Next, Plan, Policy, Round, Sample, State, Template, Unready,
    capitals::Capitals, known::Known, plan::Life,
};

/// Who asks for which metric, and what is known of its query.
///
/// A query is asked and answered once, however many metrics of however many
/// autoscalers mean it; that is why what is known hangs on the query.
#[derive(Debug)]
pub struct Ledger {
    template: Template,
    policy: Policy,
    synced: bool,
    /// By the metric as the autoscalers write it.
    demanded: HashMap<ExternalMetric, Demanded>,
    capitals: Capitals,
    known: HashMap<Query, Known>,
}

#[derive(Debug)]
struct Demanded {
    askers: BTreeSet<ObjectReference>,
    query: Result<Query, Inexpressible>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(template: Template, policy: Policy) -> Self {
        Self {
            template,
            policy,
            synced: false,
            demanded: HashMap::new(),
            capitals: Capitals::default(),
            known: HashMap::new(),
        }
    }

    /// `key.asker` asks for `key.metric`. Tells whether Datadog has yet to be asked
    /// for it.
    ///
    /// # Errors
    /// When the metric cannot be asked of Datadog. The demand stands all the
    /// same, and whoever reads the metric is told why it has no value.
    pub fn demand(&mut self, key: Key) -> Result<bool, Inexpressible> {
        let Key { asker, metric } = key;
        if let Some(demanded) = self.demanded.get_mut(&metric) {
            demanded.askers.insert(asker);
            return demanded.query.as_ref().map(|_| false).map_err(Clone::clone);
        }
        let query = self.template.query(&metric);
        let answer = match &query {
            Ok(query) => {
                let known = self.known.entry(query.clone()).or_default();
                known.metrics.insert(metric.clone());
                Ok(matches!(known.state, State::Waiting))
            }
            Err(why) => Err(why.clone()),
        };
        self.capitals.insert(&metric);
        self.demanded.insert(
            metric,
            Demanded {
                askers: BTreeSet::from([asker]),
                query,
            },
        );
        answer
    }

    /// `key.asker` asks for `key.metric` no longer. What nobody asks for is
    /// forgotten.
    pub fn withdraw(&mut self, key: &Key) {
        let Some(demanded) = self.demanded.get_mut(&key.metric) else {
            return;
        };
        demanded.askers.remove(&key.asker);
        if !demanded.askers.is_empty() {
            return;
        }
        self.capitals.remove(&key.metric);
        let query = self
            .demanded
            .remove(&key.metric)
            .and_then(|demanded| demanded.query.ok());
        if let Some(query) = query
            && let Entry::Occupied(mut known) = self.known.entry(query)
        {
            known.get_mut().metrics.remove(&key.metric);
            if known.get().metrics.is_empty() {
                known.remove();
            }
        }
    }

    /// All demands of the cluster are known: from now on a metric that nobody
    /// asks for is refused as unknown.
    pub fn synced(&mut self) {
        self.synced = true;
    }

    /// Whether all demands of the cluster are known.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Every query that somebody's metric means.
    pub fn queries(&self) -> Vec<Query> {
        self.known.keys().cloned().collect()
    }

    /// What goes to Datadog at `now` after the plan; it counts as asked.
    pub fn next(&mut self, plan: &mut Plan, now: OffsetDateTime) -> Next {
        let next = self.planned(plan, now);
        self.goes(&next, now);
        next
    }

    /// What would go to Datadog.
    pub(crate) fn planned(&self, plan: &mut Plan, now: OffsetDateTime) -> Next {
        let life = self.life();
        let known = self.known.iter();
        plan.next(
            known.map(|(query, known)| known.wanted(query, life, now)),
            life,
            now,
        )
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

    /// What it takes to ask for everything once after the plan, where Datadog's limit is
    /// known.
    pub fn round(&self, plan: &Plan, now: OffsetDateTime) -> Option<Round> {
        plan.round(self.life(), now)
    }

    fn life(&self) -> Life {
        Life {
            bucket: Duration::seconds(self.template.rollup.0.get().into()),
            max_age: self.policy.max_age(),
        }
    }

    /// The calls of Datadog's limit that `metric` costs in an hour: its query's part of the
    /// calls in which that travels, as often as it was asked the last time. Metrics that
    /// mean one query share its cost. Nothing, where nobody asks for the metric or Datadog
    /// has no words for it.
    pub fn cost(&self, metric: &ExternalMetric) -> Option<f64> {
        let query = self.meant_by(metric).ok()?.query.as_ref().ok()?;
        self.known.get(query).map(Known::cost)
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
            (Some(was), Some(is)) => was.is_like(is),
            _ => false,
        };
        if is_alike {
            return None;
        }
        let failing = is.map(Cause::to_string);
        let askers = known
            .metrics
            .iter()
            .filter_map(|metric| self.demanded.get(metric));
        Some(Turn {
            askers: askers
                .flat_map(|demanded| demanded.askers.iter().cloned())
                .collect(),
            failing,
        })
    }

    /// The value of `metric` at `now`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&self, metric: &ExternalMetric, now: OffsetDateTime) -> Result<&Sample, Unready> {
        let demanded = self.meant_by(metric)?;
        let query = demanded
            .query
            .as_ref()
            .map_err(|why| Unready::Inexpressible(why.clone()))?;
        let state = self
            .known
            .get(query)
            .map_or(&State::Waiting, |known| &known.state);
        if let Some(sample) = self.policy.usable(state, now) {
            return Ok(sample);
        }
        let query = query.clone();
        Err(match state {
            State::Waiting => Unready::Waiting(query),
            State::Fresh(last) => Unready::Stale {
                query,
                last: last.clone(),
                max_age: self.policy.max_age(),
            },
            State::Failing { cause, last, .. } => Unready::Failing {
                query,
                cause: cause.clone(),
                last: last.clone(),
            },
        })
    }

    /// What a request for `metric` means.
    fn meant_by(&self, metric: &ExternalMetric) -> Result<&Demanded, Unready> {
        let in_capitals = self.capitals.meant_by(metric);
        let mut meant = std::iter::once(metric)
            .chain(in_capitals)
            .filter_map(|written| self.demanded.get_key_value(written));
        match (meant.next(), meant.next()) {
            (None, _) if self.synced => Err(Unready::NotDemanded),
            (None, _) => Err(Unready::NotSynced),
            (Some((_, demanded)), None) => Ok(demanded),
            (Some(first), Some(second)) => Err(Unready::Ambiguous(
                [first, second]
                    .into_iter()
                    .chain(meant)
                    .map(|(written, _)| written.name().clone())
                    .collect(),
            )),
        }
    }

    /// Every metric that somebody asks for, with those who ask.
    pub fn demands(&self) -> impl Iterator<Item = (&ExternalMetric, &BTreeSet<ObjectReference>)> {
        self.demanded
            .iter()
            .map(|(metric, demanded)| (metric, &demanded.askers))
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
