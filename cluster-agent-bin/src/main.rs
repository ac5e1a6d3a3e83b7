//! `datadog-cluster-agent`: external metrics from Datadog for Kubernetes' Horizontal
//! Pod Autoscalers.

mod check;
mod command;
mod config;
mod definitions;
mod demands;
mod demo;
mod edge;
mod readiness;
mod refresh;
mod replicas;
mod wiring;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::config::Variables;

/// Serves metrics from Datadog to Kubernetes' Horizontal Pod Autoscalers.
#[derive(Debug, Parser)]
#[command(name = "datadog-cluster-agent", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve the external metrics of a cluster; everything is set by environment variables
    Start,
    /// Show the whole journey on this machine, without a cluster and without an account
    Demo(command::demo::Arguments),
    /// Tell what is wrong with manifests, without a cluster
    Check(command::check::Arguments),
    /// Ask Datadog once, and show what came and which point would be served
    Query(command::query::Arguments),
    /// Find out whether the keys are good and what they may do, at every endpoint
    Validate,
    /// Answer as Datadog would, from a scenario file
    SimulateDatadog(command::simulate_datadog::Arguments),
    /// Print the version
    Version,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    // Whoever speaks TLS in this process does it with the same provider; a second
    // call is the only way in which this fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let variables = Variables::of_process();
    let ended = match command {
        Command::Start => command::start::run(&variables),
        Command::Demo(arguments) => command::demo::run(&arguments, &variables),
        Command::Check(arguments) => command::check::run(&arguments, &variables),
        Command::Query(arguments) => command::query::run(&arguments, &variables),
        Command::Validate => command::validate::run(&variables),
        Command::SimulateDatadog(arguments) => {
            command::simulate_datadog::run(&arguments, &variables)
        }
        Command::Version => writeln!(
            io::stdout(),
            "datadog-cluster-agent {}",
            env!("CARGO_PKG_VERSION")
        )
        .map_err(Into::into),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // `demo | head`: whoever read has seen enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// An error and its causes on one line. Some libraries say their cause as well as
/// naming it: what has been said is not said again.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| (*cause).source()) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("cannot listen")]
        Short(#[source] io::Error),
        #[error("cannot listen: {0}")]
        Full(#[source] io::Error),
    }

    #[test]
    fn a_chain_tells_every_cause_once() {
        let cause = || io::Error::other("no such port");
        for failure in [Failure::Short(cause()), Failure::Full(cause())] {
            assert_eq!(chain(&failure), "cannot listen: no such port");
        }
    }
}
