//! Which metric names Datadog knows.

use std::collections::HashMap;

use datadog_query::MetricName;
use time::{Duration, OffsetDateTime};

/// Tells a metric that is silent from one that does not exist, and asks Datadog
/// about a name only now and then: names that are missing are rarely made.
#[derive(Debug)]
pub struct Existence {
    again_after: Duration,
    checked: HashMap<MetricName, Checked>,
}

#[derive(Debug)]
struct Checked {
    exists: bool,
    at: OffsetDateTime,
}

impl Existence {
    /// A name is checked again once `again_after` has gone by.
    pub fn new(again_after: Duration) -> Self {
        Self {
            again_after,
            checked: HashMap::new(),
        }
    }

    /// Whether Datadog should be asked about `name`, which has no series now.
    pub fn is_unsure(&self, name: &MetricName, now: OffsetDateTime) -> bool {
        self.checked.get(name).is_none_or(|checked| {
            let age = now - checked.at;
            // A clock that was set back makes nobody wait.
            age.is_negative() || age >= self.again_after
        })
    }

    /// A series of `name` was seen. That counts as a check of a name that has once been
    /// checked: other queries for it may have no series.
    pub fn saw(&mut self, name: &MetricName, now: OffsetDateTime) {
        if let Some(checked) = self.checked.get_mut(name) {
            *checked = Checked {
                exists: true,
                at: now,
            };
        }
    }

    /// Datadog said whether it knows `name`.
    pub fn learn(&mut self, name: MetricName, exists: bool, now: OffsetDateTime) {
        self.checked
            .retain(|_, checked| now - checked.at < self.again_after);
        self.checked.insert(name, Checked { exists, at: now });
    }

    /// Whether Datadog said that it does not know `name`.
    pub fn is_unknown(&self, name: &MetricName) -> bool {
        self.checked
            .get(name)
            .is_some_and(|checked| !checked.exists)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_missing_name_is_checked_again_after_a_while_and_not_as_long_as_it_is_seen() {
        let start = datetime!(2026-01-02 03:00 UTC);
        let name: MetricName = "nginx.requests".parse().unwrap();
        let mut existence = Existence::new(Duration::minutes(10));
        assert!(existence.is_unsure(&name, start));
        existence.learn(name.clone(), false, start);
        assert!(existence.is_unknown(&name));
        assert!(!existence.is_unsure(&name, start + Duration::minutes(9)));
        assert!(existence.is_unsure(&name, start + Duration::minutes(10)));
        existence.saw(&name, start + Duration::minutes(10));
        assert!(!existence.is_unknown(&name));
        assert!(!existence.is_unsure(&name, start + Duration::minutes(19)));
        assert!(existence.is_unsure(&name, start + Duration::minutes(20)));
        assert!(existence.is_unsure(&name, start), "the clock was set back");
    }
}
