//! `simulate-datadog`: Datadog's answers from a scenario file, for anybody who wants
//! to try autoscalers without an account.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use datadog_query::simulator::{Scenario, Simulator};
use provider_api::{Clock, Shutdown};

use super::Ended;
use crate::{
    config::Variables,
    edge::{SimulatedDatadog, WallClock, block_on, log_to_stderr},
};

/// The scenario of the walkthrough.
pub(crate) const NGINX: &str = include_str!("../../scenarios/nginx.yaml");

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What the account holds and what goes wrong in it (docs/simulator.md); the
    /// walkthrough's nginx without one
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8126")]
    listen: SocketAddr,
}

pub(crate) fn run(arguments: &Arguments, variables: &Variables) -> Ended {
    log_to_stderr(variables, "info");
    let scenario = match &arguments.scenario {
        None => parse(NGINX)?,
        Some(path) => read(path)?,
    };
    block_on(serve(scenario, arguments.listen))?
}

/// The scenario in a file.
pub(crate) fn read(path: &Path) -> Result<Scenario, String> {
    let text = fs::read_to_string(path)
        .map_err(|why| format!("the scenario {}: {why}", path.display()))?;
    parse(&text).map_err(|why| format!("the scenario {}: {why}", path.display()))
}

/// The scenario in a text, which is YAML or JSON.
pub(crate) fn parse(text: &str) -> Result<Scenario, String> {
    serde_saphyr::from_str(text).map_err(|why| why.to_string())
}

async fn serve(scenario: Scenario, address: SocketAddr) -> Ended {
    let clock = WallClock::real();
    let shutdown = Shutdown::on_signal()?;
    let socket = SimulatedDatadog::bind(address).await.map_err(|why| {
        format!("cannot listen on {address}: {why}: choose another address with --listen")
    })?;
    writeln!(io::stdout(), "listening on {}", socket.url())?;
    let simulator = Arc::new(Simulator::new(scenario, clock.now()));
    tokio::select! {
        never = socket.serve(simulator, clock) => match never {},
        () = shutdown.asked() => Ok(()),
    }
}
