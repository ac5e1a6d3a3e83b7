//! How wide buckets are, where the answer does not tell it.

use std::{iter, time::Duration};

use super::Slot;
use crate::{
    query::{Query, Rollup},
    window::Window,
};

/// A series of Datadog's has no more points than this: a query that asks for more gets wider
/// buckets.
const MOST_POINTS: u64 = 1500;

/// A width that the buckets of a query's series do not exceed. A bucket that is taken for
/// narrower than it is would count before it is over, so each step of this errs to the wide
/// side: the width that the query asks for, or the smallest distance between two values, or,
/// for a value that is alone, the widest bucket that is usual in such a window.
pub(super) fn width<'a>(
    query: &Query,
    window: Window,
    series: impl Iterator<Item = &'a [Slot]>,
) -> Duration {
    let span = window.span().as_secs();
    let rollup = query.rollup().map(|Rollup(seconds)| seconds.get().into());
    rollup
        .filter(|seconds: &u64| span <= seconds.saturating_mul(MOST_POINTS))
        .map(Duration::from_secs)
        .or_else(|| series.filter_map(smallest_distance).min())
        .unwrap_or_else(|| usual(span))
}

fn smallest_distance(points: &[Slot]) -> Option<Duration> {
    let times = || {
        let values = points.iter().filter(|slot| slot.value.is_some());
        values.map(|slot| slot.time)
    };
    iter::zip(times(), times().skip(1))
        .map(|(one, next)| (next - one).unsigned_abs())
        .filter(|distance| !distance.is_zero())
        .min()
}

/// The bucket of a line graph over a window of so many seconds, as [documented].
///
/// [documented]: https://docs.datadoghq.com/dashboards/functions/rollup/
fn usual(span: u64) -> Duration {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    Duration::from_secs(match span {
        0..=HOUR => 20,
        3601..=14_400 => 60,
        14_401..=DAY => 300,
        86_401..=172_800 => 600,
        172_801..=604_800 => HOUR,
        _ => 4 * HOUR,
    })
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    /// Seconds, for a query over so many seconds.
    fn width_of(query: &str, span: u64, points: &[(i64, Option<f64>)]) -> u64 {
        let slot = |(second, value): &(i64, _)| Slot {
            time: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(*second),
            value: *value,
        };
        let window = Window::ending(OffsetDateTime::UNIX_EPOCH, Duration::from_secs(span));
        let points: Vec<_> = points.iter().map(slot).collect();
        let series = [points.as_slice()].into_iter();
        width(&Query::written(query).unwrap(), window, series).as_secs()
    }

    #[test]
    fn the_query_tells_how_wide_its_buckets_are_or_else_its_values() {
        let dense = [(0, Some(1.0)), (1, Some(1.0))];
        for (query, expected) in [("avg:a{*}.rollup(30)", 30), ("avg:a{*}.rollup(max)", 1)] {
            assert_eq!(width_of(query, 300, &dense), expected, "{query}");
        }
    }

    #[test]
    fn a_query_that_asks_for_too_many_points_gets_wider_buckets_than_it_tells() {
        let points = [(0, Some(1.0)), (3, Some(1.0))];
        assert_eq!(width_of("a{*}.rollup(1)", 1500, &points), 1);
        assert_eq!(width_of("a{*}.rollup(1)", 3000, &points), 3);
    }

    #[test]
    fn a_bucket_is_no_wider_than_the_distance_of_two_values() {
        // The nulls stand at the times of another query's values.
        let points = [
            (0, Some(1.0)),
            (10, None),
            (60, Some(1.0)),
            (70, None),
            (90, Some(1.0)),
        ];
        assert_eq!(width_of("a{*}", 300, &points), 30);
    }

    #[test]
    fn a_lone_value_is_of_a_bucket_of_the_usual_width() {
        let points = [(0, None), (10, Some(1.0))];
        for (span, expected) in [(300, 20), (7200, 60), (86_400, 300), (700_000, 14_400)] {
            assert_eq!(width_of("a{*}", span, &points), expected);
        }
    }
}
