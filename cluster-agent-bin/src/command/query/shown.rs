//! The series of an answer, as tables and charts for a person.

mod chart;
mod number;
mod points;

use std::io::{self, Write};

use datadog_query::{Aggregator, Reading, Series, SeveralSeries, merge};
use time::OffsetDateTime;

use self::{number::number, points::Points};

/// More series are not read; that there are several is what counts.
const ROWS: usize = 20;

/// Tells each series, its points, and what would be served of them.
pub(super) fn write(
    out: &mut impl Write,
    series: &[Series],
    reading: Reading,
    now: OffsetDateTime,
) -> io::Result<()> {
    writeln!(out)?;
    match series {
        [] => writeln!(
            out,
            "Datadog has no series for this query in that time: check the metric's name and its tags, \
             which are stored in lower case"
        ),
        [one] => {
            // Version 2 tells only what a query groups by.
            let scope = match one.scope.as_str() {
                "" => "not grouped",
                scope => &plain(scope),
            };
            writeln!(out, "series    {scope}")?;
            let value = reading.point(one, now);
            Points::new(one, reading, now).write(out, value, |_| String::new())
        }
        several => write_several(out, several, reading, now),
    }
}

fn write_several(
    out: &mut impl Write,
    series: &[Series],
    reading: Reading,
    now: OffsetDateTime,
) -> io::Result<()> {
    let all: Vec<&Series> = series.iter().collect();
    writeln!(out, "series    {}", series.len())?;
    for one in series.iter().take(ROWS) {
        let value = match reading.point(one, now) {
            Ok(point) => points::value(point, one, now),
            Err(why) => why.to_string(),
        };
        writeln!(out, "          {}: {value}", plain(&one.scope))?;
    }
    if series.len() > ROWS {
        writeln!(out, "          and {} more", series.len() - ROWS)?;
    }
    let SeveralSeries::Merged(aggregator) = reading.several else {
        writeln!(
            out,
            "served    nothing: an autoscaler reads one number. Leave out the `by {{…}}`, narrow the \
             scope to one series, or merge them"
        )?;
        let merges = [
            Aggregator::Sum,
            Aggregator::Avg,
            Aggregator::Min,
            Aggregator::Max,
        ]
        .into_iter()
        .filter_map(|aggregator| {
            let point = merge(&all, aggregator).ok()?.point(&reading, now).ok()?;
            Some(format!("{aggregator} {}", number(point.value)))
        });
        let merges: Vec<_> = merges.collect();
        if !merges.is_empty() {
            writeln!(out, "--merge   would serve {}", merges.join(", "))?;
        }
        return Ok(());
    };
    let merged = match merge(&all, aggregator) {
        Ok(merged) => merged,
        Err(why) => return writeln!(out, "served    nothing: {why}"),
    };
    writeln!(out, "merged    {}", merged.series.scope)?;
    let value = merged.point(&reading, now);
    let scopes = |places: &[usize]| {
        let scopes = places.iter().take(3).map(|place| plain(&all[*place].scope));
        let more = if places.len() > 3 { ", …" } else { "" };
        format!("{}{more}", scopes.collect::<Vec<_>>().join(", "))
    };
    Points::new(&merged.series, reading, now).write(out, value, |row| {
        let share = &merged.shares[row];
        let part = format!("{} of {} series", share.of.len(), all.len());
        match share.lacking.as_slice() {
            _ if share.of.is_empty() || share.of.len() == all.len() => String::new(),
            [] => part,
            lacking => format!("{part}, none of {}", scopes(lacking)),
        }
    })
}

/// What comes from outside is not to steer the terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests;
