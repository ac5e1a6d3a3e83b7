//! The example of `k8s-adapter` that serves custom metrics, under test.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{ControlPlane, eventually, free_ports, http, process::Process, seconds};

/// The versions of groups that it serves, as an APIService is named for them.
const API_SERVICES: [(&str, &str); 3] = [
    ("external.metrics.k8s.io", "v1beta1"),
    ("custom.metrics.k8s.io", "v1beta1"),
    ("custom.metrics.k8s.io", "v1beta2"),
];

/// A running server whose metrics are annotations.
pub(crate) struct Annotations {
    _process: Process,
}

impl Annotations {
    /// Starts it as the ServiceAccount of its manifest, and registers it for all that it
    /// serves. The API server trusts it by what it writes into its APIServices itself.
    #[track_caller]
    pub(crate) fn start(cp: &ControlPlane) -> Self {
        let manifest = example("annotations.yaml");
        let manifest = manifest.to_str().expect("the path is Unicode");
        cp.kubectl(&["apply", "--validate=strict", "--filename", manifest])
            .expect_success();

        let [port] = free_ports();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(built());
        command
            .args(["default/annotations", &address])
            .env_clear()
            .env("KUBECONFIG", cp.service_account("default", "annotations"));
        let process = Process::start(command, cp.folder().fresh("annotations", "log"));

        register(cp, port);
        eventually(seconds(30), "the server is ready", || {
            http::get(&format!("https://{address}/readyz?verbose"))
        });
        for (group, version) in API_SERVICES {
            let name = format!("apiservice/{version}.{group}");
            eventually(seconds(60), &format!("{name} is trusted"), || {
                let condition = r#"{.status.conditions[?(@.type=="Available")]}"#;
                let seen = cp.field(&name, condition)?;
                if !seen.contains(r#""status":"True""#) {
                    return Err(seen);
                }
                cp.kubectl(&["get", "--raw", &format!("/apis/{group}/{version}")])
                    .success()
            });
        }
        Self { _process: process }
    }
}

/// The APIServices have no caBundle and verify: the server makes them trust it.
fn register(cp: &ControlPlane, port: u16) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "annotations", "namespace": "default" },
        "spec": {
            "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": port }],
        },
    });
    let api_services = API_SERVICES.map(|(group, version)| {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": { "name": format!("{version}.{group}") },
            "spec": {
                "group": group, "version": version,
                "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": { "name": "annotations", "namespace": "default", "port": port },
            },
        })
    });
    let mut documents = vec![service.to_string()];
    documents.extend(api_services.iter().map(Value::to_string));
    cp.apply(&documents.join("\n---\n"));
}

fn example(file: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let crates = crates.expect("the crate lies in the workspace");
    crates.join("k8s-adapter/examples").join(file)
}

/// Cargo builds a package's own examples for its tests, and this one is another's.
fn built() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format=json"])
        .args(["--package=k8s-adapter", "--example=annotations"])
        .arg("--features=access,registration")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo has started this test");
    assert!(output.status.success(), "the example is not built");
    let messages = String::from_utf8(output.stdout).expect("cargo writes Unicode");
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    let mut executables = messages.lines().filter_map(executable);
    executables.next().expect("cargo says what it has built")
}
