//! How a value runs over the scenario's time.

use std::{collections::BTreeMap, f64::consts::TAU, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};

use super::spell::{Span, span};

/// The run of a series. Times are offsets from the scenario's start.
///
/// Before the start a series stands at its value of the start, as if it had always been
/// there: a caller that looks back over a window finds the window full.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shape {
    /// The same value at all times.
    Constant(f64),
    /// Each value holds until the next one.
    Steps(Corners),
    /// A straight line from each corner to the next; level before and after.
    Line(Corners),
    /// A sine around its mean, which is its value at the start.
    Wave(Wave),
    /// These samples and no others, off the grid of the series' interval.
    Points(#[serde(deserialize_with = "points")] BTreeMap<u32, f64>),
}

/// Values with their times, at least one, in the order of time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Corner>")]
pub(super) struct Corners(Vec<Corner>);

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corner {
    #[serde(deserialize_with = "span")]
    at: Duration,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wave {
    mean: f64,
    amplitude: f64,
    #[serde(deserialize_with = "period")]
    period: Duration,
}

impl Shape {
    /// The samples in these seconds since the Unix epoch, oldest first: one at each
    /// multiple of the interval, or the listed ones.
    pub(super) fn samples(
        &self,
        start: i64,
        interval: i64,
        seconds: RangeInclusive<i64>,
    ) -> Vec<(i64, f64)> {
        if let Self::Points(points) = self {
            let moments = points
                .iter()
                .map(|(at, value)| (start + i64::from(*at), *value));
            return moments.filter(|(time, _)| seconds.contains(time)).collect();
        }
        let (first, last) = seconds.into_inner();
        let on_grid =
            (first.div_euclid(interval)..=last.div_euclid(interval)).map(|n| n * interval);
        on_grid
            .filter(|time| *time >= first)
            .filter_map(|time| Some((time, self.at((time - start) as f64)?)))
            .collect()
    }

    fn at(&self, offset: f64) -> Option<f64> {
        let since_start = offset.max(0.0);
        match self {
            Self::Constant(value) => Some(*value),
            Self::Steps(corners) => Some(corners.around(since_start).0.value),
            Self::Line(corners) => Some(corners.line(since_start)),
            Self::Wave(Wave {
                mean,
                amplitude,
                period,
            }) => Some(mean + amplitude * (TAU * since_start / period.as_secs_f64()).sin()),
            Self::Points(_) => None,
        }
    }
}

impl Corners {
    /// The last corner at or before this time, and the next one, if any. Before the
    /// first corner both are the first.
    fn around(&self, offset: f64) -> (Corner, Option<Corner>) {
        let passed = self
            .0
            .partition_point(|corner| corner.at.as_secs_f64() <= offset);
        (
            self.0[passed.saturating_sub(1)],
            self.0.get(passed).copied(),
        )
    }

    fn line(&self, offset: f64) -> f64 {
        let (left, right) = self.around(offset);
        let Some(right) = right else {
            return left.value;
        };
        let (begin, end) = (left.at.as_secs_f64(), right.at.as_secs_f64());
        if end <= begin {
            return left.value;
        }
        left.value + (right.value - left.value) * (offset - begin) / (end - begin)
    }
}

impl TryFrom<Vec<Corner>> for Corners {
    type Error = &'static str;

    fn try_from(corners: Vec<Corner>) -> Result<Self, Self::Error> {
        if corners.is_empty() {
            return Err("a shape needs one value or more");
        }
        if !corners.is_sorted_by_key(|corner| corner.at) {
            return Err("the values of a shape stand in the order of time");
        }
        Ok(Self(corners))
    }
}

fn period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let period = span(deserializer)?;
    if period.is_zero() {
        return Err(Error::custom("the period of a wave is longer than 0s"));
    }
    Ok(period)
}

/// Reads `[[0s, 1], [10s, null]]`; a null is a hole, spelled out to be seen.
fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, f64>, D::Error> {
    let pairs = Vec::<(Span, Option<f64>)>::deserialize(deserializer)?;
    let values = pairs
        .into_iter()
        .filter_map(|(at, value)| Some((at.seconds(), value?)));
    Ok(values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        serde_saphyr::from_str(text).unwrap()
    }

    fn run(text: &str, offsets: [f64; 4]) -> [Option<f64>; 4] {
        offsets.map(|offset| shape(text).at(offset))
    }

    #[test]
    fn a_step_holds_until_the_next_and_before_the_first() {
        let steps = "steps: [ { at: 10s, value: 1 }, { at: 1m, value: 30 } ]";
        assert_eq!(
            run(steps, [-5.0, 10.0, 59.0, 60.0]),
            [1.0, 1.0, 1.0, 30.0].map(Some)
        );
    }

    #[test]
    fn a_line_runs_straight_between_its_corners() {
        let line = "line: [ { at: 60s, value: 0 }, { at: 180s, value: 90 } ]";
        assert_eq!(
            run(line, [0.0, 60.0, 120.0, 500.0]),
            [0.0, 0.0, 45.0, 90.0].map(Some)
        );
    }

    #[test]
    fn a_line_with_two_values_at_one_time_jumps() {
        let line = "line: [ { at: 10s, value: 0 }, { at: 10s, value: 8 }, { at: 20s, value: 9 } ]";
        assert_eq!(
            run(line, [0.0, 9.0, 10.0, 20.0]),
            [0.0, 0.0, 8.0, 9.0].map(Some)
        );
    }

    #[test]
    fn a_wave_begins_at_its_mean_and_swings_by_its_amplitude() {
        let wave = shape("wave: { mean: 50, amplitude: 40, period: 10m }");
        let swing = [-30.0, 0.0, 150.0, 450.0].map(|at| wave.at(at).unwrap().round());
        assert_eq!(swing, [50.0, 50.0, 90.0, 10.0]);
    }

    #[test]
    fn points_have_values_at_their_own_seconds_alone() {
        let points = shape("points: [ [ 0s, 1 ], [ 10s, null ], [ 25s, 2 ] ]");
        assert_eq!(
            points.samples(1003, 10, 900..=1100),
            [(1003, 1.0), (1028, 2.0)]
        );
        assert_eq!(points.samples(1003, 10, 1004..=1027), []);
    }

    #[test]
    fn samples_stand_on_multiples_of_the_interval_from_the_epoch() {
        let steps = shape("steps: [ { at: 0s, value: 1 }, { at: 20s, value: 2 } ]");
        let samples = steps.samples(1003, 10, 1001..=1030);
        assert_eq!(samples, [(1010, 1.0), (1020, 1.0), (1030, 2.0)]);
    }

    #[test]
    fn a_shape_that_has_no_meaning_is_refused_with_the_reason() {
        let refused = [
            ("steps: []", "one value or more"),
            (
                "line: [ { at: 9s, value: 1 }, { at: 3s, value: 2 } ]",
                "in the order of time",
            ),
            (
                "wave: { mean: 1, amplitude: 1, period: 0s }",
                "longer than 0s",
            ),
            ("ramp: 3", "unknown variant"),
        ];
        for (text, reason) in refused {
            let error = serde_saphyr::from_str::<Shape>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
