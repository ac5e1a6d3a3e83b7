//! The DatadogMetrics to which metrics refer.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use datadog_query::Query;
use provider_api::ExternalMetric;

use super::{Demanded, Ledger};
use crate::{Definition, Inexpressible, MetricReference, Namespaces};

/// One DatadogMetric: what it says, where it is there, and which metrics refer to it.
#[derive(Debug, Default)]
pub(super) struct Defined {
    pub(super) definition: Option<Definition>,
    pub(super) metrics: BTreeSet<ExternalMetric>,
}

impl Ledger {
    /// Metrics may refer to the DatadogMetrics of these namespaces from now on; before that,
    /// to none. It is said before anybody asks for a metric.
    pub fn read_definitions(&mut self, from: Namespaces) {
        self.from = Some(from);
    }

    /// A DatadogMetric says this from now on, and each metric that refers to it means its
    /// query. Tells whether Datadog has yet to be asked for that.
    pub fn define(&mut self, reference: &MetricReference, definition: Definition) -> bool {
        let defined = self.definitions.entry(reference.clone()).or_default();
        if defined.definition.as_ref() == Some(&definition) {
            return false;
        }
        defined.definition = Some(definition);
        self.follow(reference)
    }

    /// A DatadogMetric is not there any longer.
    pub fn undefine(&mut self, reference: &MetricReference) {
        if let Some(defined) = self.definitions.get_mut(reference) {
            defined.definition = None;
            self.follow(reference);
            self.forget_if_unused(reference);
        }
    }

    /// All DatadogMetrics of the cluster are known: from now on one that is not there is
    /// refused as missing.
    pub fn defined(&mut self) {
        self.defined = true;
    }

    /// Whether all DatadogMetrics of the cluster are known.
    pub fn is_defined(&self) -> bool {
        self.defined
    }

    /// What a metric refers to, where it does.
    pub(super) fn reference(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Option<MetricReference>, Inexpressible> {
        let reference = MetricReference::in_name(metric.name()).transpose()?;
        if let Some(reference) = &reference {
            let from = self
                .from
                .ok_or_else(|| Inexpressible::NotRead(reference.clone()))?;
            from.allow(reference, metric.namespace())?;
        }
        Ok(reference)
    }

    /// What is asked for whatever refers to this.
    pub(super) fn meant(&self, reference: &MetricReference) -> Result<Query, Inexpressible> {
        let defined = self.definitions.get(reference);
        let Some(definition) = defined.and_then(|defined| defined.definition.as_ref()) else {
            return Err(Inexpressible::Undefined(reference.clone()));
        };
        definition
            .query
            .clone()
            .map_err(|why| Inexpressible::Misdefined {
                reference: reference.clone(),
                why,
            })
    }

    /// The definition of what is demanded.
    pub(super) fn definition(&self, demanded: &Demanded) -> Option<&Definition> {
        let defined = self.definitions.get(demanded.reference.as_ref()?)?;
        defined.definition.as_ref()
    }

    /// A metric that referred to this is demanded no longer.
    pub(super) fn refers_no_longer(
        &mut self,
        metric: &ExternalMetric,
        reference: &MetricReference,
    ) {
        if let Some(defined) = self.definitions.get_mut(reference) {
            defined.metrics.remove(metric);
            self.forget_if_unused(reference);
        }
    }

    fn forget_if_unused(&mut self, reference: &MetricReference) {
        let defined = self.definitions.get(reference);
        if defined.is_some_and(|it| it.definition.is_none() && it.metrics.is_empty()) {
            self.definitions.swap_remove(reference);
        }
    }

    /// The metrics that refer to this mean what it says now. Tells whether Datadog has yet
    /// to be asked for it.
    fn follow(&mut self, reference: &MetricReference) -> bool {
        let defined = self.definitions.get(reference);
        let metrics = defined.map(|defined| defined.metrics.clone());
        let query = self.meant(reference);
        let mut is_new = false;
        for metric in metrics.into_iter().flatten() {
            let demanded = self.demanded.get(&metric);
            if demanded.is_some_and(|demanded| demanded.query != query) {
                self.detach(&metric);
                if let Some(demanded) = self.demanded.get_mut(&metric) {
                    demanded.query = query.clone();
                }
                is_new |= self.attach(&metric);
            }
            self.agree(&metric);
        }
        if let Ok(query) = query {
            is_new |= self.agree_on_age(&query);
        }
        is_new
    }
}
