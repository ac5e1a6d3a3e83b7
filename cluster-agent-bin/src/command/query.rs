//! `query`: asks Datadog once, and shows what came.

mod shown;

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

use datadog_query::{
    Batch, InvalidTemplate, PointMode, Query, QueryTemplate, RateLimit, Reading, SeveralSeries,
    Standing, Window, parse,
};
use provider_api::Clock;

use super::Ended;
use crate::{
    chain,
    config::{Asking, Datadog, Variables},
    edge::{WallClock, block_on, log_to_stderr},
    wiring,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A metric query, such as 'avg:nginx.net.request_per_s{*}.rollup(30)'; the variables
    /// %%tag_kube_cluster_name%% (DD_CLUSTER_NAME) and %%env_NAME%% are put in
    query: String,
    /// How far back to look: 5m, 1h or -1h
    #[arg(long, value_name = "TIME", default_value = "5m", allow_hyphen_values = true, value_parser = ago)]
    from: Duration,
    /// Which point is the value: last-complete, penultimate, last, or avg:5, max:5, min:5;
    /// without it, what DD_EXTERNAL_METRICS_PROVIDER_POINT says
    #[arg(long, value_name = "MODE")]
    point: Option<PointMode>,
    /// How long after its bucket is over a point is complete: 20s; without it, what
    /// DD_EXTERNAL_METRICS_PROVIDER_SETTLING says
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    settling: Option<Duration>,
    /// What becomes of several series: refuse, sum, avg, min or max; without it, what
    /// DD_EXTERNAL_METRICS_PROVIDER_SEVERAL_SERIES says
    #[arg(long, value_name = "AGGREGATOR")]
    merge: Option<SeveralSeries>,
}

/// A span of time, with or without the sign that says that it lies in the past.
fn ago(text: &str) -> Result<Duration, String> {
    let span = text.strip_prefix('-').unwrap_or(text);
    let span = humantime::parse_duration(span).map_err(|why| why.to_string())?;
    match span {
        Duration::ZERO => Err("a longer time is needed, such as 5m".to_owned()),
        span => Ok(span),
    }
}

/// The query, with its variables put in.
fn written(text: &str, variables: &Variables) -> Result<Query, Box<dyn Error>> {
    let template = QueryTemplate::written(text).map_err(|why| match (why, parse(text.trim())) {
        // It cannot be sent; the parser's words say more than the gate's.
        (InvalidTemplate::Query(_), Err(mistake)) => Box::<dyn Error>::from(mistake),
        (why, _) => why.into(),
    })?;
    Ok(variables.resolve(&template)?)
}

pub(crate) fn run(arguments: &Arguments, variables: &Variables) -> Ended {
    log_to_stderr(variables, "off");
    let query = written(&arguments.query, variables)?;
    let mut out = io::stdout().lock();
    match parse(query.text()) {
        Ok(parsed) => {
            for warning in parsed.warnings {
                writeln!(
                    out,
                    "warning   character {}: {}",
                    warning.place, warning.message
                )?;
            }
        }
        Err(mistake) => writeln!(out, "warning   Datadog will hardly take this: {mistake}")?,
    }
    let set = Asking::of(variables)?.reading;
    let reading = Reading {
        mode: arguments.point.unwrap_or(set.mode),
        settling: arguments.settling.unwrap_or(set.settling),
        several: arguments.merge.unwrap_or(set.several),
    };
    let clock = WallClock::real();
    let client = wiring::datadog(Datadog::of(variables)?, clock)?;
    let now = clock.now();
    let window = Window::ending(now, arguments.from);
    let batch = Batch::of(query.clone());
    let reply = block_on(client.ask(&batch, window))??;

    for (endpoint, standing) in client.standings() {
        if let Standing::Failing { cause, .. } = standing {
            writeln!(out, "warning   {endpoint} fails: {}", chain(&*cause))?;
        }
    }
    writeln!(out, "query     {query}")?;
    writeln!(
        out,
        "asked     {}, the last {}",
        client.endpoint(),
        humantime::format_duration(arguments.from)
    )?;
    if let Some(RateLimit {
        limit: Some(limit),
        remaining: Some(left),
        period: Some(period),
        ..
    }) = reply.rate_limit
    {
        let period = humantime::format_duration(period);
        writeln!(
            out,
            "limit     {left} of {limit} calls are left in this {period}"
        )?;
    }
    shown::write(&mut out, &reply.series, reading, now)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_told_with_and_without_its_sign() {
        let hour = Duration::from_secs(3600);
        assert_eq!((ago("1h"), ago("-1h")), (Ok(hour), Ok(hour)));
        assert!(ago("0s").is_err() && ago("yesterday").is_err());
    }
}
