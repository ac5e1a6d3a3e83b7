use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

use PointMode::{Last, LastComplete, Penultimate};

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
}

/// Buckets of 10 s.
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

fn point(second: i64, value: f64) -> Result<Point, NoPoint> {
    Ok(Point {
        time: at(second),
        value,
    })
}

fn of_last<const N: usize>(modes: [fn(NonZeroU32) -> PointMode; N], points: u32) -> [PointMode; N] {
    modes.map(|mode| mode(NonZeroU32::new(points).unwrap()))
}

fn reading(mode: PointMode) -> Reading {
    Reading {
        mode,
        ..Reading::default()
    }
}

fn value(mode: PointMode, series: &Series, now: i64) -> Result<Point, NoPoint> {
    reading(mode).point(series, at(now))
}

fn verdicts(mode: PointMode, series: &Series, now: i64) -> Vec<Verdict> {
    let verdicts = reading(mode).verdicts(series, at(now)).into_iter();
    verdicts.map(|(_, verdict)| verdict).collect()
}

#[test]
fn the_bucket_that_is_still_open_does_not_count() {
    let series = series(&[(0, Some(1.0)), (10, Some(2.0)), (20, Some(0.5))]);
    assert_eq!(value(LastComplete, &series, 29), point(10, 2.0));
}

#[test]
fn a_count_is_read_when_all_of_its_bucket_has_been_counted() {
    // `.as_count()` of 3 events a second: the open bucket has seen a third of its time.
    let series = series(&[(0, Some(30.0)), (10, Some(30.0)), (20, Some(9.0))]);
    assert_eq!(value(LastComplete, &series, 23), point(10, 30.0));
    assert_eq!(value(Last, &series, 23), point(20, 9.0));
}

#[test]
fn a_count_that_arrives_late_is_read_when_it_has_settled() {
    // The last third of the newest closed bucket is still on its way.
    let series = series(&[(0, Some(30.0)), (10, Some(20.0)), (20, Some(1.0))]);
    let settling = |seconds| Reading {
        settling: Duration::from_secs(seconds),
        ..Reading::default()
    };
    assert_eq!(settling(0).point(&series, at(22)), point(10, 20.0));
    assert_eq!(settling(5).point(&series, at(22)), point(0, 30.0));
    assert_eq!(settling(5).point(&series, at(25)), point(10, 20.0));
    let told = settling(5).verdicts(&series, at(22)).remove(1).1;
    let complete_at = at(25);
    assert_eq!(told, Verdict::Incomplete { complete_at });
    assert_eq!(
        settling(60).point(&series, at(22)),
        Err(NoPoint::OnlyIncomplete {
            complete_at: at(70)
        })
    );
}

#[test]
fn a_bucket_counts_from_the_moment_it_closes() {
    let series = series(&[(10, Some(2.0)), (20, Some(3.0))]);
    assert_eq!(value(LastComplete, &series, 29), point(10, 2.0));
    assert_eq!(value(LastComplete, &series, 30), point(20, 3.0));
}

#[test]
fn a_lone_point_counts_once_it_is_complete_and_by_penultimate_and_last_at_once() {
    let series = series(&[(0, Some(1.0))]);
    let open = Err(NoPoint::OnlyIncomplete {
        complete_at: at(10),
    });
    assert_eq!(value(LastComplete, &series, 5), open);
    assert_eq!(value(LastComplete, &series, 15), point(0, 1.0));
    for mode in [Penultimate, Last] {
        assert_eq!(value(mode, &series, 5), point(0, 1.0));
    }
}

#[test]
fn a_newer_null_point_does_not_hide_an_older_value() {
    let series = series(&[
        (0, Some(1.0)),
        (10, Some(2.0)),
        (20, None),
        (30, Some(f64::NAN)),
        (40, Some(f64::INFINITY)),
    ]);
    for (mode, expected) in [
        (LastComplete, point(10, 2.0)),
        (Last, point(10, 2.0)),
        (Penultimate, point(0, 1.0)),
    ] {
        assert_eq!(value(mode, &series, 100), expected, "{mode}");
    }
}

#[test]
fn a_sparse_series_is_read_at_its_newest_value_where_penultimate_is_a_value_behind() {
    // A value every two minutes, and Datadog leaves out what is empty.
    let series = series(&[(0, Some(1.0)), (120, Some(2.0)), (240, Some(3.0))]);
    assert_eq!(value(LastComplete, &series, 290), point(240, 3.0));
    assert_eq!(value(Penultimate, &series, 290), point(120, 2.0));
}

#[test]
fn a_late_cloud_metric_keeps_its_own_time() {
    // What a cloud delivers a quarter of an hour late, between two refreshes of its own.
    let series = series(&[(0, Some(7.0)), (300, None), (600, None)]);
    for mode in [LastComplete, Penultimate, Last] {
        assert_eq!(value(mode, &series, 900), point(0, 7.0), "{mode}");
    }
}

#[test]
fn penultimate_takes_the_newest_but_one_however_complete() {
    let series = series(&[(0, Some(1.0)), (10, Some(2.0)), (20, Some(3.0))]);
    for now in [21, 500] {
        assert_eq!(value(Penultimate, &series, now), point(10, 2.0));
    }
}

#[test]
fn a_value_of_several_points_has_the_time_of_the_newest_of_them() {
    let series = series(&[
        (0, Some(100.0)),
        (10, Some(4.0)),
        (20, None),
        (30, Some(1.0)),
        (40, Some(1.0)),
        (50, Some(0.0)),
    ]);
    let modes = of_last([PointMode::Avg, PointMode::Max, PointMode::Min], 3);
    let points = modes.map(|mode| value(mode, &series, 55));
    assert_eq!(points, [point(40, 2.0), point(40, 4.0), point(40, 1.0)]);
}

#[test]
fn where_fewer_points_are_there_the_value_is_made_of_those() {
    let series = series(&[(0, Some(1.0)), (10, None), (20, Some(3.0))]);
    let modes = of_last([PointMode::Avg, PointMode::Max, PointMode::Min], 5);
    let points = modes.map(|mode| value(mode, &series, 30));
    assert_eq!(points, [point(20, 2.0), point(20, 3.0), point(20, 1.0)]);
}

#[test]
fn points_need_not_be_in_order() {
    let series = series(&[(20, Some(3.0)), (0, Some(1.0)), (10, Some(2.0))]);
    assert_eq!(value(LastComplete, &series, 100), point(20, 3.0));
    assert_eq!(value(Penultimate, &series, 100), point(10, 2.0));
}

#[test]
fn a_grid_finer_than_the_interval_waits_for_the_whole_interval() {
    // The shape of an arithmetic query over operands with different native
    // intervals: a grid of one second that says 10.
    let series = series(&[(0, Some(1.0)), (1, None), (10, Some(2.0)), (11, None)]);
    assert_eq!(value(LastComplete, &series, 12), point(0, 1.0));
}

#[test]
fn without_an_interval_the_distance_of_points_stands_for_it() {
    let mut series = series(&[(0, Some(1.0)), (30, Some(2.0))]);
    series.interval = None;
    assert_eq!(value(LastComplete, &series, 59), point(0, 1.0));
    assert_eq!(value(LastComplete, &series, 60), point(30, 2.0));
}

#[test]
fn why_there_is_no_point_is_told() {
    for (points, why) in [
        (&[][..], NoPoint::Empty),
        (&[(0, None), (10, None)], NoPoint::OnlyNulls { count: 2 }),
        (
            &[(0, None), (10, Some(1.0)), (20, Some(1.0))],
            NoPoint::OnlyIncomplete {
                complete_at: at(20),
            },
        ),
    ] {
        let series = series(points);
        assert_eq!(value(LastComplete, &series, 15), Err(why), "{points:?}");
    }
}

#[test]
fn what_becomes_of_each_point_is_told_in_every_mode() {
    use Verdict::{Null, Older, PassedOver, Served};
    let series = series(&[
        (0, Some(1.0)),
        (10, Some(2.0)),
        (20, Some(3.0)),
        (30, None),
        (40, Some(4.0)),
    ]);
    let complete_at = at(50);
    let [of_two] = of_last([PointMode::Avg], 2);
    for (mode, now, told) in [
        (
            LastComplete,
            45,
            [
                Older,
                Older,
                Served,
                Null,
                Verdict::Incomplete { complete_at },
            ],
        ),
        (
            of_two,
            45,
            [
                Older,
                Served,
                Served,
                Null,
                Verdict::Incomplete { complete_at },
            ],
        ),
        (
            Last,
            45,
            [
                Older,
                Older,
                Older,
                Null,
                Verdict::ServedIncomplete { complete_at },
            ],
        ),
        (Last, 50, [Older, Older, Older, Null, Served]),
        (
            Penultimate,
            45,
            [
                Older,
                Older,
                Served,
                Null,
                Verdict::Incomplete { complete_at },
            ],
        ),
        (Penultimate, 50, [Older, Older, Served, Null, PassedOver]),
    ] {
        assert_eq!(verdicts(mode, &series, now), told, "{mode} at {now}");
    }
}

fn mode() -> impl Strategy<Value = PointMode> {
    let points = (1_u32..6).prop_map(|points| NonZeroU32::new(points).unwrap());
    prop_oneof![
        Just(LastComplete),
        Just(Penultimate),
        Just(Last),
        points.clone().prop_map(PointMode::Avg),
        points.clone().prop_map(PointMode::Max),
        points.prop_map(PointMode::Min),
    ]
}

proptest! {
    #[test]
    fn a_value_is_finite_and_of_the_time_of_the_newest_point_that_is_served(
        points in prop::collection::vec((-50_i64..50, prop::option::of(any::<f64>())), 0..20),
        now in -60_i64..80,
        mode in mode(),
    ) {
        let series = series(&points);
        let verdicts = reading(mode).verdicts(&series, at(now));
        let served: Vec<Slot> = verdicts
            .iter()
            .filter(|(_, verdict)| matches!(verdict, Verdict::Served | Verdict::ServedIncomplete { .. }))
            .map(|(slot, _)| *slot)
            .collect();
        prop_assert!(served.len() <= mode.points().get() as usize);
        let newest = served.iter().map(|slot| slot.time).max();
        match value(mode, &series, now) {
            Ok(point) => {
                prop_assert!(point.value.is_finite());
                prop_assert_eq!(Some(point.time), newest);
            }
            Err(_) => prop_assert_eq!(newest, None),
        }
    }

    #[test]
    fn only_penultimate_and_last_serve_what_is_not_over(
        points in prop::collection::vec((-50_i64..50, prop::option::of(any::<f64>())), 0..20),
        now in -60_i64..80,
        mode in mode(),
    ) {
        let open = reading(mode).verdicts(&series(&points), at(now)).iter()
            .any(|(_, verdict)| matches!(verdict, Verdict::ServedIncomplete { .. }));
        prop_assert!(!open || matches!(mode, Penultimate | Last));
    }
}
