//! The agent as it runs in a cluster, asked by the conformance suite: the real `start`,
//! with a stub in the cluster's place and a simulated Datadog.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use provider_api::conformance::{Outcome, Program, Report, Stub, Subject, Surroundings, run};
use serde_json::{Value, json};

const METRIC: &str = "nginx.net.request_per_s";
const SELECTOR: &str = "kube_container_name=nginx";

/// A child that ends with the test.
struct Process(Child);

impl Process {
    fn start(arguments: &[&str], variables: &[(&str, &str)], log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_datadog-cluster-agent"))
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The autoscalers of the cluster: one, which asks for the metric.
fn autoscalers() -> Value {
    let metric = json!({
        "name": METRIC,
        "selector": { "matchLabels": { "kube_container_name": "nginx" } },
    });
    let target = json!({ "type": "Value", "value": "9" });
    json!({
        "kind": "HorizontalPodAutoscalerList",
        "apiVersion": "autoscaling/v2",
        "metadata": { "resourceVersion": "1" },
        "items": [{
            "metadata": { "namespace": "default", "name": "nginx", "uid": "1", "resourceVersion": "1" },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "nginx" },
                "maxReplicas": 3,
                "metrics": [{ "type": "External", "external": { "metric": metric, "target": target } }],
            },
        }],
    })
}

/// A loopback port that is free now.
fn free_port() -> u16 {
    let held = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    held.local_addr().unwrap().port()
}

/// Asks the cases named `pattern` until they pass: the agent takes a moment to start.
async fn until_passed(subject: &Subject, pattern: &str, log: &Path) {
    for _ in 0..300 {
        if run(subject, pattern).await.failed().count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let report = run(subject, pattern).await;
    panic!("{report}\n{}", fs::read_to_string(log).unwrap());
}

async fn report() -> Report {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    fs::create_dir_all(&folder).unwrap();
    let log = folder.join("agent.log");

    let path = "/apis/autoscaling/v2/horizontalpodautoscalers".to_owned();
    let lists = BTreeMap::from([(path, autoscalers())]);
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), lists)
        .await
        .unwrap();
    for (name, content) in stub.files() {
        fs::write(folder.join(name), content).unwrap();
    }
    let scenario = json!({ "series": [{
        "metric": METRIC,
        "tags": { "kube_container_name": "nginx" },
        "shape": { "constant": 4.5 },
    }]});
    let scenario_file = folder.join("scenario.yaml");
    fs::write(&scenario_file, scenario.to_string()).unwrap();

    let datadog = format!("127.0.0.1:{}", free_port());
    let simulated = ["simulate-datadog", "--listen", &datadog, "--scenario"];
    let simulated = [&simulated[..], &[scenario_file.to_str().unwrap()]].concat();
    let _datadog = Process::start(&simulated, &[], &folder.join("datadog.log"));
    let port = free_port().to_string();
    let variables = [
        (
            "KUBECONFIG",
            folder.join("kubeconfig").to_str().unwrap().to_owned(),
        ),
        ("DD_API_KEY", "the-api-key".to_owned()),
        ("DD_APP_KEY", "the-application-key".to_owned()),
        (
            "DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT",
            format!("http://{datadog}"),
        ),
        ("DD_EXTERNAL_METRICS_PROVIDER_PORT", port.clone()),
        (
            "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD",
            "1".to_owned(),
        ),
    ];
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let agent = Process::start(&["start"], &variables, &log);

    let surroundings = Surroundings {
        metric: Some(METRIC.to_owned()),
        selector: SELECTOR.to_owned(),
        value: Some("4500m".to_owned()),
        most_listed: Some(1),
        ..Surroundings::default()
    };
    let url = format!("https://127.0.0.1:{port}");
    let handout = Some(stub.handout().clone());
    let run_name = std::process::id().to_string();
    let subject = || Subject::new(&url, surroundings.clone(), handout.clone(), &run_name).unwrap();
    // Ready, and the first value fetched.
    let served = subject();
    until_passed(&served, "serving/health", &log).await;
    until_passed(&served, "external/value", &log).await;
    let mut report = run(&served, "").await;
    report
        .lines
        .retain(|line| !line.name.starts_with("lifecycle/"));

    // Its end is asked about last: the suite starts an agent of its own for that.
    drop(agent);
    let ended = subject().launched_by(program(&variables, &log));
    report.lines.extend(run(&ended, "lifecycle/").await.lines);
    report
}

/// The agent as the suite starts it.
fn program(variables: &[(&str, &str)], log: &Path) -> Program {
    let script = format!("exec \"$@\" >> '{}' 2>&1", log.display());
    let mut command = vec!["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()];
    command.extend(["env".to_owned(), "-i".to_owned()]);
    command.extend(
        variables
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    command.push(env!("CARGO_BIN_EXE_datadog-cluster-agent").to_owned());
    command.push("start".to_owned());
    Program(command)
}

#[tokio::test]
async fn the_agent_keeps_the_contract_of_the_metrics_api() {
    let report = report().await;
    println!("{report}");
    assert_eq!(report.failed().count(), 0, "{report}");
    for line in &report.lines {
        if let Outcome::Skipped(reason) = &line.outcome {
            // The metrics of these roles are not for Datadog to have, or the path is not served.
            let known = reason.starts_with("needs --") || reason.ends_with("by a 404");
            assert!(known, "{}: {reason}", line.name);
        }
    }
}
