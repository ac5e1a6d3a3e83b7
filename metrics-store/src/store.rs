//! The one lock, and the provider in front of it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use datadog_query::Query;
use parking_lot::RwLock;
use provider_api::{
    Clock, Condition, ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName,
    Refusal, Selector,
};
use time::OffsetDateTime;

use crate::{
    Answer, Definition, Inexpressible, Key, Ledger, MetricReference, Namespaces, Next, Plan,
    Policy, Reading, Round, Standing, Template, Told, Turn, Unready, Wishes, Word,
};

/// A [`Ledger`] that many threads share: requests read it, the refresh and the
/// watch write it. A clone is another handle to the same ledger.
#[derive(Clone)]
pub struct Store {
    ledger: Arc<RwLock<Ledger>>,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// An empty store; `clock` tells the age of what the provider serves.
    pub fn new(template: Template, policy: Policy, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger: Arc::new(RwLock::new(Ledger::new(template, policy))),
            clock,
        }
    }

    /// The same store, which answers with the `DatadogMetric`s of these namespaces too.
    #[must_use]
    pub fn with_definitions(self, from: Namespaces) -> Self {
        self.ledger.write().read_definitions(from);
        self
    }

    /// See [`Ledger::demand`].
    ///
    /// # Errors
    /// When the metric cannot be asked of Datadog.
    pub fn demand(&self, key: Key, wishes: &Wishes) -> Result<bool, Inexpressible> {
        self.ledger.write().demand(key, wishes)
    }

    /// See [`Ledger::withdraw`].
    pub fn withdraw(&self, key: &Key) {
        self.ledger.write().withdraw(key);
    }

    /// See [`Ledger::synced`].
    pub fn synced(&self) {
        self.ledger.write().synced();
    }

    /// See [`Ledger::is_synced`].
    pub fn is_synced(&self) -> bool {
        self.ledger.read().is_synced()
    }

    /// See [`Ledger::define`].
    pub fn define(&self, reference: &MetricReference, definition: Definition) -> bool {
        self.ledger.write().define(reference, definition)
    }

    /// See [`Ledger::undefine`].
    pub fn undefine(&self, reference: &MetricReference) {
        self.ledger.write().undefine(reference);
    }

    /// See [`Ledger::defined`].
    pub fn defined(&self) {
        self.ledger.write().defined();
    }

    /// See [`Ledger::is_defined`].
    pub fn is_defined(&self) -> bool {
        self.ledger.read().is_defined()
    }

    /// See [`Ledger::queries`].
    pub fn queries(&self) -> Vec<Query> {
        self.ledger.read().queries()
    }

    /// See [`Ledger::next`].
    pub fn next(&self, plan: &mut Plan, now: OffsetDateTime) -> Next {
        // Whoever reads a metric does not wait for the choice.
        let next = self.ledger.read().planned(plan, now);
        if !next.calls.is_empty() {
            self.ledger.write().goes(&next, now);
        }
        next
    }

    /// See [`Ledger::round`].
    pub fn round(&self, plan: &Plan, now: OffsetDateTime) -> Option<Round> {
        self.ledger.read().round(plan, now)
    }

    /// See [`Ledger::cost`].
    pub fn cost(&self, metric: &ExternalMetric) -> Option<f64> {
        self.ledger.read().cost(metric)
    }

    /// See [`Ledger::record`].
    pub fn record(&self, query: &Query, answer: Answer, now: OffsetDateTime) -> Option<Turn> {
        self.ledger.write().record(query, answer, now)
    }

    /// See [`Ledger::adopt`].
    pub fn adopt(
        &self,
        metric: &ExternalMetric,
        query: Option<Arc<str>>,
        told: Told,
        now: OffsetDateTime,
    ) {
        self.ledger.write().adopt(metric, query, told, now);
    }

    /// See [`Ledger::retract`].
    pub fn retract(&self, metric: &ExternalMetric) {
        self.ledger.write().retract(metric);
    }

    /// See [`Ledger::waiting`].
    pub fn waiting(&self, now: OffsetDateTime) -> usize {
        self.ledger.read().waiting(now)
    }

    /// See [`Ledger::words`].
    pub fn words(&self, now: OffsetDateTime) -> Vec<Word> {
        self.ledger.read().words(now)
    }

    /// See [`Ledger::standings`].
    pub fn standings(&self, now: OffsetDateTime) -> Vec<Standing> {
        self.ledger.read().standings(now)
    }

    /// See [`Ledger::read`].
    ///
    /// # Errors
    /// Why there is no value.
    pub fn read(&self, metric: &ExternalMetric, now: OffsetDateTime) -> Result<Reading, Unready> {
        self.ledger.read().read(metric, now)
    }
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
        let ledger = self.ledger.read();
        let mut names: Vec<_> = ledger
            .demands()
            .map(|(metric, _)| metric.name().clone())
            .collect();
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
