//! A Datadog that answers what a test wants.

use std::process::Command;

use serde_json::Value;

use super::{Folder, http, process::Process, seconds};

/// A running `datadog-cluster-agent simulate-datadog`.
pub(crate) struct Datadog {
    url: String,
    _process: Process,
}

impl Datadog {
    /// Starts it with a scenario written as YAML, at an address of its own choice.
    #[track_caller]
    pub(crate) fn start(folder: &Folder, scenario: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"));
        command
            .arg("simulate-datadog")
            .arg("--scenario")
            .arg(folder.write("scenario.yaml", scenario))
            .args(["--listen", "127.0.0.1:0"])
            .env_clear();
        let mut process = Process::start(command, folder.fresh("datadog", "log"));
        let line = process.line(seconds(30), "listening on http://");
        let (_, url) = line
            .split_once("listening on ")
            .expect("the line has these words in it");
        Self {
            url: url.trim().to_owned(),
            _process: process,
        }
    }

    /// Where it is: what the agent is given in place of Datadog's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The loopback port of that address.
    pub(crate) fn port(&self) -> u16 {
        let (_, port) = self.url.rsplit_once(':').expect("it told its port");
        port.parse().expect("a port is a number")
    }

    /// Puts these series in place of what it had.
    #[track_caller]
    pub(crate) fn series(&self, series: &Value) {
        self.put("series", series);
    }

    /// Puts these faults in place of what it had; an empty list makes it well again.
    #[track_caller]
    pub(crate) fn faults(&self, faults: &Value) {
        self.put("faults", faults);
    }

    /// The calls that it received lately.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<Value> {
        let answer = http::get(&format!("{}/simulator/calls", self.url))
            .unwrap_or_else(|error| panic!("cannot read the simulator's calls: {error}"));
        serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("the simulator's calls are no list: {error}: {answer}"))
    }

    #[track_caller]
    fn put(&self, what: &str, value: &Value) {
        http::put(
            &format!("{}/simulator/{what}", self.url),
            &value.to_string(),
        )
        .unwrap_or_else(|error| panic!("the simulator refused the {what}: {error}"));
    }
}
