use proptest::prelude::*;

use super::*;
use crate::point::PointMode;

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
}

/// Buckets of 30 s that begin at 0, with a value each or none.
fn series<V: Into<Option<f64>> + Copy>(values: &[V]) -> Series {
    let slot = |(place, value): (i64, &V)| Slot {
        time: at(30 * place),
        value: (*value).into(),
    };
    Series {
        query_index: Some(0),
        interval: Some(Duration::from_secs(30)),
        scope: "host:a".into(),
        unit: None,
        points: (0..).zip(values).map(slot).collect(),
    }
}

fn merged(aggregator: Aggregator, series: &[Series]) -> Vec<Option<f64>> {
    let series: Vec<&Series> = series.iter().collect();
    let merged = merge(&series, aggregator).unwrap();
    merged.series.points.iter().map(|slot| slot.value).collect()
}

fn sum(series: &[Series]) -> Vec<Option<f64>> {
    merged(Aggregator::Sum, series)
}

#[test]
fn series_are_merged_bucket_by_bucket() {
    let both = || [series(&[1.0, 2.0]), series(&[3.0, 6.0])];
    for (aggregator, values) in [
        (Aggregator::Sum, [4.0, 8.0]),
        (Aggregator::Avg, [2.0, 4.0]),
        (Aggregator::Min, [1.0, 2.0]),
        (Aggregator::Max, [3.0, 6.0]),
    ] {
        assert_eq!(
            merged(aggregator, &both()),
            values.map(Some),
            "{aggregator}"
        );
    }
}

#[test]
fn a_bucket_waits_for_a_series_that_is_late() {
    // In the bucket that closed last, one of two hosts has not reported yet.
    let series = [series(&[10.0, 10.0, 10.0]), series(&[10.0, 10.0])];
    let merged = merge(&series.each_ref(), Aggregator::Sum).unwrap();
    let at_30 = Point {
        time: at(30),
        value: 20.0,
    };
    assert_eq!(merged.point(&Reading::default(), at(95)), Ok(at_30));
    let share = Share {
        of: vec![0],
        lacking: vec![1],
    };
    assert_eq!(merged.shares[2], share);
}

#[test]
fn a_series_that_ended_holds_up_the_others_for_a_minute_and_no_longer() {
    let ended = || series(&[5.0, 5.0]);
    // It closed at 60 s, and the other has values up to the bucket of 90 s, or of 120 s.
    assert_eq!(
        sum(&[series(&[1.0, 1.0, 1.0, 1.0]), ended()]),
        [Some(6.0), Some(6.0), None, None]
    );
    assert_eq!(
        sum(&[series(&[1.0, 1.0, 1.0, 1.0, 2.0]), ended()]),
        [Some(6.0), Some(6.0), Some(1.0), Some(1.0), Some(2.0)]
    );
}

#[test]
fn in_other_buckets_a_series_is_late_for_a_minute_or_for_one_bucket() {
    for (width, buckets) in [(10, 7), (60, 2), (300, 2)] {
        let wide = |values: usize| {
            let mut series = series(&vec![1.0; values]);
            series.interval = Some(Duration::from_secs(width));
            for (slot, place) in series.points.iter_mut().zip(0_u32..) {
                slot.time = at(0) + Duration::from_secs(width) * place;
            }
            series
        };
        // So many buckets after the only one of the other.
        assert_eq!(sum(&[wide(buckets), wide(1)])[1..], vec![None; buckets - 1]);
        assert_eq!(
            sum(&[wide(buckets + 1), wide(1)])[1..],
            vec![Some(1.0); buckets]
        );
    }
}

#[test]
fn a_series_that_begins_later_changes_nothing_before() {
    let begins = series(&[None, None, None, Some(5.0)]);
    assert_eq!(
        sum(&[series(&[1.0, 1.0, 1.0, 1.0]), begins]),
        [Some(1.0), Some(1.0), Some(1.0), Some(6.0)]
    );
}

#[test]
fn a_series_whose_first_value_comes_a_bucket_late_was_there_before() {
    // The window begins between the values of two hosts.
    let later = series(&[None, Some(5.0), Some(5.0)]);
    assert_eq!(
        sum(&[series(&[1.0, 1.0, 1.0]), later]),
        [None, Some(6.0), Some(6.0)]
    );
}

#[test]
fn a_hole_in_one_series_is_a_hole_in_the_merge() {
    let holed = series(&[Some(5.0), None, Some(5.0)]);
    assert_eq!(
        sum(&[series(&[1.0, 1.0, 1.0]), holed]),
        [Some(6.0), None, Some(6.0)]
    );
}

#[test]
fn a_series_of_nulls_takes_no_part() {
    let nulls = series::<Option<f64>>(&[None, None]);
    assert_eq!(sum(&[series(&[1.0, 1.0]), nulls]), [Some(1.0), Some(1.0)]);
}

#[test]
fn the_open_bucket_of_a_merge_does_not_count_either() {
    let series = [series(&[1.0, 1.0, 0.2]), series(&[2.0, 2.0, 0.1])];
    let merged = merge(&series.each_ref(), Aggregator::Sum).unwrap();
    let at_30 = Point {
        time: at(30),
        value: 3.0,
    };
    assert_eq!(merged.point(&Reading::default(), at(65)), Ok(at_30));
}

#[test]
fn series_that_never_have_a_value_together_say_so() {
    // Two sources, each with a time of its own in every bucket.
    let other = series(&[2.0, 2.0]);
    let mut shifted = other.clone();
    for slot in &mut shifted.points {
        slot.time -= Duration::from_secs(10);
    }
    let merged = merge(&[&shifted, &other], Aggregator::Sum).unwrap();
    assert_eq!(
        merged.point(&Reading::default(), at(600)),
        Err(NoPoint::NeverTogether)
    );
    let nulls = series::<Option<f64>>(&[None]);
    let merged = merge(&[&nulls, &nulls], Aggregator::Sum).unwrap();
    assert_eq!(
        merged.point(&Reading::default(), at(600)),
        Err(NoPoint::OnlyNulls { count: 1 })
    );
}

#[test]
fn buckets_of_different_widths_are_not_merged() {
    let mut wide = series(&[1.0]);
    wide.interval = Some(Duration::from_secs(60));
    assert_eq!(
        merge(&[&series(&[1.0]), &wide], Aggregator::Max),
        Err(UnequalBuckets {
            narrowest: Duration::from_secs(30),
            widest: Duration::from_secs(60),
        })
    );
}

proptest! {
    #[test]
    fn one_series_merged_is_itself(
        values in prop::collection::vec(prop::option::of(-1e9..1e9), 0..12),
        told: bool,
    ) {
        let mut one = series(&values);
        if !told {
            one.interval = None;
        }
        for aggregator in [Aggregator::Sum, Aggregator::Avg, Aggregator::Min, Aggregator::Max] {
            let merged = merge(&[&one], aggregator).unwrap().series;
            prop_assert_eq!(&merged.points, &one.points);
            for mode in ["last-complete", "penultimate", "last", "avg:3"] {
                let mode: PointMode = mode.parse().unwrap();
                let reading = Reading { mode, ..Reading::default() };
                prop_assert_eq!(reading.point(&merged, at(200)), reading.point(&one, at(200)));
            }
        }
    }

    #[test]
    fn a_merge_is_never_newer_than_what_it_is_made_of(
        all in prop::collection::vec(prop::collection::vec(prop::option::of(0.0..9.0), 0..12), 1..5),
        now in 0_i64..400,
    ) {
        let all: Vec<Series> = all.iter().map(|values| series(values)).collect();
        let merged = merge(&all.iter().collect::<Vec<_>>(), Aggregator::Sum).unwrap();
        if let Ok(point) = merged.point(&Reading::default(), at(now)) {
            // Each series that takes part has a closed bucket of that very time, and no
            // series that does not has one.
            prop_assert!(point.time + Duration::from_secs(30) <= at(now));
            let values: Vec<f64> = all
                .iter()
                .filter_map(|one| one.points.iter().find(|slot| slot.time == point.time)?.value)
                .collect();
            prop_assert_eq!(point.value, values.iter().sum::<f64>());
            for one in &all {
                // What lacks here has ended, or has not begun.
                let valued = || one.points.iter().filter(|slot| slot.value.is_some());
                let before = valued().any(|slot| slot.time < point.time);
                let after = valued().any(|slot| slot.time > point.time);
                let here = valued().any(|slot| slot.time == point.time);
                prop_assert!(here || !(before && after));
            }
        }
    }

    #[test]
    fn series_without_holes_are_merged_up_to_two_buckets_before_the_newest(
        spans in prop::collection::vec((0_usize..9, 0_usize..12), 1..5),
    ) {
        // One has been there all the time.
        let mut all = vec![series(&[1.0; 14])];
        all.extend(spans.into_iter().map(|(first, more)| {
            let values = vec![None; first].into_iter().chain(vec![Some(1.0); more]);
            series(&values.take(14).collect::<Vec<_>>())
        }));
        let merged = merged(Aggregator::Sum, &all);
        prop_assert!(merged[11..].iter().any(Option::is_some), "{merged:?}");
    }
}
