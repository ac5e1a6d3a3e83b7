//! Which point of a series is its value.

use std::{iter, time::Duration};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::reply::{Series, Slot};

/// A finite value and the time that it is the value of: the start of its
/// bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When its bucket starts.
    pub time: OffsetDateTime,
    /// The value, always finite.
    pub value: f64,
}

/// Why a series has no complete point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPoint {
    /// The series holds no point at all.
    #[error("the series that Datadog sent holds no points")]
    Empty,
    /// No point has a value.
    #[error("all {count} points that Datadog sent are null")]
    OnlyNulls {
        /// How many points there are.
        count: usize,
    },
    /// Values are there, but their time is not over yet.
    #[error(
        "the only value that Datadog sent is of a time that is not over: it counts from {}",
        instant(*closes)
    )]
    OnlyOpenBucket {
        /// When the first of them is complete.
        closes: OffsetDateTime,
    },
}

/// The newest point of a series that is complete at `now`.
///
/// Datadog sends the bucket that contains the end of the window, and its value
/// covers only the part that has passed: a count or a rate looks half as big
/// as it is. So a point counts when its bucket is over, and a point without
/// a finite value never does. A source that delivers late needs an earlier
/// `now`.
///
/// # Errors
///
/// Says what the series holds instead.
pub fn newest_complete(series: &Series, now: OffsetDateTime) -> Result<Point, NoPoint> {
    if series.points.is_empty() {
        return Err(NoPoint::Empty);
    }
    let width = series.interval.unwrap_or_else(|| smallest_step(series));
    let values = || {
        series.points.iter().filter_map(|slot| {
            let value = slot.value.filter(|value| value.is_finite())?;
            Some((
                slot.time.checked_add(width.try_into().ok()?)?,
                Point {
                    time: slot.time,
                    value,
                },
            ))
        })
    };
    let complete = values()
        .filter(|(closes, _)| *closes <= now)
        .map(|(_, point)| point);
    if let Some(point) = complete.max_by_key(|point| point.time) {
        return Ok(point);
    }
    match values().map(|(closes, _)| closes).min() {
        Some(closes) => Err(NoPoint::OnlyOpenBucket { closes }),
        None => Err(NoPoint::OnlyNulls {
            count: series.points.len(),
        }),
    }
}

/// What becomes of one point of a series at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the value: the newest one that is complete.
    Served,
    /// A newer one is complete as well.
    Older,
    /// Its time is not over yet.
    Open {
        /// When it is.
        closes: OffsetDateTime,
    },
    /// It has no value.
    Null,
}

/// What [`newest_complete`] makes of each point of a series, in their order.
pub fn verdicts(series: &Series, now: OffsetDateTime) -> Vec<(Slot, Verdict)> {
    let width = series.interval.unwrap_or_else(|| smallest_step(series));
    let served = newest_complete(series, now).map(|point| point.time);
    let verdict = |slot: &Slot| {
        let closes = time::Duration::try_from(width).ok();
        let closes = closes.and_then(|width| slot.time.checked_add(width));
        match (slot.value.filter(|value| value.is_finite()), closes) {
            (None, _) | (_, None) => Verdict::Null,
            (Some(_), Some(closes)) if closes > now => Verdict::Open { closes },
            _ if served == Ok(slot.time) => Verdict::Served,
            _ => Verdict::Older,
        }
    };
    series
        .points
        .iter()
        .map(|slot| (*slot, verdict(slot)))
        .collect()
}

/// The width of buckets that an answer does not tell: no bucket is wider than
/// the distance to its neighbour.
fn smallest_step(series: &Series) -> Duration {
    let times = || series.points.iter().map(|slot| slot.time);
    iter::zip(times(), times().skip(1))
        .map(|(one, next)| (next - one).unsigned_abs())
        .filter(|step| !step.is_zero())
        .min()
        .unwrap_or_default()
}

/// As Kubernetes writes times, since this is read beside others of its own.
fn instant(time: OffsetDateTime) -> String {
    // Only a year beyond 9999 has no such form.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
    }

    fn series(points: &[(i64, Option<f64>)]) -> Series {
        Series {
            query_index: Some(0),
            interval: Some(Duration::from_secs(10)),
            scope: "*".into(),
            unit: None,
            points: points
                .iter()
                .map(|(second, value)| Slot {
                    time: at(*second),
                    value: *value,
                })
                .collect(),
        }
    }

    fn point(second: i64, value: f64) -> Point {
        Point {
            time: at(second),
            value,
        }
    }

    #[test]
    fn the_bucket_that_is_still_open_does_not_count() {
        let series = series(&[(0, Some(1.0)), (10, Some(2.0)), (20, Some(0.5))]);
        assert_eq!(newest_complete(&series, at(29)), Ok(point(10, 2.0)));
    }

    #[test]
    fn a_bucket_counts_from_the_moment_it_closes() {
        let series = series(&[(10, Some(2.0)), (20, Some(3.0))]);
        assert_eq!(newest_complete(&series, at(30)), Ok(point(20, 3.0)));
    }

    #[test]
    fn a_lone_closed_point_counts() {
        assert_eq!(
            newest_complete(&series(&[(0, Some(1.0))]), at(15)),
            Ok(point(0, 1.0))
        );
    }

    #[test]
    fn a_newer_null_point_does_not_hide_an_older_value() {
        let series = series(&[
            (0, Some(1.0)),
            (10, None),
            (20, Some(f64::NAN)),
            (30, Some(f64::INFINITY)),
        ]);
        assert_eq!(newest_complete(&series, at(100)), Ok(point(0, 1.0)));
    }

    #[test]
    fn points_need_not_be_in_order() {
        let series = series(&[(20, Some(3.0)), (0, Some(1.0)), (10, Some(2.0))]);
        assert_eq!(newest_complete(&series, at(100)), Ok(point(20, 3.0)));
    }

    #[test]
    fn a_grid_finer_than_the_interval_waits_for_the_whole_interval() {
        // The shape of an arithmetic query over operands with different native
        // intervals: a grid of one second that says 10.
        let series = series(&[(0, Some(1.0)), (1, None), (10, Some(2.0)), (11, None)]);
        assert_eq!(newest_complete(&series, at(12)), Ok(point(0, 1.0)));
    }

    #[test]
    fn without_an_interval_the_distance_of_points_stands_for_it() {
        let mut series = series(&[(0, Some(1.0)), (30, Some(2.0))]);
        series.interval = None;
        assert_eq!(newest_complete(&series, at(59)), Ok(point(0, 1.0)));
        assert_eq!(newest_complete(&series, at(60)), Ok(point(30, 2.0)));
    }

    #[test]
    fn why_there_is_no_point_is_told() {
        for (points, why) in [
            (&[][..], NoPoint::Empty),
            (&[(0, None), (10, None)], NoPoint::OnlyNulls { count: 2 }),
            (
                &[(0, None), (10, Some(1.0))],
                NoPoint::OnlyOpenBucket { closes: at(20) },
            ),
            (
                &[(40, Some(1.0))],
                NoPoint::OnlyOpenBucket { closes: at(50) },
            ),
        ] {
            assert_eq!(
                newest_complete(&series(points), at(15)),
                Err(why),
                "{points:?}"
            );
        }
    }

    #[test]
    fn what_becomes_of_each_point_is_told() {
        let series = series(&[(0, Some(1.0)), (10, Some(2.0)), (20, None), (30, Some(4.0))]);
        let told: Vec<_> = verdicts(&series, at(35))
            .into_iter()
            .map(|(_, told)| told)
            .collect();
        let open = Verdict::Open { closes: at(40) };
        assert_eq!(told, [Verdict::Older, Verdict::Served, Verdict::Null, open]);
    }

    #[test]
    fn the_time_from_which_a_value_counts_is_written_as_kubernetes_writes_times() {
        assert_eq!(
            NoPoint::OnlyOpenBucket { closes: at(20) }.to_string(),
            "the only value that Datadog sent is of a time that is not over: it counts from 1970-01-01T00:00:20Z"
        );
    }

    proptest! {
        #[test]
        fn the_chosen_point_is_there_finite_and_over(
            points in prop::collection::vec((-50_i64..50, prop::option::of(any::<f64>())), 0..20),
            now in -60_i64..80,
        ) {
            let series = series(&points);
            if let Ok(point) = newest_complete(&series, at(now)) {
                prop_assert!(point.value.is_finite());
                prop_assert!(point.time + Duration::from_secs(10) <= at(now));
                let same = Slot { time: point.time, value: Some(point.value) };
                prop_assert!(series.points.contains(&same));
                prop_assert!(verdicts(&series, at(now)).contains(&(same, Verdict::Served)));
            } else {
                let served = |(_, verdict): &(Slot, Verdict)| *verdict == Verdict::Served;
                prop_assert!(!verdicts(&series, at(now)).iter().any(served));
            }
        }
    }
}
