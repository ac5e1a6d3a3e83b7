//! What other replicas tell.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::ExternalMetric;
use time::{Duration, OffsetDateTime};

use super::Ledger;
use crate::{Told, reference::in_one_writing};

/// What another replica has told.
#[derive(Debug)]
pub(super) struct Hearsay {
    /// What it asks Datadog, where it says so.
    query: Option<Arc<str>>,
    pub(super) told: Told,
}

/// Clocks of replicas may differ by so much. What is told of a later time is a slip.
const SLIP: Duration = Duration::MINUTE;

impl Hearsay {
    pub(super) fn is_of(&self, query: &Query) -> bool {
        let asked = self.query.as_deref();
        asked.is_none_or(|asked| asked == query.text())
    }
}

impl Ledger {
    /// Another replica tells this of `metric` at `now`, for which it asks Datadog `query`,
    /// where it says so. It counts if the metric means the same query here. A replica that
    /// has just started may be told before it knows who asks, and one may hear before another
    /// that a DatadogMetric has changed: then it counts once the metric means that query.
    pub fn adopt(
        &mut self,
        metric: &ExternalMetric,
        query: Option<Arc<str>>,
        told: Told,
        now: OffsetDateTime,
    ) {
        let latest = now.saturating_add(SLIP);
        let time = told.last.as_ref().map_or(told.heard, |last| last.time);
        if told.heard.max(time) > latest {
            return;
        }
        let metric = in_one_writing(metric.clone());
        let hearsay = Hearsay { query, told };
        let demanded = self.demanded.get(&metric);
        let query = demanded.and_then(|demanded| demanded.query.as_ref().ok());
        let meant = query.filter(|query| hearsay.is_of(query));
        match meant.and_then(|query| self.known.get_mut(query)) {
            Some(known) => {
                known.is_told(hearsay.told);
                self.hearsay.remove(&metric);
            }
            None => _ = self.hearsay.insert(metric, hearsay),
        }
    }

    /// Other replicas tell nothing of `metric` any longer. What counts here already, goes on
    /// counting.
    pub fn retract(&mut self, metric: &ExternalMetric) {
        self.hearsay.remove(&in_one_writing(metric.clone()));
    }
}
