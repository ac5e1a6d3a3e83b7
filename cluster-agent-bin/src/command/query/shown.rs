//! Series, as a table and a chart for a person.

use std::io::{self, Write};

use datadog_query::{PointMode, Series, Slot, Verdict};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    symbols::Marker,
    widgets::{Axis, Chart, Dataset, GraphType, Widget},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A longer table is not read; the newest points are what counts.
const ROWS: usize = 20;
const CHART: Rect = Rect {
    x: 0,
    y: 0,
    width: 78,
    height: 14,
};

/// Tells each series, its points, and which one would be served.
pub(super) fn write(
    out: &mut impl Write,
    series: &[Series],
    now: OffsetDateTime,
) -> io::Result<()> {
    match series {
        [] => {
            return writeln!(
                out,
                "\nDatadog has no series for this query in that time: check the metric's name and its tags, \
                 which are stored in lower case"
            );
        }
        [_] => {}
        several => writeln!(
            out,
            "\nDatadog answers with {} series, and an autoscaler can be served one: leave out the `by {{…}}`",
            several.len()
        )?,
    }
    for one in series {
        writeln!(out)?;
        write_one(out, one, now)?;
    }
    Ok(())
}

fn write_one(out: &mut impl Write, series: &Series, now: OffsetDateTime) -> io::Result<()> {
    let interval = match series.interval {
        Some(interval) => format!("buckets of {} s", interval.as_secs()),
        None => "buckets of a width that is not told".to_owned(),
    };
    writeln!(
        out,
        "series    {}, {interval}, {} points",
        series.scope,
        series.points.len()
    )?;
    match PointMode::default().point(series, now) {
        Ok(point) => writeln!(
            out,
            "served    {} of {}, {} s old",
            point.value,
            instant(point.time),
            (now - point.time).whole_seconds()
        )?,
        Err(why) => writeln!(out, "served    nothing: {why}")?,
    }
    writeln!(out)?;
    let points = PointMode::default().verdicts(series, now);
    if points.iter().any(|(slot, _)| slot.value.is_some()) {
        write!(out, "{}", chart(&points))?;
        writeln!(out)?;
    }
    let left_out = points.len().saturating_sub(ROWS);
    if left_out > 0 {
        writeln!(out, "{left_out} older points are left out")?;
    }
    for (slot, verdict) in &points[left_out..] {
        let value = slot
            .value
            .map_or("null".to_owned(), |value| value.to_string());
        let row = format!("{}  {value:>16}  {}", instant(slot.time), said(*verdict));
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::Served | Verdict::ServedOpen { .. } => {
            "<- served: the newest bucket that is over".to_owned()
        }
        Verdict::Older | Verdict::PassedOver => String::new(),
        Verdict::Open { closes } => format!("still open: it counts from {}", instant(closes)),
        Verdict::Null => "no value".to_owned(),
    }
}

/// The points over time, drawn with dots.
fn chart(points: &[(Slot, Verdict)]) -> String {
    let drawn: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|(slot, _)| Some((slot.time.unix_timestamp() as f64, slot.value?)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = || drawn.iter().map(of);
        let (low, high) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        );
        // A line at one height, or one point, still wants some room.
        if low < high {
            [low, high]
        } else {
            [low, high + 1.0]
        }
    };
    let times = bounds(|point| point.0);
    let mut values = bounds(|point| point.1);
    values[0] = values[0].min(0.0);
    let face = |seconds: f64| {
        let time = OffsetDateTime::from_unix_timestamp(seconds as i64);
        time.map_or(String::new(), |time| {
            format!(
                "{:02}:{:02}:{:02}",
                time.hour(),
                time.minute(),
                time.second()
            )
        })
    };
    let line = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .data(&drawn);
    let mut buffer = Buffer::empty(CHART);
    Chart::new(vec![line])
        .x_axis(Axis::default().bounds(times).labels(times.map(face)))
        .y_axis(Axis::default().bounds(values).labels(values.map(|value| {
            format!("{value:.6}")
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned()
        })))
        .render(CHART, &mut buffer);
    let mut text = String::new();
    for y in 0..CHART.height {
        let row: String = (0..CHART.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn instant(time: OffsetDateTime) -> String {
    // Only a year beyond 9999 has no such form.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;

    fn shown(series: &[Series]) -> String {
        let mut out = Vec::new();
        write(&mut out, series, datetime!(2026-01-01 00:01:40 UTC)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn series(values: &[Option<f64>]) -> Series {
        let begin = datetime!(2026-01-01 00:00:00 UTC);
        let slot = |(place, value): (u32, &Option<f64>)| Slot {
            time: begin + Duration::from_secs(30) * place,
            value: *value,
        };
        Series {
            query_index: Some(0),
            interval: Some(Duration::from_secs(30)),
            scope: "env:prod".to_owned(),
            unit: None,
            points: (0..).zip(values).map(slot).collect(),
        }
    }

    #[test]
    fn every_point_says_what_becomes_of_it() {
        let shown = shown(&[series(&[Some(1.0), Some(20.5), None, Some(7.0)])]);
        let (head, rest) = shown.split_once("\n\n").unwrap();
        assert_eq!(
            head.trim_start(),
            "series    env:prod, buckets of 30 s, 4 points\n\
             served    20.5 of 2026-01-01T00:00:30Z, 70 s old"
        );
        let (chart, table) = rest.split_once("\n\n").unwrap();
        assert!(
            chart.contains("20.5") && chart.contains("00:01:30"),
            "{chart}"
        );
        assert_eq!(
            table,
            "2026-01-01T00:00:00Z                 1\n\
             2026-01-01T00:00:30Z              20.5  <- served: the newest bucket that is over\n\
             2026-01-01T00:01:00Z              null  no value\n\
             2026-01-01T00:01:30Z                 7  still open: it counts from 2026-01-01T00:02:00Z\n"
        );
    }

    #[test]
    fn a_line_of_zeros_is_drawn_at_the_foot() {
        let shown = shown(&[series(&[Some(0.0), Some(0.0)])]);
        let labels: Vec<&str> = shown
            .lines()
            .filter_map(|line| line.split_once(['│', '└']))
            .map(|(label, _)| label.trim())
            .filter(|label| !label.is_empty())
            .collect();
        assert_eq!(labels, ["1", "0"]);
    }

    #[test]
    fn nothing_and_too_much_are_told_with_what_to_do() {
        assert!(shown(&[]).contains("check the metric's name and its tags"));
        let one = series(&[Some(1.0)]);
        assert!(shown(&[one.clone(), one]).contains("answers with 2 series"));
        assert!(
            shown(&[series(&[None])])
                .contains("served    nothing: all 1 points that Datadog sent are null")
        );
    }
}
