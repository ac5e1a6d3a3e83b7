//! Our own binary, under test.

use std::{
    process::{Command, ExitStatus},
    time::Duration,
};

use super::{Folder, eventually, http, process::Process};

/// A running `datadog-cluster-agent`.
pub(crate) struct Agent(Process);

impl Agent {
    /// Starts the agent with these arguments and with nothing but these variables, so that
    /// the environment of whoever runs the tests decides nothing. Its log goes to `folder`.
    pub(crate) fn start<V: AsRef<std::ffi::OsStr>>(
        folder: &Folder,
        arguments: &[&str],
        variables: &[(&str, V)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"));
        command.args(arguments).env_clear();
        for (name, value) in variables {
            command.env(name, value);
        }
        Self(Process::start(command, folder.fresh("agent", "log")))
    }

    /// All lines that the agent wrote so far, to stdout and stderr.
    pub(crate) fn log(&self) -> String {
        self.0.log()
    }

    /// The first line with `text` in it, waited for.
    #[track_caller]
    pub(crate) fn line(&mut self, within: Duration, text: &str) -> String {
        line(&mut self.0, within, text)
    }

    /// Waits until the agent says, at this loopback port, that it is ready.
    #[track_caller]
    pub(crate) fn ready(&self, within: Duration, port: u16) {
        let url = format!("https://127.0.0.1:{port}/readyz");
        eventually(within, "the agent is ready", || http::get(&url));
    }

    /// Asks the agent to stop (SIGTERM), as Kubernetes does, and waits for it.
    #[track_caller]
    pub(crate) fn stop(&mut self, within: Duration) -> ExitStatus {
        self.0.terminate(within)
    }
}

/// The first line with `text` in it. A process that ends without it is not waited for.
#[track_caller]
pub(super) fn line(process: &mut Process, within: Duration, text: &str) -> String {
    eventually(within, &format!("a line with `{text}`"), || {
        // Asked before the log is read, so that last words count.
        let ended = process.ended();
        let log = process.log();
        // A line without its end is still being written.
        let found = log
            .split_inclusive('\n')
            .find(|line| line.ends_with('\n') && line.contains(text));
        match (found, ended) {
            (Some(line), _) => Ok(line.trim_end().to_owned()),
            (None, Some(status)) => panic!("ended ({status}) without a line with `{text}`"),
            (None, None) => Err(format!("{} other lines", log.lines().count())),
        }
    })
}
