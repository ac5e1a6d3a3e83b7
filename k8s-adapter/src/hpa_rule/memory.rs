//! What an autoscaler remembers from decision to decision.

use time::{Duration, OffsetDateTime};

/// No policy looks back further: Kubernetes allows periods up to half an hour.
pub(super) const LONGEST_PERIOD: Duration = Duration::minutes(30);

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    recommendations: Vec<(OffsetDateTime, i32)>,
    /// Changes of size: more replicas are positive.
    changes: Vec<(OffsetDateTime, i32)>,
}

impl Memory {
    /// An autoscaler that starts takes the present size for a recommendation, so
    /// that its restart scales nothing down.
    pub(super) fn begin(&mut self, now: OffsetDateTime, replicas: i32) {
        if self.recommendations.is_empty() {
            self.recommendations.push((now, replicas));
        }
    }

    pub(super) fn recommend(&mut self, now: OffsetDateTime, replicas: i32, kept_for: Duration) {
        self.recommendations.retain(|(at, _)| *at >= now - kept_for);
        self.recommendations.push((now, replicas));
    }

    pub(super) fn rescaled(&mut self, now: OffsetDateTime, from: i32, to: i32) {
        self.changes.retain(|(at, _)| *at > now - LONGEST_PERIOD);
        self.changes.push((now, to.saturating_sub(from)));
    }

    /// The recommendations of a time and after.
    pub(super) fn recommended_from(&self, time: OffsetDateTime) -> impl Iterator<Item = i32> {
        self.recommendations
            .iter()
            .filter(move |(at, _)| *at >= time)
            .map(|(_, replicas)| *replicas)
    }

    /// The recommendations after a time.
    pub(super) fn recommended_after(&self, time: OffsetDateTime) -> impl Iterator<Item = i32> {
        self.recommendations
            .iter()
            .filter(move |(at, _)| *at > time)
            .map(|(_, replicas)| *replicas)
    }

    /// By how much the size has grown after a time, all changes taken together.
    pub(super) fn growth_after(&self, time: OffsetDateTime) -> i64 {
        self.changes
            .iter()
            .filter(|(at, _)| *at > time)
            .map(|(_, change)| i64::from(*change))
            .sum()
    }
}
