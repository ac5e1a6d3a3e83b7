//! `start` for an unlucky operator.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// `start` with keys, for a cluster and a Datadog at which nobody listens.
fn start(kubeconfig: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"));
    command
        .arg("start")
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .env("DD_API_KEY", "the-api-key")
        .env("DD_APP_KEY", "the-application-key")
        .env(
            "DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT",
            "http://127.0.0.1:1",
        )
        .env(
            "DD_EXTERNAL_METRICS_PROVIDER_CONFIG",
            r#"{"secure-port": 0}"#,
        )
        .stderr(Stdio::piped());
    command
}

fn kubeconfig(name: &str, end: &str) -> PathBuf {
    let text = format!(
        r#"
current-context: a
contexts: [{{ name: a, context: {{ cluster: a, user: a }} }}]
clusters: [{{ name: a, cluster: {{ server: "https://127.0.0.1:1" }} }}]
users:
- name: a
  user:
    token: the-token
{end}"#
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).unwrap();
    file
}

/// Ends the child when the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_kubeconfig_that_is_no_yaml_is_refused_and_not_shown() {
    let output = start(&kubeconfig("broken.kubeconfig", "   oops\n"))
        .output()
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("failed to parse kubeconfig YAML: error: line 9"),
        "{complaint}"
    );
    assert!(!complaint.contains("the-token"), "{complaint}");
    assert!(!output.status.success());
}

/// The line in which it says where it serves, and the lines after it.
fn serving(agent: &mut Running) -> (String, Lines<BufReader<ChildStderr>>) {
    let mut log = BufReader::new(agent.0.stderr.take().unwrap()).lines();
    let mut lines = log.by_ref().map(Result::unwrap);
    let line = lines.find(|line| line.contains("serving")).unwrap();
    (line, log)
}

#[test]
fn it_listens_for_both_families_of_addresses_where_the_machine_has_both() {
    let mut agent = Running(start(&kubeconfig("both.kubeconfig", "")).spawn().unwrap());
    let (line, _log) = serving(&mut agent);
    let (_, port) = line.split_once(" address=").unwrap();
    let port: u16 = port
        .split([' ', ':'])
        .find_map(|word| word.parse().ok())
        .unwrap();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let mut agent = Running(start(&kubeconfig("good.kubeconfig", "")).spawn().unwrap());
    let (_, log) = serving(&mut agent);
    // The API server does not answer, which is worth a line about every second; and so is
    // the signal that ends it.
    drop(log);
    let id = Pid::from_child(&agent.0);
    kill_process(id, Signal::TERM).unwrap();
    assert_eq!(agent.0.wait().unwrap().code(), Some(0));
}
