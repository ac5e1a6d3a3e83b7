//! A server that is an example of `k8s-adapter`, under test.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{ControlPlane, eventually, free_ports, http, process::Process, seconds};

/// The versions of a group that an example serves, and that APIServices are named for.
type GroupVersion = (&'static str, &'static str);

const EXTERNAL: GroupVersion = ("external.metrics.k8s.io", "v1beta1");
const CUSTOM: [GroupVersion; 2] = [
    ("custom.metrics.k8s.io", "v1beta1"),
    ("custom.metrics.k8s.io", "v1beta2"),
];

/// A running example. The API server trusts it by what it writes into its APIServices itself.
pub(crate) struct Example {
    _process: Process,
}

impl Example {
    /// The one whose metrics are annotations, as the ServiceAccount of its manifest.
    #[track_caller]
    pub(crate) fn annotations(cp: &ControlPlane) -> Self {
        let manifest = workspace().join("k8s-adapter/examples/annotations.yaml");
        let manifest = manifest.to_str().expect("the path is Unicode");
        cp.kubectl(&["apply", "--validate=strict", "--filename", manifest])
            .expect_success();
        let serves = [EXTERNAL, CUSTOM[0], CUSTOM[1]];
        Self::start(
            cp,
            "annotations",
            "annotations",
            &serves,
            |command, address| {
                command.args(["default/annotations", address]);
            },
        )
    }

    /// The one of the guide, whose queues are in a folder. Its ServiceAccount exists.
    #[track_caller]
    pub(crate) fn queues(cp: &ControlPlane, folder: &Path) -> Self {
        Self::start(
            cp,
            "queues",
            "queue-metrics",
            &[EXTERNAL],
            |command, address| {
                command.env("QUEUES", folder).env("ADDRESS", address);
            },
        )
    }

    /// `service` is also the name of its ServiceAccount; `told` is given the address to serve at.
    #[track_caller]
    fn start(
        cp: &ControlPlane,
        name: &str,
        service: &str,
        serves: &[GroupVersion],
        told: impl FnOnce(&mut Command, &str),
    ) -> Self {
        let [port] = free_ports();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(built(name));
        command
            .env_clear()
            .env("KUBECONFIG", cp.service_account("default", service));
        told(&mut command, &address);
        let process = Process::start(command, cp.folder().fresh(name, "log"));

        register(cp, service, port, serves);
        eventually(seconds(30), "the server is ready", || {
            http::get(&format!("https://{address}/readyz?verbose"))
        });
        for (group, version) in serves {
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
fn register(cp: &ControlPlane, name: &str, port: u16, serves: &[GroupVersion]) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": port }],
        },
    });
    let mut documents = vec![service.to_string()];
    for (group, version) in serves {
        let api_service = json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": { "name": format!("{version}.{group}") },
            "spec": {
                "group": group, "version": version,
                "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": { "name": name, "namespace": "default", "port": port },
            },
        });
        documents.push(api_service.to_string());
    }
    cp.apply(&documents.join("\n---\n"));
}

/// The folder that all crates lie in.
pub(crate) fn workspace() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.expect("the crate lies in the workspace")
}

/// Cargo builds a package's own examples for its tests, and these are another's.
fn built(example: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format=json"])
        .args(["--package=k8s-adapter", "--example", example])
        .arg("--features=access,registration")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo has started this test");
    assert!(output.status.success(), "{example} is not built");
    let messages = String::from_utf8(output.stdout).expect("cargo writes Unicode");
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    let mut executables = messages.lines().filter_map(executable);
    executables.next().expect("cargo says what it has built")
}
