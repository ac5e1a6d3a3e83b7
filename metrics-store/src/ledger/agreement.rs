//! What those who ask agree on: one policy for a metric, one age for a query.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::ExternalMetric;
use time::Duration;

use super::{
    Ledger,
    demanded::{Demanded, Wished},
};
use crate::{Policy, Wishes, known::Ages};

impl Ledger {
    /// The policy that counts for a metric.
    pub(super) fn policy<'a>(&'a self, demanded: &'a Demanded) -> &'a Policy {
        demanded.policy.as_deref().unwrap_or(&self.usual)
    }

    /// Whoever asks for `metric` agrees on one policy: that of the most careful, in each
    /// thing.
    pub(super) fn agree(&mut self, metric: &ExternalMetric) {
        let Some(demanded) = self.demanded.get(metric) else {
            return;
        };
        let definition = self.definition(demanded).map(|defined| defined.wishes());
        let definition = definition.unwrap_or_default();
        let width = self.template.width_of(demanded.query.as_ref().ok());
        let policies = demanded.kinds().map(|wished: &Wished| {
            let nothing = Wishes::default();
            let wishes = wished.as_deref().unwrap_or(&nothing).over(&definition);
            self.policy.with(&wishes, width)
        });
        let agreed = policies.reduce(|one, other| one.and(&other));
        let agreed = agreed.filter(|agreed| *agreed != self.usual).map(Arc::new);
        if let Some(demanded) = self.demanded.get_mut(metric) {
            demanded.policy = agreed;
        }
    }

    /// Whoever asks for `metric` wishes something else, or is another. Tells whether Datadog
    /// has yet to be asked.
    pub(super) fn agree_anew(&mut self, metric: &ExternalMetric) -> bool {
        self.agree(metric);
        let demanded = self.demanded.get(metric);
        match demanded.map(|demanded| demanded.query.clone()) {
            Some(Ok(query)) => self.agree_on_age(&query),
            _ => false,
        }
    }

    /// A query is asked so often, and so far back, that the value lives for whoever needs
    /// the youngest, and is there for whoever takes the oldest. Tells whether Datadog has yet
    /// to be asked.
    pub(super) fn agree_on_age(&mut self, query: &Query) -> bool {
        let Some(known) = self.known.get(query) else {
            return false;
        };
        let ages = known.metrics.keys().filter_map(|metric| self.ages(metric));
        let ages = ages.reduce(Ages::and);
        self.known.get_mut(query).is_some_and(|known| {
            known.agree(ages);
            known.state.is_waiting()
        })
    }

    /// What one metric says of the age of its query.
    pub(super) fn ages(&self, metric: &ExternalMetric) -> Option<Ages> {
        let demanded = self.demanded.get(metric)?;
        let age = self.policy(demanded).max_age();
        let definition = self.definition(demanded);
        let window = definition.and_then(|definition| definition.window);
        Some(Ages::of(age).looking_back(window.unwrap_or_default().min(Duration::DAY)))
    }
}
