//! The scenario file: what the simulated account holds, and what goes wrong in it.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};
use time::OffsetDateTime;

use super::{
    asked::is_metric_name,
    fault::Fault,
    shape::Shape,
    spell::{Spell, span, whole_seconds},
};

/// What a simulated Datadog holds and does: its keys, limits, series and faults.
///
/// It is written by hand and read with serde, from YAML or JSON; an unknown field or a
/// value without meaning is an error that says so.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub(super) keys: Option<Keys>,
    #[serde(default)]
    pub(super) rate_limit: RateLimit,
    #[serde(default)]
    pub(super) series: Vec<Series>,
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) start: Option<OffsetDateTime>,
}

/// The only keys that are accepted. Not printed: somebody may have put in real ones.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) api: String,
    pub(super) app: String,
}

/// Calls of the query route in each calendar period.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    pub(super) limit: u64,
    #[serde(deserialize_with = "whole_seconds")]
    pub(super) period: Duration,
}

/// One source of points: a metric with one set of tags, such as one container's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    #[serde(deserialize_with = "metric_name")]
    pub(super) metric: String,
    #[serde(default, deserialize_with = "stored_tags")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default, rename = "type")]
    pub(super) kind: Kind,
    #[serde(default = "ten_seconds", deserialize_with = "whole_seconds")]
    pub(super) interval: Duration,
    #[serde(default, deserialize_with = "span")]
    pub(super) delay: Duration,
    pub(super) shape: Shape,
    #[serde(default)]
    pub(super) gaps: Vec<Spell>,
}

/// What a sample means, and so what `as_count()` and `as_rate()` make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A level; counting modifiers do nothing to it.
    #[default]
    Gauge,
    /// Events a second.
    Rate,
    /// Events in the interval.
    Count,
}

impl Default for RateLimit {
    /// The limit of the query route in the last published numbers.
    fn default() -> Self {
        Self {
            limit: 1600,
            period: Duration::from_secs(60 * 60),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Rate => "rate",
            Self::Count => "count",
        }
    }
}

/// The usual interval of Datadog's agents.
fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

pub(super) fn metric_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if is_metric_name(&name) {
        return Ok(name);
    }
    Err(Error::custom(format!(
        "{name:?} is no metric name: a letter, then letters, digits, `_` and `.`, 200 at most"
    )))
}

/// Datadog stores tags in lower case.
fn stored_tags<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let tags = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(tags
        .into_iter()
        .map(|(key, value)| (key.to_lowercase(), value.to_lowercase()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        serde_saphyr::from_str::<Scenario>(text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_scenario_is_read_as_a_person_writes_it() {
        let scenario: Scenario = serde_saphyr::from_str(
            "
            keys: { api: demo, app: demo }
            rate_limit: { limit: 300, period: 1h }
            start: 2026-01-02T03:04:05Z
            series:
              - metric: nginx.net.request_per_s
                tags: { kube_container_name: Nginx, shard: 7 }
                type: rate
                interval: 15s
                delay: 20s
                shape: { constant: 42 }
                gaps: [ { from: 1m, for: 30s } ]
            faults:
              - { from: 120s, for: 60s, answer: too_many_requests }
              - { answer: { slow: 20s }, metric: a.b, route: query }
            ",
        )
        .unwrap();
        let [series] = scenario.series.as_slice() else {
            panic!("{scenario:?}")
        };
        let tags = [("kube_container_name", "nginx"), ("shard", "7")];
        assert_eq!(
            series.tags,
            BTreeMap::from(tags.map(|(k, v)| (k.to_owned(), v.to_owned())))
        );
        assert_eq!((series.kind, series.interval.as_secs()), (Kind::Rate, 15));
        assert_eq!(scenario.faults.len(), 2);
    }

    #[test]
    fn an_empty_scenario_is_an_account_without_metrics() {
        assert!(
            serde_saphyr::from_str::<Scenario>("{}")
                .unwrap()
                .series
                .is_empty()
        );
    }

    #[test]
    fn what_has_no_meaning_is_refused_with_the_reason() {
        let rows = [
            ("serie: []", "serie"),
            (
                "rate_limit: { limit: 5, period: 500ms }",
                "not a whole number of seconds above 0",
            ),
            (
                "series: [ { metric: a-b, shape: { constant: 1 } } ]",
                "\"a-b\" is no metric name",
            ),
            ("series: [ { metric: a.b } ]", "shape"),
            (
                "series: [ { metric: a, shape: { constant: 1 }, interval: 0s } ]",
                "above 0",
            ),
            ("faults: [ { answer: tired } ]", "tired"),
        ];
        for (text, reason) in rows {
            assert!(refused(text).contains(reason), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let scenario: Scenario =
            serde_saphyr::from_str("keys: { api: sesame, app: mellon }").unwrap();
        let printed = format!("{scenario:?}");
        assert!(
            !printed.contains("sesame") && !printed.contains("mellon"),
            "{printed}"
        );
    }
}
