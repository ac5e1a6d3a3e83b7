//! The demo as a person runs it through a pipe.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use rustls::crypto::ring;
use serde_json::Value;
use ureq::tls::TlsConfig;

/// A running demo, at the highest speed.
struct Demo {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
    told: Vec<String>,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"))
            .args(["demo", "--speed", "60"])
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = Box::new(output.lines().map_while(Result::ok));
        Self {
            child,
            lines,
            told: Vec::new(),
        }
    }

    /// The next line that begins like this.
    fn line(&mut self, begins: &str) -> String {
        for line in self.lines.by_ref() {
            self.told.push(line.clone());
            if line.trim_start().starts_with(begins) {
                return line;
            }
        }
        panic!("no line begins with `{begins}`:\n{}", self.told.join("\n"));
    }

    /// The lines to the end of the story.
    fn rest(mut self) -> Vec<String> {
        self.told.extend(self.lines.by_ref());
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.told)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already, unless the test is failing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the server says to the printed curl command, with its token or without.
fn ask(curl: &str, with_token: bool) -> (u16, Value) {
    let quoted: Vec<&str> = curl.split('\'').collect();
    let [_, header, _, url, _] = quoted.as_slice() else {
        panic!("{curl}")
    };
    let tls = TlsConfig::builder()
        .disable_verification(true)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls)
        .build()
        .new_agent();
    let mut request = agent.get(*url);
    if with_token {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let mut answer = request.call().unwrap();
    let body = answer.body_mut().read_to_string().unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_str(&body).unwrap(),
    )
}

#[test]
fn the_demo_tells_the_walkthrough_and_its_server_answers_meanwhile() {
    let mut demo = Demo::start(&[]);
    let curl = demo.line("curl");
    demo.line("00:0");
    let (status, list) = ask(&curl, true);
    assert_eq!(
        (status, list["items"].as_array().map(Vec::len)),
        (200, Some(1)),
        "{list}"
    );
    let (status, refusal) = ask(&curl, false);
    assert_eq!(
        (status, &refusal["reason"]),
        (403, &"Forbidden".into()),
        "{refusal}"
    );

    let told = demo.rest();
    let position = |words: &str| {
        let found = told.iter().position(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("`{words}` is not told:\n{}", told.join("\n")))
    };
    let quiet = position(" 0/9 (avg)");
    let grown = position("1 -> 3");
    let busy = position(" 90 (");
    assert!(told[busy].contains(" 30/9 (avg)"), "{}", told[busy]);
    let shrunk = position("-> 1 ");
    assert!(
        quiet < grown && grown < busy && busy < shrunk,
        "{}",
        told.join("\n")
    );
    assert_eq!(
        told.last().unwrap(),
        "The story is told: Deployment/nginx went from 1 to 3 replicas and back to 1."
    );
}

#[test]
fn the_demo_plays_manifests_of_ones_own() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-manifests");
    fs::create_dir_all(&folder).unwrap();
    let manifest = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker, namespace: shop }
spec: { replicas: 2, selector: {}, template: {} }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: worker, namespace: shop }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: worker }
  minReplicas: 2
  maxReplicas: 6
  metrics:
    - type: External
      external:
        metric:
          name: queue.depth
          selector:
            matchExpressions: [{ key: queue, operator: In, values: [mail, print] }]
        target: { type: AverageValue, averageValue: 100 }
";
    fs::write(folder.join("worker.yaml"), manifest).unwrap();
    let mut demo = Demo::start(&["--manifests", folder.to_str().unwrap()]);
    let query = demo.line("query");
    assert!(
        query.contains("avg:queue.depth{queue IN (mail,print)}.rollup(30), every 30 s"),
        "{query}"
    );
    let told = demo.rest();
    assert_eq!(
        told.last().unwrap(),
        "The story is told: Deployment/worker went from 2 to 6 replicas and back to 2.",
        "{}",
        told.join("\n")
    );
}

#[test]
fn a_folder_without_autoscalers_is_refused_by_name() {
    let output = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"))
        .args(["demo", "--manifests", "tests/control-plane"])
        .output()
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        complaint,
        "error: tests/control-plane holds no HorizontalPodAutoscaler of autoscaling/v2 in a .yaml, .yml or .json file\n"
    );
    assert!(!output.status.success());
}
