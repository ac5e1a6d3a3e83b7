//! `check`: what is wrong with manifests, told without a cluster.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::PathBuf,
};

use datadog_query::{Query, Window};
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
    /// Manifests with HorizontalPodAutoscalers and DatadogMetrics, as YAML or JSON
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
    for file in &arguments.files {
        let text = fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
        for finding in check(&text, asking.template) {
            writeln!(out, "{}:{finding}", file.display())?;
            findings.push(finding);
        }
    }
    let queries: BTreeSet<&Query> = findings.iter().filter_map(asked).collect();
    if arguments.live {
        live(&mut out, &queries, &asking, variables)?;
    }
    let mistakes = findings
        .iter()
        .filter(|finding| finding.is_mistake())
        .count();
    match mistakes {
        0 => {
            writeln!(
                out,
                "no mistakes, {}",
                counted(queries.len(), "query", "queries")
            )?;
            Ok(())
        }
        n => Err(counted(n, "mistake", "mistakes").into()),
    }
}

fn asked(finding: &Finding) -> Option<&Query> {
    match &finding.told {
        Told::Asks(query) => Some(query),
        Told::Warning(_) | Told::Mistake(_) => None,
    }
}

fn counted(n: usize, one: &str, several: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { several })
}

/// Asks Datadog, as the agent would.
fn live(
    out: &mut impl Write,
    queries: &BTreeSet<&Query>,
    asking: &Asking,
    variables: &Variables,
) -> Ended {
    let client = wiring::datadog(Datadog::of(variables)?)?;
    let now = WallClock::real().now();
    let span = asking.window.unsigned_abs();
    let window = Window::ending(now, span);
    let answers = block_on(client.values(queries.iter().copied().cloned(), window, now))?;
    for (query, answer) in &answers.by_query {
        match answer {
            Ok(point) => {
                let age = (now - point.time).whole_seconds();
                writeln!(out, "live: {query}: {}, {age} s old", point.value)?;
            }
            Err(why) => writeln!(out, "live: {query}: no value: {}", chain(why))?,
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
    Ok(())
}
