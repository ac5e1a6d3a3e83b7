use std::time::Duration;

use datadog_query::{Slot, Unit};
use time::macros::datetime;

use super::*;

fn read(series: &[Series], mode: &str, several: &str) -> String {
    let reading = Reading {
        mode: mode.parse().unwrap(),
        several: several.parse().unwrap(),
        ..Reading::default()
    };
    let mut out = Vec::new();
    write(
        &mut out,
        series,
        reading,
        datetime!(2026-01-01 00:01:40 UTC),
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

fn shown(series: &[Series]) -> String {
    read(series, "last-complete", "refuse")
}

/// Buckets of 30 s from midnight on.
fn series(scope: &str, values: &[Option<f64>]) -> Series {
    let begin = datetime!(2026-01-01 00:00:00 UTC);
    let slot = |(place, value): (u32, &Option<f64>)| Slot {
        time: begin + Duration::from_secs(30) * place,
        value: *value,
    };
    Series {
        query_index: Some(0),
        interval: Some(Duration::from_secs(30)),
        scope: scope.to_owned(),
        unit: None,
        points: (0..).zip(values).map(slot).collect(),
    }
}

/// The lines of the table, which begin with a sign and a time.
fn table(shown: &str) -> Vec<&str> {
    shown
        .lines()
        .filter(|line| line.contains(" 2026-") && !line.contains(" old"))
        .collect()
}

#[test]
fn every_point_says_what_becomes_of_it() {
    let mut one = series("env:prod", &[Some(1.0), Some(20.5), None, Some(7.0)]);
    one.unit = Some(Unit {
        name: Some("request".to_owned()),
        per: Some("second".to_owned()),
    });
    let shown = shown(&[one]);
    let (head, _) = shown.split_once("\n\n").unwrap();
    assert_eq!(
        head.trim_start(),
        "series    env:prod\n\
         points    4, buckets of 30 s\n\
         served    20.5 request/second of 2026-01-01T00:00:30Z, 70 s old\n          \
         last-complete: the newest complete point"
    );
    assert_eq!(
        table(&shown),
        [
            "  2026-01-01T00:00:00Z               1",
            "● 2026-01-01T00:00:30Z            20.5  served",
            "  2026-01-01T00:01:00Z            null  no value",
            "○ 2026-01-01T00:01:30Z               7  not served: complete from 2026-01-01T00:02:00Z",
        ]
    );
}

#[test]
fn a_series_without_a_scope_is_not_grouped() {
    let shown = shown(&[series("", &[Some(1.0)])]);
    assert!(
        shown.trim_start().starts_with("series    not grouped\n"),
        "{shown}"
    );
}

#[test]
fn each_mode_says_what_it_takes_and_why_it_leaves_the_newer_ones() {
    let values = [Some(1.0), Some(2.0), Some(3.0), Some(0.4)];
    for (mode, rows) in [
        (
            "penultimate",
            [
                "  2026-01-01T00:00:30Z               2",
                "● 2026-01-01T00:01:00Z               3  served",
                "○ 2026-01-01T00:01:30Z             0.4  not served: complete from 2026-01-01T00:02:00Z",
            ],
        ),
        (
            "last",
            [
                "  2026-01-01T00:00:30Z               2",
                "  2026-01-01T00:01:00Z               3",
                "● 2026-01-01T00:01:30Z             0.4  served, although it is complete only from \
                 2026-01-01T00:02:00Z: a count or a rate is too small",
            ],
        ),
        (
            "avg:2",
            [
                "● 2026-01-01T00:00:30Z               2  in the mean that is served",
                "● 2026-01-01T00:01:00Z               3  in the mean that is served",
                "○ 2026-01-01T00:01:30Z             0.4  not served: complete from 2026-01-01T00:02:00Z",
            ],
        ),
    ] {
        let shown = read(&[series("*", &values)], mode, "refuse");
        assert_eq!(table(&shown)[1..], rows, "{mode}");
    }
    assert!(
        read(&[series("*", &values)], "max:5", "refuse")
            .contains("max:5: the largest of the 5 newest complete points, of which 3 are there\n")
    );
    let over = read(&[series("*", &values[..3])], "penultimate", "refuse");
    assert_eq!(
        table(&over)[2],
        "○ 2026-01-01T00:01:00Z               3  not served: complete, and the newest"
    );
}

#[test]
fn the_chart_has_the_signs_of_the_table_and_a_line_of_zeros_at_its_foot() {
    let shown = shown(&[series("*", &[Some(0.0), Some(0.0), Some(0.0), Some(0.0)])]);
    let axis: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.split_once(['│', '└']))
        .map(|(label, _)| label.trim())
        .filter(|label| !label.is_empty())
        .collect();
    assert_eq!(axis, ["1", "0.5", "0"]);
    let foot = shown.lines().rfind(|line| line.contains('│')).unwrap();
    let signs: String = foot.chars().filter(|sign| "●○".contains(*sign)).collect();
    assert_eq!(signs, "●○");
}

#[test]
fn whatever_comes_can_be_drawn() {
    for values in [
        [f64::MAX, f64::MIN],
        [f64::MIN_POSITIVE, 5e-324],
        [f64::NAN, f64::INFINITY],
        [-1.0, -2.0],
    ] {
        let mut one = series("*", &values.map(Some));
        one.points[0].time = datetime!(-9999-01-01 00:00:00 UTC);
        assert!(shown(&[one]).contains("points    2"), "{values:?}");
    }
}

#[test]
fn several_series_are_told_with_what_a_merge_would_serve() {
    let hosts = [
        series("host:a", &[Some(1.0), Some(2.0), Some(0.1)]),
        series("host:b\u{1b}[2J", &[Some(3.0), Some(6.0)]),
        series("host:c", &[None, None]),
    ];
    assert_eq!(
        shown(&hosts).trim_start(),
        "series    3\n          \
         host:a: 0.1 of 2026-01-01T00:01:00Z, 40 s old\n          \
         host:b [2J: 6 of 2026-01-01T00:00:30Z, 70 s old\n          \
         host:c: all 2 points that Datadog sent are null\n\
         served    nothing: an autoscaler reads one number. Leave out the `by {…}`, narrow the scope \
         to one series, or merge them\n\
         --merge   would serve sum 8, avg 4, min 2, max 6\n"
    );
}

#[test]
fn a_merge_tells_how_many_series_are_in_each_point_and_whose_it_waits_for() {
    let hosts = [
        series("host:a", &[Some(1.0), Some(2.0), Some(3.0)]),
        series("host:b", &[Some(3.0), Some(6.0)]),
    ];
    let shown = read(&hosts, "last-complete", "sum");
    assert!(
        shown.contains("merged    sum of 2 series\npoints    3, buckets of 30 s\nserved    8 of"),
        "{shown}"
    );
    assert_eq!(
        table(&shown),
        [
            "  2026-01-01T00:00:00Z               4",
            "● 2026-01-01T00:00:30Z               8  served",
            "  2026-01-01T00:01:00Z            null  no value; 1 of 2 series, none of host:b",
        ]
    );
}

#[test]
fn nothing_is_told_with_what_to_do() {
    assert!(shown(&[]).contains("check the metric's name and its tags"));
    assert!(
        shown(&[series("*", &[None])])
            .contains("served    nothing: all 1 points that Datadog sent are null")
    );
}
