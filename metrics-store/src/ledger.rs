//! The plain maps: who asks for which metric, and what is known of its query.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use datadog_query::{NoValue, Point, Query};
use provider_api::{ExternalMetric, ObjectReference};
use time::{Duration, OffsetDateTime};

use crate::{
    Cause, Inexpressible, Key, Next, Plan, Policy, Reading, Round, Sample, State, Template, Told,
    Unready, Wishes, Word,
    capitals::Capitals,
    known::{Ages, Known},
    plan::Life,
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
    /// What another replica has told of metrics that nobody asks for here yet.
    hearsay: HashMap<ExternalMetric, Hearsay>,
}

/// What another replica has told.
#[derive(Debug)]
struct Hearsay {
    /// What it asks Datadog, where it says so.
    query: Option<Arc<str>>,
    told: Told,
}

/// Clocks of replicas may differ by so much. What is told of a later time is a slip.
const SLIP: Duration = Duration::MINUTE;

#[derive(Debug)]
struct Demanded {
    /// Who asks, and the policy of those who wish another than the usual one.
    askers: BTreeMap<ObjectReference, Option<Arc<Policy>>>,
    /// What they agree on, where it is not the usual one.
    policy: Option<Arc<Policy>>,
    query: Result<Query, Inexpressible>,
}

impl Hearsay {
    fn is_of(&self, query: &Query) -> bool {
        let asked = self.query.as_deref();
        asked.is_none_or(|asked| asked == query.text())
    }
}

impl Demanded {
    /// The more careful of all policies, in each thing.
    fn agree(&mut self, usual: &Policy) {
        let mut policies = self.askers.values();
        let first = policies.next().cloned().flatten();
        self.policy = policies.fold(first, |agreed, policy| match (agreed, policy) {
            (None, None) => None,
            (Some(one), Some(other)) if one == *other => Some(one),
            (one, other) => {
                let of =
                    |policy: Option<&Arc<Policy>>| policy.map_or(usual, |policy| policy).clone();
                Some(Arc::new(of(one.as_ref()).and(&of(other.as_ref()))))
            }
        });
    }
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
            hearsay: HashMap::new(),
        }
    }

    /// `key.asker` asks for `key.metric`, and wishes this of it; what it wished before
    /// counts no longer. Tells whether Datadog has yet to be asked for it.
    ///
    /// # Errors
    /// When the metric cannot be asked of Datadog. The demand stands all the
    /// same, and whoever reads the metric is told why it has no value.
    pub fn demand(&mut self, key: Key, wishes: &Wishes) -> Result<bool, Inexpressible> {
        let Key { asker, metric } = key;
        let usual = &self.policy;
        let policy = Some(usual.with(wishes, self.template.width()))
            .filter(|policy| policy != usual)
            .map(Arc::new);
        if let Some(demanded) = self.demanded.get_mut(&metric) {
            demanded.askers.insert(asker, policy);
            demanded.agree(usual);
            let query = demanded.query.clone();
            return query.map(|query| {
                self.agree_on_age(&query);
                false
            });
        }
        let query = self.template.query(&metric);
        let hearsay = self.hearsay.remove(&metric);
        let answer = match &query {
            Ok(query) => {
                let known = self.known.entry(query.clone()).or_default();
                known.metrics.insert(metric.clone());
                if let Some(hearsay) = hearsay.filter(|hearsay| hearsay.is_of(query)) {
                    known.is_told(hearsay.told);
                }
                Ok(matches!(known.state, State::Waiting))
            }
            Err(why) => Err(why.clone()),
        };
        self.capitals.insert(&metric);
        let demanded = Demanded {
            askers: BTreeMap::from([(asker, policy.clone())]),
            policy,
            query: query.clone(),
        };
        self.demanded.insert(metric, demanded);
        if let Ok(query) = &query {
            self.agree_on_age(query);
        }
        answer
    }

    /// A query is asked so often, and so far back, that the value lives for whoever needs
    /// the youngest, and is there for whoever takes the oldest.
    fn agree_on_age(&mut self, query: &Query) {
        let Some(known) = self.known.get_mut(query) else {
            return;
        };
        let ages = known.metrics.iter().filter_map(|metric| {
            let demanded = self.demanded.get(metric)?;
            Some(demanded.policy.as_deref().unwrap_or(&self.policy).max_age())
        });
        known.ages = ages.fold(None, |ages: Option<Ages>, age| {
            Some(ages.map_or(Ages::of(age), |ages| ages.and(age)))
        });
    }

    /// `key.asker` asks for `key.metric` no longer. What nobody asks for is
    /// forgotten.
    pub fn withdraw(&mut self, key: &Key) {
        let Some(demanded) = self.demanded.get_mut(&key.metric) else {
            return;
        };
        demanded.askers.remove(&key.asker);
        if !demanded.askers.is_empty() {
            demanded.agree(&self.policy);
            if let Ok(query) = demanded.query.clone() {
                self.agree_on_age(&query);
            }
            return;
        }
        self.capitals.remove(&key.metric);
        let query = self
            .demanded
            .remove(&key.metric)
            .and_then(|demanded| demanded.query.ok());
        let Some(query) = query else {
            return;
        };
        if let Entry::Occupied(mut known) = self.known.entry(query.clone()) {
            known.get_mut().metrics.remove(&key.metric);
            if known.get().metrics.is_empty() {
                known.remove();
            }
        }
        self.agree_on_age(&query);
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
            bucket: self.template.width(),
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
            (Some(was), Some(is)) => was.reason() == is.reason(),
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
                .flat_map(|demanded| demanded.askers.keys().cloned())
                .collect(),
            failing,
        })
    }

    /// Another replica tells this of `metric` at `now`, for which it asks Datadog `query`,
    /// where it says so. It counts if the metric means the same query here. A replica that
    /// has just started may be told before it knows who asks: then it counts once somebody
    /// does.
    pub fn adopt(
        &mut self,
        metric: &ExternalMetric,
        query: Option<Arc<str>>,
        told: Told,
        now: OffsetDateTime,
    ) {
        let latest = now.saturating_add(SLIP);
        let time = told.last.as_ref().map_or(told.heard, |last| last.time);
        if told.heard.max(time) > latest {
            return;
        }
        let hearsay = Hearsay { query, told };
        let Some(demanded) = self.demanded.get(metric) else {
            self.hearsay.insert(metric.clone(), hearsay);
            return;
        };
        if let Ok(query) = &demanded.query
            && hearsay.is_of(query)
            && let Some(known) = self.known.get_mut(query)
        {
            known.is_told(hearsay.told);
        }
    }

    /// Other replicas tell nothing of `metric` any longer. What counts here already, goes on
    /// counting.
    pub fn retract(&mut self, metric: &ExternalMetric) {
        self.hearsay.remove(metric);
    }

    /// How many metrics have neither a value nor a reason for having none: Datadog has not
    /// answered, or so long ago that it says nothing of `now`.
    pub fn waiting(&self, now: OffsetDateTime) -> usize {
        let is_waiting = |demanded: &&Demanded| {
            let known = demanded
                .query
                .as_ref()
                .ok()
                .and_then(|query| self.known.get(query));
            let policy = demanded.policy.as_deref().unwrap_or(&self.policy);
            known.is_some_and(|known| known.state.is_waiting(policy.max_age(), now))
        };
        self.demanded.values().filter(is_waiting).count()
    }

    /// What there is to tell at `now` of every metric that somebody asks for.
    pub fn words(&self, now: OffsetDateTime) -> Vec<Word> {
        let word = |(metric, demanded): (&ExternalMetric, &Demanded)| {
            let query = demanded.query.as_ref().ok();
            let known = query.and_then(|query| self.known.get(query));
            let policy = demanded.policy.as_deref().unwrap_or(&self.policy);
            Word {
                askers: demanded.askers.keys().cloned().collect(),
                metric: metric.clone(),
                query: query.cloned(),
                told: known.and_then(|known| known.state.told(policy.max_age(), now)),
            }
        };
        self.demanded.iter().map(word).collect()
    }

    /// What is served of `metric` at `now`.
    ///
    /// # Errors
    /// Why nothing is.
    pub fn read(&self, metric: &ExternalMetric, now: OffsetDateTime) -> Result<Reading, Unready> {
        let demanded = self.meant_by(metric)?;
        let query = demanded
            .query
            .as_ref()
            .map_err(|why| Unready::Inexpressible(why.clone()))?;
        let state = self
            .known
            .get(query)
            .map_or(&State::Waiting, |known| &known.state);
        let policy = demanded.policy.as_deref().unwrap_or(&self.policy);
        if let Some(reading) = policy.reading(state, now) {
            return Ok(reading);
        }
        let query = query.clone();
        Err(match state {
            State::Waiting => Unready::Waiting(query),
            State::Fresh { sample, .. } => Unready::Stale {
                query,
                last: sample.clone(),
                max_age: policy.max_age(),
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
    pub fn demands(
        &self,
    ) -> impl Iterator<Item = (&ExternalMetric, impl Iterator<Item = &ObjectReference>)> {
        self.demanded
            .iter()
            .map(|(metric, demanded)| (metric, demanded.askers.keys()))
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
