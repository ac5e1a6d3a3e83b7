//! Writes what is known of the metrics.

use kube_client::api::PostParams;
use kube_core::DynamicObject;
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    DatadogMetrics, MetricStanding, by_object,
    object::Object,
    outcome::{MetricsError, MetricsWritten, Outcome, Target, within},
    status::{Worth, status, written_at},
    watch::key,
};

const PERMISSION: &str = "grant this server's ServiceAccount update on datadogmetrics/status in the API group datadoghq.com";

impl DatadogMetrics {
    /// Writes into the status of each object how it stands with it at `now`, where that is
    /// worth it, and into no more than `most`: turns first, and then what was written
    /// longest ago, or could not be. Somebody has to [watch](Self::watch), and nothing is
    /// written before the first list has come. An object that somebody else has changed
    /// meanwhile is written the next time.
    ///
    /// # Errors
    /// The first refusal of the API server. The other objects are written all the same,
    /// unless it cannot be asked at all.
    pub async fn write(
        &self,
        standings: &[MetricStanding],
        most: usize,
        now: OffsetDateTime,
    ) -> Result<MetricsWritten, MetricsError> {
        let (due, left) = self.due(standings, most, now);
        let mut outcome = Outcome::leaving(left);
        for object in due {
            let target = Target::of(&object);
            let api = self.api(&target.key.0);
            let params = PostParams::default();
            let request = api.replace_status(&target.key.1, &params, &object);
            match within(request, PERMISSION).await {
                Ok(object) => {
                    self.wrote(&target, object);
                    outcome.writes();
                }
                Err(why) => self.failed(target, why, &mut outcome, now)?,
            }
        }
        outcome.end()
    }

    /// The objects with the status that is to be written, and how many more there are.
    fn due(
        &self,
        standings: &[MetricStanding],
        most: usize,
        now: OffsetDateTime,
    ) -> (Vec<DynamicObject>, usize) {
        let standings = by_object(standings);
        let state = self.state.lock();
        let objects = state.objects.values().filter(|_| state.is_listed);
        let mut due: Vec<_> = objects
            .filter_map(|object| {
                let standing = standings.get(&object.defined.metric)?;
                let before = object.status();
                let (worth, status) = status(&before, standing, now)?;
                let turn = match state.refused.get(&key(&object.defined.metric)) {
                    // However many are refused, they keep nothing else from its turn.
                    Some(refused) => (Worth::Refresh, Some(*refused)),
                    None => (worth, written_at(&before)),
                };
                Some((turn, object, status))
            })
            .collect();
        due.sort_by_key(|(turn, ..)| *turn);
        let left = due.len().saturating_sub(most);
        let with_status = |(_, object, status): (_, &Object, Value)| {
            let mut object = object.written.clone();
            object.data["status"] = status;
            object
        };
        let due = due.into_iter().take(most).map(with_status);
        (due.collect(), left)
    }

    /// What was written is known before the watch tells, unless that has told of something
    /// newer.
    pub(super) fn wrote(&self, target: &Target, written: DynamicObject) {
        let mut state = self.state.lock();
        if state.version(&target.key) != target.version {
            return;
        }
        state.refused.remove(&target.key);
        if let Some(object) = state.objects.get_mut(&target.key) {
            object.wrote(written);
        }
    }
}
