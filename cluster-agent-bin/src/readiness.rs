//! When this replica may be sent requests.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use metrics_store::Store;
use provider_api::{Check, Clock as _};
use time::Duration;

use crate::edge::WallClock;

/// So long the first values are waited for: a roll-out goes on without those that do not come.
const PATIENCE: Duration = Duration::seconds(30);

/// What the store has to know first.
pub(crate) struct Readiness {
    store: Store,
    clock: WallClock,
    /// From then on no value is waited for.
    latest: Instant,
    /// A metric that is new later on makes no replica unready.
    were_known: AtomicBool,
}

impl Readiness {
    pub(crate) fn new(store: Store, clock: WallClock) -> Self {
        Self {
            store,
            clock,
            latest: clock.after(PATIENCE),
            were_known: AtomicBool::new(false),
        }
    }

    pub(crate) fn checks(&self) -> Vec<Check> {
        vec![
            Check {
                name: "autoscalers-known",
                outcome: self.autoscalers_known(),
            },
            Check {
                name: "datadog-metrics-known",
                outcome: self.definitions_known(),
            },
            Check {
                name: "metrics-known",
                outcome: self.metrics_known(),
            },
        ]
    }

    /// Before this holds, whoever is sent to us would be told wrongly that there is no such
    /// metric.
    fn autoscalers_known(&self) -> Result<(), String> {
        match self.store.is_synced() {
            true => Ok(()),
            false => Err("the autoscalers have not been listed yet".to_owned()),
        }
    }

    /// The same, of those that refer to a DatadogMetric.
    fn definitions_known(&self) -> Result<(), String> {
        match self.store.is_defined() {
            true => Ok(()),
            false => Err("the DatadogMetrics have not been listed yet".to_owned()),
        }
    }

    /// Before this holds, whoever is sent to us would be told that Datadog has not answered,
    /// where the replica before us has a value.
    fn metrics_known(&self) -> Result<(), String> {
        if self.were_known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let waiting = self.store.waiting(self.clock.now());
        let is_late = self.clock.after(Duration::ZERO) >= self.latest;
        if is_late || (self.store.is_synced() && waiting == 0) {
            self.were_known.store(true, Ordering::Relaxed);
            return Ok(());
        }
        Err(match self.store.is_synced() {
            true => {
                format!("{waiting} metrics have neither a value nor a reason for having none yet")
            }
            false => "it is not known yet which metrics are asked for".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, sync::Arc};

    use datadog_query::{Aggregator, Rollup};
    use metrics_store::{Answer, Key, Policy, Template, Wishes};
    use provider_api::{ExternalMetric, ObjectReference, Selector};

    use super::*;

    fn readiness() -> Readiness {
        let clock = WallClock::real();
        let rollup = Rollup(const { NonZeroU32::new(30).expect("not zero") });
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup,
        };
        let policy = Policy::up_to(Duration::minutes(2), Duration::seconds(30));
        Readiness::new(Store::new(template, policy, Arc::new(clock)), clock)
    }

    fn demand(store: &Store, name: &str) {
        let asker = ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: "shop".into(),
            name: "web".into(),
        };
        let metric = ExternalMetric::new(
            "shop".parse().unwrap(),
            name.parse().unwrap(),
            Selector::everything(),
        );
        let key = Key { asker, metric };
        store.demand(key, &Wishes::default()).unwrap();
    }

    /// What is not known yet.
    fn lacks(readiness: &Readiness) -> Vec<&'static str> {
        let checks = readiness.checks().into_iter();
        let lacks = checks.filter(|check| check.outcome.is_err());
        lacks.map(|check| check.name).collect()
    }

    #[test]
    fn a_replica_is_ready_once_each_metric_is_known_and_a_later_one_does_not_change_that() {
        let readiness = readiness();
        let all = [
            "autoscalers-known",
            "datadog-metrics-known",
            "metrics-known",
        ];
        assert_eq!(lacks(&readiness), all);
        let store = &readiness.store;
        demand(store, "queue.depth");
        store.synced();
        store.defined();
        assert_eq!(lacks(&readiness), ["metrics-known"]);
        let now = readiness.clock.now();
        store.record(&store.queries()[0], Answer::UnknownMetric, now);
        assert_eq!(lacks(&readiness), [""; 0]);
        demand(store, "queue.age");
        assert_eq!(lacks(&readiness), [""; 0]);
    }

    #[test]
    fn no_value_is_waited_for_longer_than_a_roll_out_has_patience_and_the_autoscalers_are() {
        let mut readiness = readiness();
        demand(&readiness.store, "queue.depth");
        readiness.latest = readiness.clock.after(Duration::ZERO);
        readiness.store.defined();
        assert_eq!(lacks(&readiness), ["autoscalers-known"]);
        readiness.store.synced();
        assert_eq!(lacks(&readiness), [""; 0]);
    }
}
