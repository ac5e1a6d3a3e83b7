//! Stretches of scenario time, and the text they are written in.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// A stretch of scenario time: from an offset, for a while.
///
/// Without `from` it has always been so; without `for` it never ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spell {
    #[serde(default, deserialize_with = "some_span")]
    pub(super) from: Option<Duration>,
    #[serde(default, rename = "for", deserialize_with = "some_span")]
    pub(super) lasting: Option<Duration>,
}

impl Spell {
    /// Whether this moment, in seconds since the scenario's start, is inside.
    /// The end is outside, so that two spells can meet.
    pub(super) fn covers(&self, offset: f64) -> bool {
        let from = self.from.unwrap_or_default().as_secs_f64();
        let begun = self.from.is_none() || offset >= from;
        let ended = self
            .lasting
            .is_some_and(|lasting| offset >= from + lasting.as_secs_f64());
        begun && !ended
    }
}

/// Reads a duration as people write it: `30s`, `1m 30s`, `2h`.
pub(super) fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Span::deserialize(deserializer).map(|Span(duration)| duration)
}

/// Reads the duration of a field that may be left out.
pub(super) fn some_span<'de, D>(deserializer: D) -> Result<Option<Duration>, D::Error>
where
    D: Deserializer<'de>,
{
    span(deserializer).map(Some)
}

/// Reads a duration of whole seconds, at least one: Datadog's clock for points and
/// periods has no finer tick.
pub(super) fn whole_seconds<'de, D>(deserializer: D) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    let duration = span(deserializer)?;
    if duration.is_zero() || duration.subsec_nanos() > 0 {
        return Err(Error::custom(format!(
            "{duration:?} is not a whole number of seconds above 0"
        )));
    }
    Ok(duration)
}

/// A duration in a position that has no field to put an attribute on.
pub(super) struct Span(Duration);

impl Span {
    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(self.0.as_secs()).expect("a span is at most a year")
    }
}

/// A year is beyond every scenario, and far from where arithmetic on seconds ends.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            Ok(duration) if duration <= LONGEST => Ok(Self(duration)),
            Ok(_) => Err(Error::custom(format!("{text:?} is longer than a year"))),
            Err(_) => Err(Error::custom(format!(
                "{text:?} is no duration: write 30s, 10m or 1h 30m"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(text: &str) -> Spell {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_spell_holds_its_beginning_and_not_its_end() {
        let spell = spell(r#"{"from": "2m", "for": "1m 30s"}"#);
        let moments = [119.9, 120.0, 209.9, 210.0];
        assert_eq!(
            moments.map(|offset| spell.covers(offset)),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_spell_without_a_beginning_covers_the_time_before_the_start() {
        assert_eq!(
            [-1e6, 59.0, 60.0].map(|at| spell(r#"{"for": "60s"}"#).covers(at)),
            [true, true, false]
        );
    }

    #[test]
    fn a_spell_without_an_end_lasts() {
        assert_eq!(
            [9.0, 10.0, 1e9].map(|at| spell(r#"{"from": "10s"}"#).covers(at)),
            [false, true, true]
        );
    }

    #[test]
    fn what_is_no_duration_is_told_with_an_example() {
        let error = serde_json::from_str::<Spell>(r#"{"from": "soon"}"#)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(r#""soon" is no duration: write 30s, 10m or 1h 30m"#),
            "{error}"
        );
    }
}
