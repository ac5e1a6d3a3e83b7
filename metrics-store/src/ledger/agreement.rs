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

#[cfg(test)]
mod tests {
    use datadog_query::{BatchLimits, Budget, NoValue};

    use super::*;
    use crate::{
        Answer, Origin, Otherwise, Plan,
        ledger::tests::{at, down, key, ledger, metric, query, value},
    };

    fn holding(minutes: i64) -> Wishes {
        Wishes {
            hold: Some(Duration::minutes(minutes)),
            ..Wishes::default()
        }
    }

    #[test]
    fn a_wish_counts_from_when_it_is_made_until_it_is_taken_back() {
        let (asker, asked) = ("shop/web", "shop/rps");
        let mut ledger = ledger()
            .demanding(asker, asked)
            .recorded("rps", value(3.0, 0), 0)
            .recorded("rps", down(), 130);
        let origin = |ledger: &Ledger| {
            let reading = ledger.read(&metric(asked), at(200));
            reading.map(|reading| reading.origin).ok()
        };
        assert_eq!(origin(&ledger), None);
        assert_eq!(ledger.demand(key(asker, asked), &holding(5)), Ok(false));
        assert_eq!(origin(&ledger), Some(Origin::Held));
        assert_eq!(
            ledger.demand(key(asker, asked), &Wishes::default()),
            Ok(false)
        );
        assert_eq!(origin(&ledger), None);
    }

    #[test]
    fn of_two_objects_that_ask_for_one_metric_the_more_careful_counts_while_it_asks() {
        let mut ledger = ledger().demanding("shop/web", "shop/rps");
        ledger
            .demand(key("shop/api", "shop/rps"), &holding(5))
            .unwrap();
        let mut ledger = ledger
            .recorded("rps", value(3.0, 0), 0)
            .recorded("rps", down(), 130);
        assert!(ledger.read(&metric("shop/rps"), at(200)).is_err());
        ledger.withdraw(&key("shop/web", "shop/rps"));
        assert!(ledger.read(&metric("shop/rps"), at(200)).is_ok());
    }

    #[test]
    fn as_far_back_as_a_value_counts_datadog_is_asked() {
        let limits = BatchLimits::default();
        let budget = Budget::keeping_free(10);
        let mut ledger = ledger().demanding("shop/web", "shop/rps");
        let late = Wishes {
            max_age: Some(Duration::minutes(15)),
            ..Wishes::default()
        };
        ledger.demand(key("other/web", "other/rps"), &late).unwrap();
        let mut plan = Plan::new(Duration::seconds(30), limits, budget, 1);
        let next = ledger.next(&mut plan, at(0));
        assert_eq!(next.calls[0].queries, [query("rps")]);
        assert_eq!(next.calls[0].look_back, Duration::minutes(15));
    }

    #[test]
    fn whoever_looks_further_back_is_not_told_of_no_data_before_datadog_is_asked_so() {
        let span = Duration::minutes(5).unsigned_abs();
        let silent = || Answer::NoValue(NoValue::NoSeries { span });
        let wishes = |minutes| Wishes {
            max_age: Some(Duration::minutes(minutes)),
            on_no_data: Some(Otherwise::Value(0.into())),
            ..Wishes::default()
        };
        let (asker, asked) = ("shop/web", "shop/rps");
        let mut ledger = ledger();
        ledger.demand(key(asker, asked), &wishes(2)).unwrap();
        let mut ledger = ledger
            .recorded("rps", silent(), 0)
            .recorded("rps", silent(), 3600);
        assert_eq!(ledger.told(asked, 3600), Ok(("0".to_owned(), at(3600))));
        assert_eq!(ledger.demand(key(asker, asked), &wishes(15)), Ok(true));
        assert_eq!(ledger.waiting(at(3600)), 1);
        assert!(ledger.told(asked, 3600).is_err());
        let ledger = ledger.recorded("rps", value(3.0, 3000), 3601);
        assert_eq!(ledger.told(asked, 3601), Ok(("3".to_owned(), at(3000))));
    }
}
