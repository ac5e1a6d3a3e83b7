//! The series of an answer: chosen by scope, grouped, cut into buckets, aggregated.

use std::collections::BTreeMap;

use super::{
    asked::{Asked, Function},
    bucket::{buckets, fill_holes, together},
    scenario::{Kind, Series},
    window::{Moment, Window},
};

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) scope: String,
    pub(super) expression: String,
    pub(super) tag_set: Vec<String>,
    /// The width of the buckets in seconds.
    pub(super) interval: i64,
    pub(super) points: BTreeMap<i64, f64>,
}

/// More points than this are in no series: a wish for more gets wider buckets.
const MOST_POINTS: i64 = 1500;

/// The series that answer a query: one, or one for each group; none without points.
pub(super) fn rows(asked: &Asked, all: &[Series], window: Window, moment: Moment) -> Vec<Row> {
    let matching = all
        .iter()
        .filter(|s| s.metric == asked.metric && asked.scope.matches(&s.tags));
    let matching: Vec<_> = matching.collect();
    let interval = width(asked, &matching, window);
    let rows = groups(asked, &matching)
        .into_iter()
        .map(|(group, members)| {
            let members = members
                .iter()
                .map(|series| buckets(series, asked, interval, window, moment));
            let mut points = together(members, asked.aggregator.unwrap_or(Function::Avg));
            if let Some(fill) = asked.modifiers.fill {
                fill_holes(&mut points, fill, interval, window.to.min(moment.now));
            }
            Row {
                scope: asked.scope.narrowed(&group),
                expression: asked.expression(&group),
                tag_set: group
                    .iter()
                    .map(|(key, value)| format!("{key}:{value}"))
                    .collect(),
                interval,
                points,
            }
        });
    rows.filter(|row| !row.points.is_empty()).collect()
}

type Group<'a> = Vec<(&'a str, &'a str)>;

/// The series by their values of the group's tags. One that lacks such a tag is in no group.
fn groups<'a>(asked: &'a Asked, all: &[&'a Series]) -> BTreeMap<Group<'a>, Vec<&'a Series>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for series in all {
        let value = |key: &'a String| {
            series
                .tags
                .get(key)
                .map(|value| (key.as_str(), value.as_str()))
        };
        if let Some(group) = asked.group.iter().map(value).collect() {
            groups.entry(group).or_default().push(*series);
        }
    }
    groups
}

/// The width of the buckets: the wish, or a usual one for a window of this length.
fn width(asked: &Asked, matching: &[&Series], window: Window) -> i64 {
    let length = window.to - window.from;
    let wish = asked.modifiers.width.map(i64::from).unwrap_or_else(|| {
        // A gauge may be cut finer than it is reported, as recorded; rates and counts are
        // not: the last bucket would be a whole interval's events in a second.
        let native = matching
            .iter()
            .filter(|series| series.kind != Kind::Gauge)
            .map(|s| s.interval());
        native.max().unwrap_or(1).max(usual_width(length))
    });
    wish * (length / wish / MOST_POINTS + 1)
}

fn usual_width(length: i64) -> i64 {
    const HOUR: i64 = 60 * 60;
    const DAY: i64 = 24 * HOUR;
    match length {
        ..=400 => 1,
        401..=900 => 2,
        901..=1800 => 5,
        1801..=HOUR => 20,
        3601..=14_400 => 60,
        14_401..=DAY => 300,
        86_401..=172_800 => 600,
        172_801..=604_800 => HOUR,
        _ => 4 * HOUR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scenario starts at 10 000 s, a multiple of 10, 20 and 100.
    const START: i64 = 10_000;

    fn series(texts: &[&str]) -> Vec<Series> {
        texts
            .iter()
            .map(|text| serde_saphyr::from_str(text).unwrap())
            .collect()
    }

    /// The points of each row, for a window of offsets that ends now.
    fn points(query: &str, all: &[&str], from: i64, now: i64) -> Vec<(String, Vec<(i64, f64)>)> {
        let asked = Asked::all(query).unwrap().remove(0);
        let window = Window {
            from: START + from,
            to: START + now,
        };
        let moment = Moment {
            start: START,
            now: START + now,
        };
        let rows = rows(&asked, &series(all), window, moment)
            .into_iter()
            .map(|row| {
                (
                    row.scope,
                    row.points
                        .into_iter()
                        .map(|(time, value)| (time - START, value))
                        .collect(),
                )
            });
        rows.collect()
    }

    /// The points of the only row.
    fn run(query: &str, source: &str, from: i64, now: i64) -> Vec<(i64, f64)> {
        let rows = points(query, &[source], from, now);
        assert!(rows.len() <= 1, "{rows:?}");
        rows.into_iter().flat_map(|(_, points)| points).collect()
    }

    const CLIMB: &str =
        "{ metric: m, shape: { line: [ { at: 0s, value: 0 }, { at: 100s, value: 100 } ] } }";
    const HITS: &str = "{ metric: m, type: count, shape: { constant: 6 } }";

    #[test]
    fn the_bucket_that_the_window_cuts_is_left_out_and_the_open_one_is_not() {
        assert_eq!(
            run("m{*}.rollup(20)", CLIMB, 5, 60),
            [(20, 25.0), (40, 45.0), (60, 60.0)]
        );
    }

    #[test]
    fn a_count_in_the_open_bucket_is_too_low() {
        let counts = run("sum:m{*}.as_count().rollup(30)", HITS, 0, 70);
        assert_eq!(counts, [(20, 18.0), (50, 18.0)]);
        let counts = run("sum:m{*}.as_count().rollup(30)", HITS, 0, 60);
        assert_eq!(counts, [(20, 18.0), (50, 12.0)]);
    }

    #[test]
    fn counting_follows_the_type_of_the_metric() {
        let rate = "{ metric: m, type: rate, shape: { constant: 6 } }";
        let gauge = "{ metric: m, shape: { constant: 6 } }";
        let first = |query, source| run(query, source, 0, 49).first().map(|(_, value)| *value);
        let rows = [
            ("m{*}.as_count().rollup(20)", HITS, 12.0),
            ("m{*}.as_rate().rollup(20)", HITS, 0.6),
            ("m{*}.as_count().rollup(20)", rate, 120.0),
            ("m{*}.as_rate().rollup(20)", rate, 6.0),
            ("m{*}.as_count().rollup(20)", gauge, 6.0),
            ("m{*}.as_count().rollup(max, 20)", HITS, 6.0),
            ("m{*}.rollup(count, 20)", gauge, 2.0),
        ];
        for (query, source, expected) in rows {
            assert_eq!(first(query, source), Some(expected), "{query} of {source}");
        }
    }

    #[test]
    fn a_late_source_shows_its_points_when_their_delay_is_over() {
        let late = "{ metric: m, delay: 15s, shape: { constant: 1 } }";
        assert_eq!(run("m{*}.rollup(10)", late, 0, 34), [(0, 1.0), (10, 1.0)]);
        assert_eq!(
            run("m{*}.rollup(10)", late, 0, 35),
            [(0, 1.0), (10, 1.0), (20, 1.0)]
        );
    }

    #[test]
    fn a_gap_leaves_its_buckets_out_and_a_fill_puts_them_in() {
        let broken =
            "{ metric: m, shape: { line: [ { at: 0s, value: 0 }, { at: 100s, value: 100 } ] },
            gaps: [ { from: 20s, for: 20s } ] }";
        let with = |fill: &str| run(&format!("m{{*}}.rollup(10){fill}"), broken, 10, 40);
        let filled = |a, b| vec![(10, 10.0), (20, a), (30, b), (40, 40.0)];
        assert_eq!(with(""), [(10, 10.0), (40, 40.0)]);
        assert_eq!(with(".fill(null)"), [(10, 10.0), (40, 40.0)]);
        assert_eq!(with(".fill(zero)"), filled(0.0, 0.0));
        assert_eq!(with(".fill(linear)"), filled(20.0, 30.0));
        assert_eq!(with(".fill(last)"), filled(10.0, 10.0));
        assert_eq!(
            with(".fill(last, 10)"),
            [(10, 10.0), (20, 10.0), (40, 40.0)]
        );
    }

    #[test]
    fn sources_of_one_scope_are_aggregated_and_groups_are_not() {
        let hosts = [
            "{ metric: m, tags: { host: a, env: x }, shape: { constant: 1 } }",
            "{ metric: m, tags: { host: b, env: x }, shape: { constant: 3 } }",
            "{ metric: m, tags: { env: x }, shape: { constant: 8 } }",
            "{ metric: m, tags: { host: c, env: y }, shape: { constant: 99 } }",
        ];
        let ask = |query: &str| points(query, &hosts, 0, 9);
        let row = |scope: &str, value| (scope.to_owned(), vec![(0, value)]);
        assert_eq!(ask("m{env:x}.rollup(10)"), [row("env:x", 4.0)]);
        assert_eq!(ask("sum:m{env:x}.rollup(10)"), [row("env:x", 12.0)]);
        assert_eq!(ask("min:m{env:x}.rollup(10)"), [row("env:x", 1.0)]);
        assert_eq!(ask("max:m{*}.rollup(10)"), [row("*", 99.0)]);
        let grouped = [row("env:x,host:a", 1.0), row("env:x,host:b", 3.0)];
        assert_eq!(ask("sum:m{env:x} by {host}.rollup(10)"), grouped);
        assert_eq!(ask("sum:m{env:z}"), []);
    }

    #[test]
    fn the_width_of_a_bucket_follows_the_window_unless_it_is_asked_for() {
        let width_of = |query: &str, source: &str, length| {
            let (asked, series) = (Asked::all(query).unwrap().remove(0), series(&[source]));
            width(
                &asked,
                &series.iter().collect::<Vec<_>>(),
                Window {
                    from: 0,
                    to: length,
                },
            )
        };
        let rows = [
            // Recorded and pasted widths.
            ("m{*}", CLIMB, 200, 1),
            ("m{*}", CLIMB, 600, 2),
            ("m{*}", CLIMB, 1200, 5),
            ("m{*}", CLIMB, 86_400, 300),
            ("m{*}", CLIMB, 120_000, 600),
            // A metric whose native interval is 10 s.
            ("m{*}", HITS, 60, 10),
            ("m{*}.rollup(30)", CLIMB, 200, 30),
            // More than 1500 points are widened without a word.
            ("m{*}.rollup(1)", CLIMB, 3_100, 3),
        ];
        for (query, source, length, expected) in rows {
            assert_eq!(
                width_of(query, source, length),
                expected,
                "{query} over {length} s"
            );
        }
    }

    #[test]
    fn a_series_has_always_been_there_but_for_a_day_at_most() {
        let points = run("m{*}.rollup(10000)", HITS, -9_000_000, 0);
        assert_eq!(points.len(), 10);
        assert_eq!(points.last(), Some(&(0, 6.0)));
    }
}
