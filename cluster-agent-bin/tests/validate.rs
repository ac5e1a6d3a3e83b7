//! `validate` against a simulated Datadog that knows one pair of keys.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

const BINARY: &str = env!("CARGO_BIN_EXE_datadog-cluster-agent");

/// Ends the child when the test does.
struct Datadog(Child, String);

impl Datadog {
    fn knowing(api: &str, app: &str) -> Self {
        let scenario = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{api}.yaml"));
        fs::write(&scenario, format!("keys: {{ api: {api}, app: {app} }}")).unwrap();
        let mut child = Command::new(BINARY)
            .args(["simulate-datadog", "--listen", "127.0.0.1:0", "--scenario"])
            .arg(scenario)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap();
        Self(child, url.to_owned())
    }
}

impl Drop for Datadog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The exit code, and what it says on both streams.
fn validate(variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Command::new(BINARY)
        .arg("validate")
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let [told, complaint] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), told, complaint)
}

#[test]
fn every_endpoint_is_judged_by_its_own_keys_and_none_is_shown() {
    let us = Datadog::knowing("api-key-of-us", "app-key-of-us");
    let eu = Datadog::knowing("api-key-of-eu", "app-key-of-eu");
    let judged = |app_key: &str| {
        let endpoints = format!(
            r#"[{{ "url": "{}", "api_key": "api-key-of-eu", "app_key": "{app_key}" }}]"#,
            eu.1
        );
        let (code, told, complaint) = validate(&[
            ("DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT", &us.1),
            ("DD_API_KEY", "api-key-of-us"),
            ("DD_APP_KEY", "app-key-of-us"),
            ("DD_EXTERNAL_METRICS_PROVIDER_ENDPOINTS", &endpoints),
        ]);
        assert!(!told.contains("-key-of-"), "{told}");
        (code, told, complaint)
    };
    let good = "  good     site
  good     API key
  good     application key
  good     scope timeseries_query
  good     scope metrics_read
";
    let all_good = format!("{}\n{good}{}\n{good}", us.1, eu.1);
    assert_eq!(judged("app-key-of-eu"), (Some(0), all_good, String::new()));
    // What is right at one endpoint is wrong at the other.
    let (code, told, complaint) = judged("app-key-of-us");
    assert_eq!(
        (code, complaint.as_str()),
        (
            Some(1),
            "error: not everything is good at 1 of 2 endpoints\n"
        )
    );
    assert!(
        told.contains("  bad      application key: 127.0.0.1"),
        "{told}"
    );
}

#[test]
fn a_missing_key_is_told_before_anybody_is_asked() {
    let (code, told, complaint) = validate(&[("DD_API_KEY", "api-key-of-us")]);
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert_eq!(
        complaint,
        "error: DD_APP_KEY is not set: Datadog answers only with an application key\n"
    );
}
