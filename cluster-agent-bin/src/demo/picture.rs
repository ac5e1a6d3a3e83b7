//! The demo as a live picture, for a person at a terminal.

use std::io;

use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport,
    backend::{Backend, CrosstermBackend},
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize},
    symbols::Marker,
    text::{Line, Span},
    widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph},
};

use super::moment::{Moment, Opening, Round, clock_face, short};

const HEIGHT: u16 = 24;
const TRAFFIC: Color = Color::Cyan;
const VALUE: Color = Color::Yellow;
const CAPACITY: Color = Color::Green;

/// Draws the story as it happens. The picture stays on the screen when it ends.
pub(crate) struct Picture<B: Backend> {
    terminal: Terminal<B>,
    opening: Opening,
    moments: Vec<Moment>,
    news: Vec<String>,
}

impl Picture<CrosstermBackend<io::Stdout>> {
    /// Below the cursor of this process' terminal.
    pub(crate) fn on_stdout(opening: Opening) -> io::Result<Self> {
        let options = TerminalOptions {
            viewport: Viewport::Inline(HEIGHT),
        };
        let terminal = Terminal::with_options(CrosstermBackend::new(io::stdout()), options)?;
        Ok(Self::new(terminal, opening))
    }
}

impl<B: Backend<Error: Into<io::Error>>> Picture<B> {
    fn new(terminal: Terminal<B>, opening: Opening) -> Self {
        Self {
            terminal,
            opening,
            moments: Vec::new(),
            news: Vec::new(),
        }
    }

    pub(crate) fn moment(&mut self, moment: &Moment) -> io::Result<()> {
        for round in &moment.rounds {
            let (before, after) = round.replicas;
            if before != after {
                let news = format!(
                    "{}  {}: {before} -> {after} replicas. {}",
                    clock_face(moment.at),
                    round.hpa,
                    round.says
                );
                self.news.push(news);
            }
        }
        self.moments.push(moment.clone());
        self.draw()
    }

    /// Gives the terminal back, with the cursor below the picture.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        self.terminal.show_cursor().map_err(Into::into)?;
        let below = self.terminal.get_frame().area().bottom().saturating_sub(1);
        self.terminal
            .set_cursor_position((0, below))
            .map_err(Into::into)
    }

    fn draw(&mut self) -> io::Result<()> {
        let Self {
            terminal,
            opening,
            moments,
            news,
        } = self;
        terminal
            .draw(|frame| draw(frame, opening, moments, news))
            .map_err(Into::into)?;
        Ok(())
    }
}

fn draw(frame: &mut Frame<'_>, opening: &Opening, moments: &[Moment], news: &[String]) {
    let Some(now) = moments.last() else { return };
    let table_height = u16::try_from(now.rounds.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let [title, legend, chart, pods, table, log] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(6),
        Constraint::Length(1),
        Constraint::Length(table_height),
        Constraint::Length(5),
    ])
    .areas(frame.area());
    frame.render_widget(heading(opening, now), title);
    frame.render_widget(key(), legend);
    draw_chart(frame, chart, opening, moments);
    frame.render_widget(pod_line(now), pods);
    frame.render_widget(autoscalers(now), table);
    frame.render_widget(latest(news), log);
}

fn heading(opening: &Opening, now: &Moment) -> Line<'static> {
    Line::from(vec![
        "From an HPA to more replicas".bold(),
        format!(
            "   {} of {}",
            clock_face(now.at),
            clock_face(opening.length)
        )
        .into(),
        format!("   clock x{}", short(opening.speed)).dim(),
        format!("   {}", opening.queries.first().map_or("", String::as_str)).dim(),
    ])
}

fn key() -> Line<'static> {
    Line::from(vec![
        "━ traffic ".fg(TRAFFIC),
        "  ━ value that the HPA reads ".fg(VALUE),
        "  ━ what the replicas can carry".fg(CAPACITY),
    ])
}

/// The first autoscaler's story: what happens, what is known of it, and what the
/// replicas can carry.
fn draw_chart(frame: &mut Frame<'_>, area: Rect, opening: &Opening, moments: &[Moment]) {
    let line = |of: fn(&Round) -> Option<f64>| -> Vec<(f64, f64)> {
        let firsts = moments
            .iter()
            .filter_map(|moment| Some((moment.at.as_seconds_f64(), moment.rounds.first()?)));
        firsts
            .filter_map(|(at, round)| Some((at, of(round)?)))
            .collect()
    };
    let traffic = line(|round| round.traffic);
    let value = line(|round| round.read.as_ref().ok().map(|served| served.value));
    let capacity = line(|round| round.capacity);
    let highest = traffic
        .iter()
        .chain(&value)
        .chain(&capacity)
        .map(|(_, y)| *y)
        .fold(1.0, f64::max);
    let length = opening.length.as_seconds_f64();
    let dataset = |points, color| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(color))
            .data(points)
    };
    let chart = Chart::new(vec![
        dataset(&capacity, CAPACITY),
        dataset(&traffic, TRAFFIC),
        dataset(&value, VALUE),
    ])
    .x_axis(
        Axis::default()
            .bounds([0.0, length])
            .labels(["00:00".to_owned(), clock_face(opening.length)]),
    )
    .y_axis(
        Axis::default()
            .bounds([0.0, highest * 1.1])
            .labels(["0".to_owned(), short(highest)]),
    );
    frame.render_widget(chart, area);
}

fn pod_line(now: &Moment) -> Line<'static> {
    let mut spans = Vec::new();
    for round in &now.rounds {
        let (_, replicas) = round.replicas;
        let most = round.bounds.1;
        spans.push(Span::from(format!("{}  ", round.reference)).bold());
        spans.push(
            "■ "
                .repeat(usize::try_from(replicas).unwrap_or(0))
                .fg(CAPACITY),
        );
        spans.push(
            "□ "
                .repeat(usize::try_from(most - replicas).unwrap_or(0))
                .dim(),
        );
        spans.push("   ".into());
    }
    Line::from(spans)
}

/// The table of `kubectl get hpa`.
fn autoscalers(now: &Moment) -> Paragraph<'static> {
    let row = |name: &str,
               reference: &str,
               targets: &str,
               min: &str,
               max: &str,
               replicas: &str,
               age: &str| {
        format!("{name:<14} {reference:<20} {targets:<20} {min:<8} {max:<8} {replicas:<9} {age}")
    };
    let head = row(
        "NAME",
        "REFERENCE",
        "TARGETS",
        "MINPODS",
        "MAXPODS",
        "REPLICAS",
        "VALUE",
    );
    let rows = now.rounds.iter().map(|round| {
        let (min, max) = round.bounds;
        let value = match &round.read {
            Ok(served) => format!(
                "{}, {} s old",
                short(served.value),
                served.age.whole_seconds()
            ),
            Err(why) => why.clone(),
        };
        Line::from(row(
            &round.hpa,
            &round.reference,
            &round.targets,
            &min.to_string(),
            &max.to_string(),
            &round.replicas.1.to_string(),
            &value,
        ))
    });
    Paragraph::new(
        std::iter::once(Line::from(head).dim())
            .chain(rows)
            .collect::<Vec<_>>(),
    )
}

fn latest(news: &[String]) -> Paragraph<'static> {
    let lines: Vec<_> = news
        .iter()
        .rev()
        .take(4)
        .rev()
        .map(|line| Line::from(line.clone()))
        .collect();
    Paragraph::new(lines).block(Block::new().title("What happened".dim()))
}
