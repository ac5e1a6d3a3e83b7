//! `check`: what is wrong with manifests, told without a cluster.

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use datadog_query::{NoValue, Query, Window};
use provider_api::Clock;

use super::Ended;
use crate::{
    chain,
    check::{Finding, Told, check},
    config::{Asking, Datadog, Variables},
    edge::{WallClock, block_on, log_to_stderr},
    wiring,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Manifests with HorizontalPodAutoscalers and DatadogMetrics, as YAML or JSON; `-` is
    /// what is piped in
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Ask Datadog each query once as well, and tell what came
    #[arg(long)]
    live: bool,
}

pub(crate) fn run(arguments: &Arguments, variables: &Variables) -> Ended {
    log_to_stderr(variables, "off");
    let asking = Asking::of(variables)?;
    let mut out = io::stdout().lock();
    let mut findings = Vec::new();
    let mut unread = 0;
    for file in &arguments.files {
        let text = match read(file) {
            Ok(text) => text,
            // The others are worth reading all the same.
            Err(why) => {
                writeln!(out, "{}: mistake: it cannot be read: {why}", file.display())?;
                unread += 1;
                continue;
            }
        };
        for finding in check(&text, asking.template, variables) {
            writeln!(out, "{}:{finding}", file.display())?;
            findings.push(finding);
        }
    }
    let queries: BTreeSet<&Query> = findings.iter().filter_map(asked).collect();
    let unanswered = match arguments.live {
        true => live(&mut out, &queries, &asking, variables)?,
        false => 0,
    };
    let mistakes = findings
        .iter()
        .filter(|finding| finding.is_mistake())
        .count()
        + unread;
    let mut wrong = Vec::new();
    if mistakes > 0 {
        wrong.push(counted(mistakes, "mistake", "mistakes"));
    }
    if unanswered > 0 {
        let queries = counted(unanswered, "query", "queries");
        wrong.push(format!("{queries} without an answer to serve"));
    }
    if !wrong.is_empty() {
        return Err(wrong.join(", ").into());
    }
    let queries = counted(queries.len(), "query", "queries");
    let later: BTreeSet<&str> = findings.iter().filter_map(asked_once_set).collect();
    let later = match later.len() {
        0 => String::new(),
        n => format!(", and {n} more once their variables are set"),
    };
    writeln!(out, "no mistakes, {queries}{later}")?;
    Ok(())
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    }
}

fn asked(finding: &Finding) -> Option<&Query> {
    match &finding.told {
        Told::Asks(query) => Some(query),
        Told::AsksOnceSet { .. } | Told::Warning(_) | Told::Mistake(_) => None,
    }
}

fn asked_once_set(finding: &Finding) -> Option<&str> {
    match &finding.told {
        Told::AsksOnceSet { text, .. } => Some(text),
        Told::Asks(_) | Told::Warning(_) | Told::Mistake(_) => None,
    }
}

fn counted(n: usize, one: &str, several: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { several })
}

/// Asks Datadog, as the agent would, and counts the queries that cannot be served for
/// another reason than that nothing was sent lately.
fn live(
    out: &mut impl Write,
    queries: &BTreeSet<&Query>,
    asking: &Asking,
    variables: &Variables,
) -> Result<usize, Box<dyn Error>> {
    let clock = WallClock::real();
    let client = wiring::datadog(Datadog::of(variables)?, clock)?.with_reading(asking.reading);
    let now = clock.now();
    let span = asking.window.unsigned_abs();
    let window = Window::ending(now, span);
    let answers = block_on(client.values(queries.iter().copied().cloned(), window, now))?;
    let mut unanswered = 0;
    for (query, answer) in &answers.by_query {
        match answer {
            Ok(point) => {
                let age = (now - point.time).whole_seconds();
                writeln!(out, "live: {query}: {}, {age} s old", point.value)?;
            }
            Err(why) => {
                writeln!(out, "live: {query}: no value: {}", chain(why))?;
                let silent = matches!(why, NoValue::NoSeries { .. } | NoValue::NoPoint(_));
                unanswered += usize::from(!silent);
            }
        }
    }
    let period = asking.refresh_period.as_seconds_f64();
    let calls = answers.calls as f64 * 3600.0 / period;
    writeln!(
        out,
        "live: {} in {}; every {period} s that is about {calls:.0} calls an hour",
        counted(queries.len(), "query", "queries"),
        counted(answers.calls as usize, "call", "calls"),
    )?;
    Ok(unanswered)
}
