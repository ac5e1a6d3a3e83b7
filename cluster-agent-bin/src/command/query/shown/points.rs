//! The points of one series, and what becomes of each.

use std::io::{self, Write};

use datadog_query::{NoPoint, Point, PointMode, Reading, Series, Verdict};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{chart::chart, number::number};

/// A longer table is not read; the newest points are what counts.
const ROWS: usize = 20;

/// The points of one series, read at a moment.
pub(super) struct Points<'a> {
    series: &'a Series,
    reading: Reading,
    now: OffsetDateTime,
}

impl<'a> Points<'a> {
    pub(super) fn new(series: &'a Series, reading: Reading, now: OffsetDateTime) -> Self {
        Self {
            series,
            reading,
            now,
        }
    }

    /// Tells the value, and then each point in a chart and in a table; `remark` has a word
    /// more for some.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        value: Result<Point, NoPoint>,
        remark: impl Fn(usize) -> String,
    ) -> io::Result<()> {
        let verdicts = self.reading.verdicts(self.series, self.now);
        let width = match self.series.interval {
            Some(interval) => format!("{} s", interval.as_secs_f64()),
            None => "a width that is not told".to_owned(),
        };
        writeln!(out, "points    {}, buckets of {width}", verdicts.len())?;
        match value {
            Ok(point) => writeln!(
                out,
                "served    {}",
                self::value(point, self.series, self.now)
            )?,
            Err(why) => writeln!(out, "served    nothing: {why}")?,
        }
        let Reading { mode, settling, .. } = self.reading;
        write!(out, "          {mode}: {}", meaning(mode))?;
        let there = verdicts
            .iter()
            .filter(|(_, verdict)| sign(*verdict) == '●')
            .count();
        if there > 0 && there < mode.points().get() as usize {
            write!(out, ", of which {there} are there")?;
        }
        if !settling.is_zero() {
            let settling = humantime::format_duration(settling);
            write!(out, "; complete is what has settled for {settling}")?;
        }
        writeln!(out)?;
        writeln!(out)?;
        if let Some(chart) = chart(&verdicts) {
            writeln!(out, "{chart}")?;
        }
        let left_out = verdicts.len().saturating_sub(ROWS);
        if left_out > 0 {
            writeln!(out, "  {left_out} older points are left out")?;
        }
        for (row, (slot, verdict)) in verdicts.iter().enumerate().skip(left_out) {
            let value = slot.value.map_or("null".to_owned(), number);
            let said = [self.said(*verdict), remark(row)];
            let said: Vec<_> = said.into_iter().filter(|word| !word.is_empty()).collect();
            let line = format!(
                "{} {}  {value:>14}  {}",
                sign(*verdict),
                instant(slot.time),
                said.join("; ")
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn said(&self, verdict: Verdict) -> String {
        let served = match self.reading.mode {
            PointMode::LastComplete | PointMode::Penultimate | PointMode::Last => "served",
            PointMode::Avg(_) => "in the mean that is served",
            PointMode::Max(_) => "the largest of these is served",
            PointMode::Min(_) => "the smallest of these is served",
        };
        match verdict {
            Verdict::Served => served.to_owned(),
            Verdict::ServedIncomplete { complete_at } => format!(
                "{served}, although it is complete only from {}: a count or a rate is too small",
                instant(complete_at)
            ),
            Verdict::Older => String::new(),
            Verdict::Incomplete { complete_at } => {
                format!("not served: complete from {}", instant(complete_at))
            }
            Verdict::PassedOver => "not served: complete, and the newest".to_owned(),
            Verdict::Null => "no value".to_owned(),
        }
    }
}

/// A value with its unit, its time and its age.
pub(super) fn value(point: Point, series: &Series, now: OffsetDateTime) -> String {
    let unit = series.unit.as_ref();
    let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
    format!(
        "{}{unit} of {}, {} s old",
        number(point.value),
        instant(point.time),
        (now - point.time).whole_seconds()
    )
}

/// How a point stands in the chart and in the table.
pub(super) fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Served | Verdict::ServedIncomplete { .. } => '●',
        Verdict::Incomplete { .. } | Verdict::PassedOver => '○',
        Verdict::Older | Verdict::Null => ' ',
    }
}

fn meaning(mode: PointMode) -> String {
    match mode {
        PointMode::LastComplete => "the newest complete point".to_owned(),
        PointMode::Penultimate => "the newest point but one, complete or not".to_owned(),
        PointMode::Last => "the newest point, complete or not".to_owned(),
        PointMode::Avg(points) => format!("the mean of the {points} newest complete points"),
        PointMode::Max(points) => format!("the largest of the {points} newest complete points"),
        PointMode::Min(points) => format!("the smallest of the {points} newest complete points"),
    }
}

fn instant(time: OffsetDateTime) -> String {
    // Only a year beyond 9999 has no such form.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
