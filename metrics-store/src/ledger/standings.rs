//! What there is to tell of each metric.

use std::{collections::BTreeSet, sync::Arc};

use datadog_query::Query;
use provider_api::ExternalMetric;
use time::OffsetDateTime;

use super::{Demanded, Ledger, definitions::Defined};
use crate::{Inexpressible, MetricReference, Policy, Standing, Subject, Word, known::Known};

impl Ledger {
    /// How many metrics have neither a value nor a reason for having none: Datadog has not
    /// answered, or so long ago that it says nothing of `now`.
    pub fn waiting(&self, now: OffsetDateTime) -> usize {
        let is_waiting = |demanded: &&Demanded| match &demanded.query {
            Ok(query) => self.known.get(query).is_some_and(|known| {
                let max_age = self.policy(demanded).max_age();
                known.state.says_nothing(max_age, now)
            }),
            Err(Inexpressible::Undefined(_)) => !self.defined,
            Err(_) => false,
        };
        self.demanded.values().filter(is_waiting).count()
    }

    /// What there is to tell at `now` of every metric that somebody asks for.
    pub fn words(&self, now: OffsetDateTime) -> Vec<Word> {
        let word = |(metric, demanded): (&ExternalMetric, &Demanded)| {
            let query = demanded.query.as_ref().ok();
            let known = query.and_then(|query| self.known.get(query));
            let policy = self.policy(demanded);
            Word {
                askers: demanded.askers.keys().cloned().collect(),
                metric: metric.clone(),
                query: query.cloned(),
                told: known.and_then(|known| known.state.told(policy.max_age(), now)),
            }
        };
        self.demanded.iter().map(word).collect()
    }

    /// How everything stands at `now` that is asked of Datadog or defined: each DatadogMetric,
    /// whether or not anybody asks for it, and each query that metrics mean by their name.
    pub fn standings(&self, now: OffsetDateTime) -> Vec<Standing> {
        let definitions = self.definitions.iter();
        let definitions =
            definitions.filter_map(|(reference, defined)| self.as_defined(reference, defined, now));
        let named = self.known.iter();
        let named = named.filter_map(|(query, known)| self.as_named(query, known, now));
        definitions.chain(named).collect()
    }

    fn as_defined(
        &self,
        reference: &MetricReference,
        defined: &Defined,
        now: OffsetDateTime,
    ) -> Option<Standing> {
        let definition = defined.definition.as_ref()?;
        let policy = self
            .policy
            .with(&definition.wishes(), self.template.width());
        let subject = Subject::Definition(reference.clone());
        let metrics = defined.metrics.iter();
        Some(self.standing(subject, definition.query.clone(), metrics, &policy, now))
    }

    fn as_named(&self, query: &Query, known: &Known, now: OffsetDateTime) -> Option<Standing> {
        let is_named = |metric: &&ExternalMetric| {
            let demanded = self.demanded.get(*metric);
            demanded.is_some_and(|demanded| demanded.reference.is_none())
        };
        let mut metrics = known.metrics.iter().filter(is_named).peekable();
        let subject = Subject::Name(metrics.peek()?.name().clone());
        Some(self.standing(subject, Ok(query.clone()), metrics, &self.usual, now))
    }

    fn standing<'a>(
        &self,
        subject: Subject,
        query: Result<Query, Arc<str>>,
        metrics: impl Iterator<Item = &'a ExternalMetric>,
        policy: &Policy,
        now: OffsetDateTime,
    ) -> Standing {
        let demanded = metrics.filter_map(|metric| self.demanded.get(metric));
        let askers: BTreeSet<_> = demanded
            .flat_map(|demanded| demanded.askers.keys().cloned())
            .collect();
        let asked = query.as_ref().ok().filter(|_| !askers.is_empty());
        let known = asked.and_then(|query| self.known.get(query));
        Standing {
            told: known.and_then(|known| known.state.told(policy.max_age(), now)),
            reading: known.and_then(|known| policy.reading(&known.state, now)),
            askers: askers.into_iter().collect(),
            subject,
            query,
        }
    }
}
