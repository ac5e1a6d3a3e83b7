//! The plain maps: who asks for which metric, and what is known of its query.

mod agreement;
mod asking;
mod definitions;
mod demanded;
mod hearsay;
#[cfg(test)]
mod model;
mod standings;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use datadog_query::Query;
use foldhash::quality::RandomState;
use indexmap::{IndexMap, map};
use provider_api::ExternalMetric;
use time::OffsetDateTime;

pub use self::asking::{Answer, Turn};
use self::{definitions::Defined, demanded::Demanded, hearsay::Hearsay};
use crate::{
    Inexpressible, Key, MetricReference, Namespaces, Policy, Reading, State, Template, Unready,
    Wishes,
    capitals::Capitals,
    known::Known,
    reference::{in_one_writing, rewritten},
    state::Trouble,
};

/// Who asks for which metric, and what is known of its query.
///
/// A query is asked and answered once, however many metrics of however many
/// autoscalers mean it; that is why what is known hangs on the query.
#[derive(Debug)]
pub struct Ledger {
    template: Template,
    policy: Policy,
    /// What counts of it for whoever wishes nothing.
    usual: Policy,
    /// Whose DatadogMetrics count, where they are read.
    from: Option<Namespaces>,
    /// All demands are known.
    synced: bool,
    /// All definitions are known.
    defined: bool,
    /// By the metric as the autoscalers write it.
    demanded: IndexMap<ExternalMetric, Demanded, RandomState>,
    capitals: Capitals,
    definitions: IndexMap<MetricReference, Defined>,
    known: IndexMap<Query, Known, RandomState>,
    /// What another replica has told of metrics and counts for none yet.
    hearsay: HashMap<ExternalMetric, Hearsay>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(template: Template, policy: Policy) -> Self {
        Self {
            template,
            usual: policy.with(&Wishes::default(), template.width()),
            policy,
            from: None,
            synced: false,
            defined: false,
            demanded: IndexMap::default(),
            capitals: Capitals::default(),
            definitions: IndexMap::new(),
            known: IndexMap::default(),
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
        let metric = in_one_writing(metric);
        let wished = (*wishes != Wishes::default()).then(|| Arc::new(wishes.clone()));
        if let Some(demanded) = self.demanded.get_mut(&metric) {
            let is_new = demanded.joins(asker, wished) && self.agree_anew(&metric);
            return self.is_expressible(&metric).map(|()| is_new);
        }
        let reference = self.reference(&metric);
        let query = match &reference {
            Ok(None) => self.template.query(&metric),
            Ok(Some(reference)) => self.meant(reference),
            Err(why) => Err(why.clone()),
        };
        let reference = reference.unwrap_or_default();
        if let Some(reference) = &reference {
            let defined = self.definitions.entry(reference.clone()).or_default();
            defined.metrics.insert(metric.clone());
        }
        self.capitals.insert(&metric);
        self.demanded.insert(
            metric.clone(),
            Demanded::by(asker, wished, reference, query),
        );
        self.agree(&metric);
        let is_new = self.attach(&metric);
        self.is_expressible(&metric).map(|()| is_new)
    }

    /// Whether a metric that is demanded can be asked of Datadog, or may turn out so.
    fn is_expressible(&self, metric: &ExternalMetric) -> Result<(), Inexpressible> {
        let query = self.demanded.get(metric).map(|demanded| &demanded.query);
        match query {
            Some(Err(Inexpressible::Undefined(_))) if !self.defined => Ok(()),
            Some(Err(why)) => Err(why.clone()),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// `key.asker` asks for `key.metric` no longer. What nobody asks for is
    /// forgotten.
    pub fn withdraw(&mut self, key: &Key) {
        let metric = in_one_writing(key.metric.clone());
        let Some(demanded) = self.demanded.get_mut(&metric) else {
            return;
        };
        let is_agreed_anew = demanded.leaves(&key.asker);
        if !demanded.askers.is_empty() {
            if is_agreed_anew {
                self.agree_anew(&metric);
            }
            return;
        }
        self.detach(&metric);
        self.capitals.remove(&metric);
        let demanded = self.demanded.swap_remove(&metric);
        if let Some(reference) = demanded.and_then(|demanded| demanded.reference) {
            self.refers_no_longer(&metric, &reference);
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

    /// What is served of `metric` at `now`.
    ///
    /// # Errors
    /// Why nothing is.
    pub fn read(&self, metric: &ExternalMetric, now: OffsetDateTime) -> Result<Reading, Unready> {
        let demanded = self.meant_by(metric)?;
        match &demanded.query {
            Ok(query) => {
                let known = self.known_of(demanded);
                let state = known.map_or(&State::Waiting, |known| &known.state);
                reading(query, state, self.policy(demanded), now)
            }
            Err(Inexpressible::Undefined(reference)) if !self.defined => {
                Err(Unready::NotDefined(reference.clone()))
            }
            Err(why) => Err(Unready::Inexpressible(why.clone())),
        }
    }

    /// What is known of the query that a metric means. It stands in its place, and a text need
    /// not be looked for.
    fn known_of(&self, demanded: &Demanded) -> Option<&Known> {
        let query = demanded.query.as_ref().ok()?;
        match self.known.get_index(demanded.place) {
            Some((there, known)) if there == query => Some(known),
            _ => self.known.get(query),
        }
    }

    /// What a request for `metric` means.
    fn meant_by(&self, metric: &ExternalMetric) -> Result<&Demanded, Unready> {
        let rewritten = rewritten(metric);
        let metric = rewritten.as_ref().unwrap_or(metric);
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

    /// The metric means its query from now on. Tells whether Datadog has yet to be asked.
    fn attach(&mut self, metric: &ExternalMetric) -> bool {
        let demanded = self.demanded.get(metric);
        let Some(Ok(query)) = demanded.map(|demanded| demanded.query.clone()) else {
            return false;
        };
        let ages = self.ages(metric);
        let entry = self.known.entry(query);
        // All that mean it share its text.
        let query = entry.key().clone();
        if let Some(demanded) = self.demanded.get_mut(metric) {
            demanded.query = Ok(query.clone());
            demanded.place = entry.index();
        }
        let known = entry.or_default();
        known.metrics.insert(metric.clone(), ());
        known.agree(match (known.ages(), ages) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        });
        if let Entry::Occupied(hearsay) = self.hearsay.entry(metric.clone())
            && hearsay.get().is_of(&query)
        {
            known.hears(hearsay.remove().told);
        }
        known.state.is_waiting()
    }

    /// The metric means its query no longer. What nobody means is forgotten. Tens of thousands
    /// of metrics may mean one query, and go one by one: as long as one of them is as careful
    /// and as patient as all, nothing is agreed anew.
    fn detach(&mut self, metric: &ExternalMetric) {
        let demanded = self.demanded.get(metric);
        let Some(Ok(query)) = demanded.map(|demanded| demanded.query.clone()) else {
            return;
        };
        if let map::Entry::Occupied(mut known) = self.known.entry(query.clone()) {
            known.get_mut().metrics.remove(metric);
            if known.get().metrics.is_empty() {
                let place = known.index();
                known.swap_remove();
                self.stands_at(place);
            }
        }
        let others = self.known.get(&query);
        let is_agreed = others.is_none_or(|known| {
            let mut metrics = known.metrics.keys();
            metrics.any(|metric| self.ages(metric) == known.ages())
        });
        if !is_agreed {
            self.agree_on_age(&query);
        }
    }

    /// The query that stands in this place now has come from another.
    fn stands_at(&mut self, place: usize) {
        let moved = self.known.get_index(place);
        for metric in moved
            .into_iter()
            .flat_map(|(_, known)| known.metrics.keys())
        {
            if let Some(demanded) = self.demanded.get_mut(metric) {
                demanded.place = place;
            }
        }
    }
}

/// What is served of a query.
fn reading(
    query: &Query,
    state: &State,
    policy: &Policy,
    now: OffsetDateTime,
) -> Result<Reading, Unready> {
    if let Some(reading) = policy.reading(state, now) {
        return Ok(reading);
    }
    let query = query.clone();
    Err(match state {
        State::Waiting => Unready::Waiting(query),
        State::Fresh { sample, heard } => {
            let (measured, max_age) = (sample.time, policy.max_age());
            match state.trouble(max_age, now) {
                Trouble::NoData => Unready::Stale {
                    query,
                    measured,
                    max_age,
                },
                _ => Unready::Unasked {
                    query,
                    measured,
                    max_age,
                    heard: *heard,
                },
            }
        }
        State::Failing { cause, last, .. } => Unready::Failing {
            query,
            cause: cause.clone(),
            measured: last.as_ref().map(|last| last.time),
        },
    })
}
