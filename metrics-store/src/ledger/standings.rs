//! What there is to tell of each metric.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use datadog_query::Query;
use indexmap::IndexMap;
use provider_api::{ExternalMetric, MetricName};
use time::OffsetDateTime;

use super::{Demanded, Ledger, definitions::Defined};
use crate::{Inexpressible, MetricReference, Policy, Standing, Subject, Word, known::Known};

impl Ledger {
    /// How many metrics have neither a value nor a reason for having none: Datadog has not
    /// answered, or so long ago that it says nothing of `now`.
    pub fn waiting(&self, now: OffsetDateTime) -> usize {
        let is_waiting = |demanded: &&Demanded| match &demanded.query {
            Ok(_) => self.known_of(demanded).is_some_and(|known| {
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
        self.words_at(0..self.metrics(), now)
    }

    /// How many metrics somebody asks for.
    pub(crate) fn metrics(&self) -> usize {
        self.demanded.len()
    }

    /// The words of the metrics in these places.
    pub(crate) fn words_at(&self, places: Range<usize>, now: OffsetDateTime) -> Vec<Word> {
        let word = |(metric, demanded): (&ExternalMetric, &Demanded)| {
            let known = self.known_of(demanded);
            let policy = self.policy(demanded);
            Word {
                askers: demanded.askers.keys().cloned().collect(),
                metric: metric.clone(),
                query: demanded.query.as_ref().ok().cloned(),
                told: known.and_then(|known| known.state.told(policy.max_age(), now)),
            }
        };
        within(&self.demanded, places).map(word).collect()
    }

    /// The names of the metrics in these places.
    pub(crate) fn names_at(&self, places: Range<usize>) -> Vec<MetricName> {
        let metrics = within(&self.demanded, places);
        metrics.map(|(metric, _)| metric.name().clone()).collect()
    }

    /// How everything stands at `now` that is asked of Datadog or defined: each DatadogMetric,
    /// whether or not anybody asks for it, and each query that metrics mean by their name.
    pub fn standings(&self, now: OffsetDateTime) -> Vec<Standing> {
        let mut standings = self.definitions_at(0..self.definitions(), now);
        standings.extend(self.queries_at(0..self.questions(), now));
        standings
    }

    /// How many DatadogMetrics there are, and are referred to.
    pub(crate) fn definitions(&self) -> usize {
        self.definitions.len()
    }

    /// How the DatadogMetrics in these places stand.
    pub(crate) fn definitions_at(
        &self,
        places: Range<usize>,
        now: OffsetDateTime,
    ) -> Vec<Standing> {
        let definitions = within(&self.definitions, places);
        definitions
            .filter_map(|(reference, defined)| self.as_defined(reference, defined, now))
            .collect()
    }

    /// How many queries there are.
    pub(crate) fn questions(&self) -> usize {
        self.known.len()
    }

    /// How the queries in these places stand for the metrics that mean them by their name.
    pub(crate) fn queries_at(&self, places: Range<usize>, now: OffsetDateTime) -> Vec<Standing> {
        let queries = within(&self.known, places);
        queries
            .filter_map(|(query, known)| self.as_named(query, known, now))
            .collect()
    }

    fn as_defined(
        &self,
        reference: &MetricReference,
        defined: &Defined,
        now: OffsetDateTime,
    ) -> Option<Standing> {
        let definition = defined.definition.as_ref()?;
        let width = self.template.width_of(definition.query.as_ref().ok());
        let policy = self.policy.with(&definition.wishes(), width);
        let subject = Subject::Definition(reference.clone());
        let metrics = defined.metrics.iter();
        Some(self.standing(subject, definition.query.clone(), metrics, &policy, now))
    }

    fn as_named(&self, query: &Query, known: &Known, now: OffsetDateTime) -> Option<Standing> {
        let is_named = |metric: &&ExternalMetric| {
            let demanded = self.demanded.get(*metric);
            demanded.is_some_and(|demanded| demanded.reference.is_none())
        };
        let mut metrics = known.metrics.keys().filter(is_named).peekable();
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

/// What a map has in these places.
pub(super) fn within<K, V, S>(
    map: &IndexMap<K, V, S>,
    places: Range<usize>,
) -> impl Iterator<Item = (&K, &V)> {
    let end = places.end.min(map.len());
    let part = map.get_range(places.start.min(end)..end);
    part.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        Answer, Definition, Namespaces, Origin, Reading, Sample, Wishes,
        ledger::tests::{at, hpa, ledger, query, value},
    };

    fn reference(name: &str) -> MetricReference {
        MetricReference::new("shop", name).unwrap()
    }

    #[test]
    fn each_definition_and_each_query_by_name_has_its_standing_with_all_who_ask() {
        let mut ledger = ledger();
        ledger.read_definitions(Namespaces::Any);
        ledger.defined();
        for (name, query) in [
            ("depth", Ok(query("rps"))),
            ("idle", Ok(query("rps"))),
            ("wrong", Err("spec.query is empty".into())),
        ] {
            let definition = Definition {
                query,
                wishes: Wishes::default(),
                max_age: None,
                window: None,
            };
            ledger.define(&reference(name), definition);
        }
        let ledger = ledger
            .demanding("shop/web", "shop/rps")
            .demanding("other/web", "other/rps")
            .demanding("shop/api", "shop/datadogmetric@shop:depth")
            .demanding("other/api", "other/datadogmetric@shop:depth")
            .demanding("shop/web", "shop/gone")
            .recorded("rps", value(3.0, 0), 30)
            .recorded("gone", Answer::UnknownMetric, 30);

        let standings = ledger.standings(at(60)).into_iter();
        let standings: BTreeMap<_, _> = standings.map(|it| (it.subject.clone(), it)).collect();
        let told = |name: &str| {
            let words = ledger.words(at(60)).into_iter();
            let mut told = words.filter(|word| word.metric.name().as_str() == name);
            told.next().unwrap().told
        };
        let expected = |subject: Subject, query, askers: &[&str]| Standing {
            subject,
            query,
            askers: askers.iter().map(|asker| hpa(asker)).collect(),
            told: None,
            reading: None,
        };
        let measured = Reading {
            sample: Sample {
                value: 3.into(),
                time: at(0),
            },
            origin: Origin::Measured,
        };
        let name = |name: &str| Subject::Name(name.parse().unwrap());
        let definition = |name| Subject::Definition(reference(name));
        let expected = [
            Standing {
                told: told("rps"),
                reading: Some(measured.clone()),
                ..expected(
                    definition("depth"),
                    Ok(query("rps")),
                    &["other/api", "shop/api"],
                )
            },
            expected(definition("idle"), Ok(query("rps")), &[]),
            expected(definition("wrong"), Err("spec.query is empty".into()), &[]),
            Standing {
                told: told("gone"),
                ..expected(name("gone"), Ok(query("gone")), &["shop/web"])
            },
            Standing {
                told: told("rps"),
                reading: Some(measured),
                ..expected(name("rps"), Ok(query("rps")), &["other/web", "shop/web"])
            },
        ];
        assert_eq!(standings.into_values().collect::<Vec<_>>(), expected);
    }
}
