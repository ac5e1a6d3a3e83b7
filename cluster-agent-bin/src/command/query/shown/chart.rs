//! Points over time, as a picture of characters.

use datadog_query::{Slot, Verdict};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    symbols::Marker,
    widgets::{Axis, Chart, Dataset, GraphType, Widget},
};
use time::OffsetDateTime;

use super::{number::number, points::sign};

const AREA: Rect = Rect {
    x: 0,
    y: 0,
    width: 78,
    height: 14,
};

/// The points over time: a line through what is complete, and the signs of the table on
/// what is served and what is not yet. None where there is nothing to draw.
pub(super) fn chart(points: &[(Slot, Verdict)]) -> Option<String> {
    let drawn = |of: fn(char) -> bool| -> Vec<(f64, f64)> {
        points
            .iter()
            .filter(|(_, verdict)| of(sign(*verdict)))
            .filter_map(|(slot, _)| Some((slot.time.unix_timestamp() as f64, slot.value?)))
            .filter(|(_, value)| value.is_finite())
            .collect()
    };
    let all = drawn(|_| true);
    if all.is_empty() {
        return None;
    }
    let (line, served, left_out) = (
        drawn(|sign| sign != '○'),
        drawn(|sign| sign == '●'),
        drawn(|sign| sign == '○'),
    );
    let times = bounds(all.iter().map(|point| point.0));
    let mut values = bounds(all.iter().map(|point| point.1));
    values[0] = values[0].min(0.0);
    let line = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .data(&line);
    let single = |sign, data| Dataset::default().marker(Marker::Custom(sign)).data(data);
    let mut buffer = Buffer::empty(AREA);
    Chart::new(vec![line, single('○', &left_out), single('●', &served)])
        .x_axis(Axis::default().bounds(times).labels(times.map(face)))
        .y_axis(Axis::default().bounds(values).labels(values.map(number)))
        .render(AREA, &mut buffer);
    let mut text = String::new();
    for y in 0..AREA.height {
        let row: String = (0..AREA.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    Some(text)
}

/// A line at one height, or one point, still wants some room.
fn bounds(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if low < high {
        [low, high]
    } else {
        [low, high + 1.0]
    }
}

fn face(seconds: f64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds as i64);
    time.map_or(String::new(), |time| {
        let (hour, minute, second) = time.to_hms();
        format!("{hour:02}:{minute:02}:{second:02}")
    })
}
