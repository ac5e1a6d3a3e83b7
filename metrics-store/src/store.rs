//! The one lock, and the provider in front of it.

use std::{
    collections::{BTreeMap, HashSet},
    hash::Hash,
    ops::Range,
    sync::{Arc, PoisonError},
};

use async_trait::async_trait;
use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};
use datadog_query::Query;
use provider_api::{
    Clock, Condition, ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName,
    Refusal, Selector,
};
use time::OffsetDateTime;

use crate::{
    Answer, Definition, Inexpressible, Key, Ledger, MetricReference, Namespaces, Next, Plan,
    Policy, Reading, Round, Standing, Subject, Template, Told, Turn, Unready, Wishes, Word,
};

/// A [`Ledger`] that many threads share: requests read it, the refresh and the
/// watch write it. A clone is another handle to the same ledger.
///
/// Whoever reads takes a part of the lock that few others take, so that readers on several
/// cores do not wait for each other; whoever writes takes all of them.
#[derive(Clone)]
pub struct Store {
    ledger: Arc<ShardedLock<Ledger>>,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// An empty store; `clock` tells the age of what the provider serves.
    pub fn new(template: Template, policy: Policy, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger: Arc::new(ShardedLock::new(Ledger::new(template, policy))),
            clock,
        }
    }

    /// A panic while it was written is that of one answer or one demand: the others count on.
    fn write(&self) -> ShardedLockWriteGuard<'_, Ledger> {
        self.ledger.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_ledger(&self) -> ShardedLockReadGuard<'_, Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same store, which answers with the `DatadogMetric`s of these namespaces too.
    #[must_use]
    pub fn with_definitions(self, from: Namespaces) -> Self {
        self.write().read_definitions(from);
        self
    }

    /// See [`Ledger::demand`].
    ///
    /// # Errors
    /// When the metric cannot be asked of Datadog.
    pub fn demand(&self, key: Key, wishes: &Wishes) -> Result<bool, Inexpressible> {
        self.write().demand(key, wishes)
    }

    /// See [`Ledger::withdraw`].
    pub fn withdraw(&self, key: &Key) {
        self.write().withdraw(key);
    }

    /// See [`Ledger::synced`].
    pub fn synced(&self) {
        self.write().synced();
    }

    /// See [`Ledger::is_synced`].
    pub fn is_synced(&self) -> bool {
        self.read_ledger().is_synced()
    }

    /// See [`Ledger::define`].
    pub fn define(&self, reference: &MetricReference, definition: Definition) -> bool {
        self.write().define(reference, definition)
    }

    /// See [`Ledger::undefine`].
    pub fn undefine(&self, reference: &MetricReference) {
        self.write().undefine(reference);
    }

    /// See [`Ledger::defined`].
    pub fn defined(&self) {
        self.write().defined();
    }

    /// See [`Ledger::is_defined`].
    pub fn is_defined(&self) -> bool {
        self.read_ledger().is_defined()
    }

    /// See [`Ledger::queries`].
    pub fn queries(&self) -> Vec<Query> {
        self.read_ledger().queries()
    }

    /// See [`Ledger::next`].
    pub fn next(&self, plan: &mut Plan, now: OffsetDateTime) -> Next {
        let (life, len) = {
            let ledger = self.read_ledger();
            (ledger.life(), ledger.questions())
        };
        // Nobody waits for the choice. One that is met twice is asked once too often.
        let wanted = parts(len).flat_map(|places| self.read_ledger().wanted_at(places, now));
        let next = plan.next(wanted, life, now);
        if !next.calls.is_empty() {
            self.write().goes(&next, now);
        }
        next
    }

    /// See [`Ledger::none_is_under_way`].
    pub fn none_is_under_way(&self) {
        self.write().none_is_under_way();
    }

    /// See [`Ledger::round`].
    pub fn round(&self, plan: &Plan, now: OffsetDateTime) -> Option<Round> {
        self.read_ledger().round(plan, now)
    }

    /// See [`Ledger::cost`].
    pub fn cost(&self, metric: &ExternalMetric) -> Option<f64> {
        self.read_ledger().cost(metric)
    }

    /// See [`Ledger::record`].
    pub fn record(&self, query: &Query, answer: Answer, now: OffsetDateTime) -> Option<Turn> {
        self.write().record(query, answer, now)
    }

    /// See [`Ledger::adopt`].
    pub fn adopt(
        &self,
        metric: &ExternalMetric,
        query: Option<Arc<str>>,
        told: Told,
        now: OffsetDateTime,
    ) {
        self.write().adopt(metric, query, told, now);
    }

    /// See [`Ledger::retract`].
    pub fn retract(&self, metric: &ExternalMetric) {
        self.write().retract(metric);
    }

    /// See [`Ledger::waiting`].
    pub fn waiting(&self, now: OffsetDateTime) -> usize {
        self.read_ledger().waiting(now)
    }

    /// See [`Ledger::words`].
    pub fn words(&self, now: OffsetDateTime) -> Vec<Word> {
        let words = self.in_parts(Ledger::metrics, |ledger, places| {
            ledger.words_at(places, now)
        });
        once(words, |word| word.metric.clone())
    }

    /// See [`Ledger::standings`].
    pub fn standings(&self, now: OffsetDateTime) -> Vec<Standing> {
        let definitions = self.in_parts(Ledger::definitions, |ledger, places| {
            ledger.definitions_at(places, now)
        });
        let queries = self.in_parts(Ledger::questions, |ledger, places| {
            ledger.queries_at(places, now)
        });
        let standings = [definitions, queries].concat();
        once(standings, |standing| match &standing.subject {
            // Its query may have changed since it was met before.
            subject @ Subject::Definition(_) => (subject.clone(), None),
            subject @ Subject::Name(_) => (subject.clone(), Some(standing.query.clone())),
        })
    }

    /// See [`Ledger::read`].
    ///
    /// # Errors
    /// Why there is no value.
    pub fn read(&self, metric: &ExternalMetric, now: OffsetDateTime) -> Result<Reading, Unready> {
        self.read_ledger().read(metric, now)
    }
}

/// So many things are told before the lock is let go: whoever records an answer waits for
/// that, and then whoever reads waits for both.
const AT_ONCE: usize = 512;

impl Store {
    /// What there is to tell of so many things, part by part.
    fn in_parts<T>(
        &self,
        len: impl Fn(&Ledger) -> usize,
        part: impl Fn(&Ledger, Range<usize>) -> Vec<T>,
    ) -> Vec<T> {
        let len = len(&self.read_ledger());
        let mut told = Vec::with_capacity(len);
        for places in parts(len) {
            let part = part(&self.read_ledger(), places);
            told.extend(part);
        }
        told
    }
}

/// So many places, part by part and the last first. What is removed meanwhile leaves its place
/// to the last one: so nothing is passed over, and some may be met twice. What is new
/// meanwhile is told the next time.
fn parts(len: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = (0..len).step_by(AT_ONCE).rev();
    starts.map(|start| start..start + AT_ONCE)
}

/// Each thing once, as it was told last.
fn once<T, K: Eq + Hash>(mut things: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut after = HashSet::with_capacity(things.len());
    things.reverse();
    things.retain(|thing| after.insert(key(thing)));
    things
}

#[async_trait]
impl ExternalMetricsProvider for Store {
    /// One item, however many autoscalers ask: the autoscaler would add up more.
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        let Reading { sample, .. } = self
            .read(metric, self.clock.now())
            .map_err(|unready| unready.refusal(metric))?;
        Ok(vec![ExternalMetricValue {
            metric_name: metric.name().clone(),
            labels: labels(metric.selector()),
            timestamp: sample.time,
            window: None,
            value: sample.value,
        }])
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        let mut names = self.in_parts(Ledger::metrics, Ledger::names_at);
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The labels that every series behind the value carries.
fn labels(selector: &Selector) -> BTreeMap<String, String> {
    let pairs =
        selector
            .requirements()
            .iter()
            .filter_map(|requirement| match requirement.condition() {
                Condition::Equals(value) => Some((requirement.key().to_owned(), value.clone())),
                _ => None,
            });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use datadog_query::{Aggregator, Rollup};
    use provider_api::ObjectReference;
    use time::{Duration, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);

    fn key(number: usize) -> Key {
        let name = format!("m{number}");
        Key {
            asker: ObjectReference {
                kind: "HorizontalPodAutoscaler".into(),
                namespace: "shop".into(),
                name: "web".into(),
            },
            metric: ExternalMetric::new(
                "shop".parse().unwrap(),
                name.parse().unwrap(),
                Selector::everything(),
            ),
        }
    }

    fn demanding(metrics: usize) -> Store {
        let rollup = Rollup(NonZeroU32::new(30).unwrap());
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup,
        };
        let policy = Policy::up_to(Duration::minutes(2), Duration::seconds(30));
        let store = Store::new(template, policy, Arc::new(|| NOW));
        for number in 0..metrics {
            store.demand(key(number), &Wishes::default()).unwrap();
        }
        store
    }

    #[test]
    fn however_many_metrics_there_are_each_has_one_word_and_one_standing() {
        for metrics in [0, 1, AT_ONCE, AT_ONCE * 2 + 1] {
            let store = demanding(metrics);
            let words = store.words(NOW).into_iter().map(|word| word.metric);
            let expected: HashSet<_> = (0..metrics).map(|number| key(number).metric).collect();
            assert_eq!(words.collect::<HashSet<_>>(), expected);
            assert_eq!(store.words(NOW).len(), metrics);
            assert_eq!(store.standings(NOW).len(), metrics);
        }
    }

    #[test]
    fn what_is_met_twice_while_all_is_told_is_as_it_was_last() {
        let things = vec![("a", 1), ("b", 1), ("a", 2)];
        assert_eq!(once(things, |(name, _)| *name), [("a", 2), ("b", 1)]);
    }

    #[test]
    fn what_goes_while_all_is_told_hides_nothing_else() {
        let metrics = AT_ONCE * 4;
        let store = demanding(metrics);
        let mut told = HashSet::new();
        for (number, places) in parts(metrics).enumerate() {
            let words = store.read_ledger().words_at(places, NOW);
            told.extend(words.into_iter().map(|word| word.metric));
            // One that has been told, or one that has not been.
            let goes = [metrics - 1, 0, AT_ONCE, metrics - 2][number];
            store.withdraw(&key(goes));
        }
        let stayed = |number: &usize| ![metrics - 1, 0, AT_ONCE, metrics - 2].contains(number);
        let missed = (0..metrics).filter(stayed);
        let missed = missed.filter(|number| !told.contains(&key(*number).metric));
        assert_eq!(missed.collect::<Vec<_>>(), [0_usize; 0]);
    }
}
