//! What becomes of each point.

use std::{cmp::Reverse, iter, time::Duration};

use time::OffsetDateTime;

use super::{NoPoint, Point, PointMode, Reading};
use crate::reply::{Series, Slot};

/// What becomes of one point of a series at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the value, or one of those that the value is made of.
    Served,
    /// It is the value although it is not complete yet.
    ServedIncomplete {
        /// When it is.
        complete_at: OffsetDateTime,
    },
    /// A newer one is the value.
    Older,
    /// It is not complete yet.
    Incomplete {
        /// When it is.
        complete_at: OffsetDateTime,
    },
    /// It is complete and the newest, and [`PointMode::Penultimate`] takes the one before.
    PassedOver,
    /// It has no value.
    Null,
}

impl Reading {
    /// What [`point`](Self::point) makes of each point of a series, in their order.
    #[must_use]
    pub fn verdicts(&self, series: &Series, now: OffsetDateTime) -> Vec<(Slot, Verdict)> {
        let served = served(self, series, now);
        let newest = served.first().map(|bucket| bucket.point.time);
        let mut verdicts: Vec<_> = series
            .points
            .iter()
            .map(|slot| (*slot, Verdict::Null))
            .collect();
        for Bucket {
            place,
            point,
            complete_at,
        } in buckets(self, series)
        {
            let incomplete = complete_at > now;
            verdicts[place].1 = match served.iter().any(|bucket| bucket.place == place) {
                true if incomplete => Verdict::ServedIncomplete { complete_at },
                true => Verdict::Served,
                // Of two points of one time, the later one counts.
                false if newest.is_some_and(|newest| point.time <= newest) => Verdict::Older,
                false if incomplete => Verdict::Incomplete { complete_at },
                false => Verdict::PassedOver,
            };
        }
        verdicts
    }
}

/// A point with a value.
#[derive(Clone, Copy)]
pub(super) struct Bucket {
    /// Where it stands in its series.
    place: usize,
    pub(super) point: Point,
    complete_at: OffsetDateTime,
}

/// The points that make the value, from new to old.
pub(super) fn served(reading: &Reading, series: &Series, now: OffsetDateTime) -> Vec<Bucket> {
    let mut buckets = buckets(reading, series);
    match reading.mode {
        PointMode::Last => {}
        PointMode::Penultimate => {
            if buckets.len() > 1 {
                buckets.remove(0);
            }
        }
        PointMode::LastComplete | PointMode::Avg(_) | PointMode::Max(_) | PointMode::Min(_) => {
            buckets.retain(|bucket| bucket.complete_at <= now);
        }
    }
    buckets.truncate(reading.mode.points().get() as usize);
    buckets
}

/// Why none is.
pub(super) fn nothing(reading: &Reading, series: &Series) -> NoPoint {
    let first = buckets(reading, series)
        .into_iter()
        .map(|bucket| bucket.complete_at)
        .min();
    match (first, series.points.len()) {
        (Some(complete_at), _) => NoPoint::OnlyIncomplete { complete_at },
        (None, 0) => NoPoint::Empty,
        (None, count) => NoPoint::OnlyNulls { count },
    }
}

/// The points that have a value, from new to old.
fn buckets(reading: &Reading, series: &Series) -> Vec<Bucket> {
    let wait = time::Duration::try_from(width(series).saturating_add(reading.settling));
    let bucket = |(place, slot): (usize, &Slot)| {
        let value = slot.value.filter(|value| value.is_finite())?;
        Some(Bucket {
            place,
            point: Point {
                time: slot.time,
                value,
            },
            // What is complete only beyond the end of the calendar is nothing to wait for.
            complete_at: slot.time.checked_add(wait.ok()?)?,
        })
    };
    let mut buckets: Vec<_> = series
        .points
        .iter()
        .enumerate()
        .filter_map(bucket)
        .collect();
    buckets.sort_by_key(|bucket| Reverse((bucket.point.time, bucket.place)));
    buckets
}

/// The width of the buckets. Where an answer does not tell it, no bucket is wider than the
/// distance to its neighbour.
pub(super) fn width(series: &Series) -> Duration {
    let times = || series.points.iter().map(|slot| slot.time);
    let steps = iter::zip(times(), times().skip(1)).map(|(one, next)| (next - one).unsigned_abs());
    series.interval.unwrap_or_else(|| {
        let steps = steps.filter(|step| !step.is_zero());
        steps.min().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
