//! Our own binary, under test.

use std::{
    process::{Command, ExitStatus},
    time::Duration,
};

use super::{ControlPlane, Datadog, eventually, free_ports, http, process::Process};

/// A running `datadog-cluster-agent start`.
pub(crate) struct Agent {
    pub(crate) process: Process,
    port: u16,
}

impl Agent {
    /// The keys that it shows to Datadog; no log may hold them.
    pub(crate) const KEYS: [&str; 2] = ["the-api-key", "the-application-key"];

    /// Starts it as the ServiceAccount of `manifests/rbac.yaml`, with this Datadog. It has
    /// the variables in `more` and those that it cannot do without: the environment of
    /// whoever runs the tests decides nothing.
    #[track_caller]
    pub(crate) fn start(cp: &ControlPlane, datadog: &Datadog, more: &[(&str, &str)]) -> Self {
        let [port] = free_ports();
        let [api_key, app_key] = Self::KEYS;
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"));
        command
            .arg("start")
            .env_clear()
            .env("KUBECONFIG", cp.service_account("default", "dca"))
            .env("DD_API_KEY", api_key)
            .env("DD_APP_KEY", app_key)
            .env("DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT", datadog.url())
            .env("DD_EXTERNAL_METRICS_PROVIDER_PORT", port.to_string())
            .envs(more.iter().copied());
        let process = Process::start(command, cp.folder().fresh("agent", "log"));
        Self { process, port }
    }

    /// The loopback port at which it serves.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where that is.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// All lines that it wrote so far, to stdout and stderr.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// The first line with `text` in it, waited for.
    #[track_caller]
    pub(crate) fn line(&mut self, within: Duration, text: &str) -> String {
        self.process.line(within, text)
    }

    /// Waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn ready(&mut self, within: Duration) {
        eventually(within, "the agent is ready", || {
            if let Some(status) = self.process.ended() {
                panic!("the agent ended ({status})");
            }
            self.readiness()
        });
    }

    /// What it says of its readiness.
    pub(crate) fn readiness(&self) -> Result<String, String> {
        self.get("/readyz?verbose")
    }

    /// Asks it without telling who asks.
    pub(crate) fn get(&self, path: &str) -> Result<String, String> {
        http::get(&format!("{}{path}", self.url()))
    }

    /// Asks it to stop (SIGTERM), as Kubernetes does.
    pub(crate) fn ask_to_stop(&mut self) {
        self.process.ask_to_end();
    }

    /// Ends it as a crash would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Takes the processor away from it (SIGSTOP), as a machine without air would.
    pub(crate) fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn resume(&self) {
        self.process.resume();
    }

    /// Asks it to stop and waits for it.
    #[track_caller]
    pub(crate) fn stop(&mut self, within: Duration) -> ExitStatus {
        self.process.terminate(within)
    }

    /// Waits for the end that it was asked for.
    #[track_caller]
    pub(crate) fn stopped(&mut self, within: Duration) -> ExitStatus {
        self.process.ended_within(within)
    }
}
