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
            .filter_map(|(slot, _)| Some((seconds(slot), slot.value?)))
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
    let times = points.iter().map(|(slot, _)| seconds(slot));
    let mut times = [
        times.clone().fold(f64::INFINITY, f64::min),
        times.fold(f64::NEG_INFINITY, f64::max),
    ];
    // One point alone still wants some room.
    if times[0] == times[1] {
        times[1] += 1.0;
    }
    let values = || all.iter().map(|point| point.1);
    let values = [
        -ceiling(-values().fold(0.0, f64::min)),
        ceiling(values().fold(0.0, f64::max)),
    ];
    let values = match values {
        [0.0, 0.0] => [0.0, 1.0],
        values => values,
    };
    let middle = values[0] / 2.0 + values[1] / 2.0;
    let line = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .data(&line);
    let single = |sign, data| Dataset::default().marker(Marker::Custom(sign)).data(data);
    let mut buffer = Buffer::empty(AREA);
    Chart::new(vec![line, single('○', &left_out), single('●', &served)])
        .x_axis(Axis::default().bounds(times).labels(times.map(face)))
        .y_axis(
            Axis::default()
                .bounds(values)
                .labels([values[0], middle, values[1]].map(number)),
        )
        .render(AREA, &mut buffer);
    let mut text = String::new();
    for y in 0..AREA.height {
        let row: String = (0..AREA.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    Some(text)
}

fn seconds(slot: &Slot) -> f64 {
    slot.time.unix_timestamp() as f64
}

/// The next number that is easy to read.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let next = steps
        .into_iter()
        .map(|step| step * power)
        .find(|next| *next >= value);
    // Rounding may leave the largest step just below.
    next.filter(|next| next.is_finite()).unwrap_or(value)
}

fn face(seconds: f64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds as i64);
    time.map_or(String::new(), |time| {
        let (hour, minute, second) = time.to_hms();
        format!("{hour:02}:{minute:02}:{second:02}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_number_that_is_easy_to_read() {
        for (value, end) in [
            (0.0, 0.0),
            (-1.0, 0.0),
            (1.0, 1.0),
            (109.8, 120.0),
            (0.035, 0.04),
            (9.5e20, 1e21),
            (f64::MAX, f64::MAX),
        ] {
            assert_eq!(ceiling(value), end);
        }
    }
}
