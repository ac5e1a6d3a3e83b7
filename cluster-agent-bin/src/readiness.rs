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
