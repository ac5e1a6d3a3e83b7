//! Several series as one.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;

use super::{NoPoint, Point, Reading, fold::fold, verdict::width};
use crate::{
    query::Aggregator,
    reply::{Series, Slot},
};

/// How late a series may be after its bucket closed. Hosts report within tens of
/// seconds of one another, and a longer wait would keep a value back until it is too old to
/// be served each time that a replica goes away.
const LATE: Duration = Duration::from_secs(60);

/// Several series as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// A point for each time of any of them. One without a value is a bucket that cannot be
    /// told yet, or never.
    pub series: Series,
    /// Which of them each point is made of, in the order of the points.
    pub shares: Vec<Share>,
}

impl Merged {
    /// The value of the merge at `now`, as [`Reading::point`] takes it.
    ///
    /// # Errors
    ///
    /// Says what the series hold instead.
    pub fn point(&self, reading: &Reading, now: OffsetDateTime) -> Result<Point, NoPoint> {
        reading.point(&self.series, now).map_err(|why| match why {
            NoPoint::OnlyNulls { .. } if self.shares.iter().any(|share| !share.of.is_empty()) => {
                NoPoint::NeverTogether
            }
            why => why,
        })
    }
}

/// Which series one point of a merge is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Those that have a value there, by their place.
    pub of: Vec<usize>,
    /// Those that should have one and have none.
    pub lacking: Vec<usize>,
}

/// The series have buckets of different widths, so that no two of their values are of the
/// same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its series have buckets of {} s and of {} s, which are not merged: give the query a \
     `.rollup(…)`",
    narrowest.as_secs_f64(),
    widest.as_secs_f64()
)]
pub struct UnequalBuckets {
    /// The width of the narrowest.
    pub narrowest: Duration,
    /// The width of the widest.
    pub widest: Duration,
}

/// Merges the series of one query, bucket by bucket.
///
/// A sum over the hosts that have reported so far is a number that never was, so a bucket has
/// a value only if *every series that lives then* has one in it. A series has ended with its
/// last value once another has a value from a minute after that bucket closed. Until then it
/// counts as late, and the buckets after its last value wait for it. So a replica that went
/// away holds the others up for little more than a minute and not for ever, and a host that
/// is later than that is left out, as it is by an aggregator of Datadog's own. In the same
/// way a series begins with its first value only where another has been there for as long.
///
/// A series with holes leaves holes: `.fill(…)` in the query says what stands there. One
/// without any value takes no part. Each value keeps its time; a mean gives each series the
/// same weight.
///
/// # Errors
///
/// Buckets of different widths are not merged.
pub fn merge(series: &[&Series], aggregator: Aggregator) -> Result<Merged, UnequalBuckets> {
    let interval = common_interval(series)?;
    let width = interval.or_else(|| series.iter().map(|one| width(one)).min());
    let mut buckets = Buckets::new();
    for (place, one) in series.iter().enumerate() {
        for slot in &one.points {
            let bucket = buckets.entry(slot.time).or_default();
            if let Some(value) = slot.value.filter(|value| value.is_finite()) {
                bucket.insert(place, value);
            }
        }
    }
    let late = width.unwrap_or_default().saturating_add(LATE);
    let lives = lives(&buckets);
    let whole = lives.values().copied().reduce(Life::including);
    let (points, shares) = buckets
        .into_iter()
        .map(|(time, values)| {
            let due = |life: &Life| whole.is_some_and(|whole| life.covers(time, whole, late));
            let lacking: Vec<_> = lives
                .iter()
                .filter(|(place, life)| due(life) && !values.contains_key(place))
                .map(|(place, _)| *place)
                .collect();
            let (of, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
            let value = fold(aggregator, &values).filter(|_| lacking.is_empty());
            (Slot { time, value }, Share { of, lacking })
        })
        .unzip();
    let mut units = series.iter().map(|one| &one.unit);
    let unit = units
        .next()
        .filter(|first| units.all(|unit| unit == *first));
    Ok(Merged {
        series: Series {
            query_index: series.first().and_then(|first| first.query_index),
            interval: width,
            scope: format!("{aggregator} of {} series", series.len()),
            unit: unit.cloned().flatten(),
            points,
        },
        shares,
    })
}

/// The values of each time, by the place of their series.
type Buckets = BTreeMap<OffsetDateTime, BTreeMap<usize, f64>>;

/// The width that all series tell, if any does.
fn common_interval(series: &[&Series]) -> Result<Option<Duration>, UnequalBuckets> {
    let widths = || series.iter().filter_map(|one| one.interval);
    match (widths().min(), widths().max()) {
        (Some(narrowest), Some(widest)) if narrowest < widest => {
            Err(UnequalBuckets { narrowest, widest })
        }
        (width, _) => Ok(width),
    }
}

/// When a series has values.
#[derive(Clone, Copy)]
struct Life {
    first: OffsetDateTime,
    last: OffsetDateTime,
}

impl Life {
    /// Whether a value is due at this time, where the values of all reach over `whole`.
    fn covers(&self, time: OffsetDateTime, whole: Self, late: Duration) -> bool {
        let begun = self.first - whole.first >= late;
        let ended = whole.last - self.last >= late;
        (self.first <= time || !begun) && (time <= self.last || !ended)
    }

    fn including(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// The lives of the series that have values, by their place.
fn lives(buckets: &Buckets) -> BTreeMap<usize, Life> {
    let mut lives = BTreeMap::new();
    for (time, values) in buckets {
        for place in values.keys() {
            let (first, last) = (*time, *time);
            let life = lives.entry(*place).or_insert(Life { first, last });
            life.last = last;
        }
    }
    lives
}

#[cfg(test)]
mod tests;
