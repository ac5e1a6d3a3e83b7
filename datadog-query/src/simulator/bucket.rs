//! Buckets of time: samples put into them, sources put together, holes filled.

use std::collections::BTreeMap;

use super::{
    asked::{Asked, Counting, Fill, Filling, Function},
    scenario::{Kind, Series},
    window::{Moment, Window},
};

/// One source's samples over time, put together bucket by bucket.
///
/// Buckets stand on multiples of their width from the epoch. The one that `from` cuts is
/// left out; the last one holds only the samples so far, so that a sum over it is too low.
pub(super) fn buckets(
    series: &Series,
    asked: &Asked,
    width: i64,
    window: Window,
    moment: Moment,
) -> BTreeMap<i64, f64> {
    let mut samples = BTreeMap::<_, Vec<_>>::new();
    let counting = asked
        .modifiers
        .counting
        .filter(|_| series.kind != Kind::Gauge);
    for (time, value) in series.samples(window, moment) {
        let begin = time.div_euclid(width) * width;
        if begin >= window.from {
            let events = series.kind == Kind::Rate && counting.is_some();
            let value = if events {
                value * series.interval() as f64
            } else {
                value
            };
            samples.entry(begin).or_default().push(value);
        }
    }
    let usual = if counting.is_some() {
        Function::Sum
    } else {
        Function::Avg
    };
    let function = asked.modifiers.rollup.unwrap_or(usual);
    let seconds = if counting == Some(Counting::AsRate) {
        width as f64
    } else {
        1.0
    };
    samples
        .into_iter()
        .map(|(begin, values)| (begin, function.of(&values) / seconds))
        .collect()
}

/// Several sources, put together at each time at which one of them has a point.
pub(super) fn together(
    sources: impl Iterator<Item = BTreeMap<i64, f64>>,
    function: Function,
) -> BTreeMap<i64, f64> {
    let mut values = BTreeMap::<_, Vec<_>>::new();
    for (time, value) in sources.flatten() {
        values.entry(time).or_default().push(value);
    }
    values
        .into_iter()
        .map(|(time, values)| (time, function.of(&values)))
        .collect()
}

/// Puts values into the holes after a point, as far as the fill's limit reaches.
pub(super) fn fill_holes(points: &mut BTreeMap<i64, f64>, fill: Fill, width: i64, end: i64) {
    let known: Vec<_> = points.iter().map(|(time, value)| (*time, *value)).collect();
    for (index, (time, value)) in known.iter().enumerate() {
        let next = known.get(index + 1);
        let until = next
            .map_or(end + 1, |(next, _)| *next)
            .min(time + i64::from(fill.limit) + 1);
        let holes = (1..)
            .map(|n| time + n * width)
            .take_while(|hole| *hole < until);
        for hole in holes {
            let filled = match (fill.with, next) {
                (Filling::Zero, _) => 0.0,
                (Filling::Last, _) => *value,
                (Filling::Linear, Some((next, there))) => {
                    value + (there - value) * (hole - time) as f64 / (next - time) as f64
                }
                (Filling::Linear, None) | (Filling::Null, _) => continue,
            };
            points.insert(hole, filled);
        }
    }
}

/// How far into the past of the scenario's start a series reaches.
const HISTORY: i64 = 24 * 60 * 60;

/// How long points are kept.
const RETENTION: i64 = 30 * 24 * 60 * 60;

impl Series {
    pub(super) fn interval(&self) -> i64 {
        self.interval.as_secs().cast_signed()
    }

    /// The samples of a window that are visible by now.
    fn samples(&self, window: Window, moment: Moment) -> Vec<(i64, f64)> {
        let first = window
            .from
            .max(moment.start - HISTORY)
            .max(moment.now - RETENTION);
        let last = window
            .to
            .min(moment.now - self.delay.as_secs_f64().ceil() as i64);
        let mut samples = self
            .shape
            .samples(moment.start, self.interval(), first..=last);
        samples.retain(|(time, _)| {
            let offset = (time - moment.start) as f64;
            !self.gaps.iter().any(|gap| gap.covers(offset))
        });
        samples
    }
}
