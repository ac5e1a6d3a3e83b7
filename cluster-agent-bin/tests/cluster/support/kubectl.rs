//! The cluster by the eyes of kubectl.

use std::{
    io::Write,
    path::Path,
    process::{self, Command, ExitStatus, Stdio},
};

use super::ControlPlane;

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ControlPlane {
    /// Runs kubectl as an administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Output {
        self.kubectl_as(self.admin(), arguments)
    }

    /// Runs kubectl as whomever the kubeconfig names.
    pub(crate) fn kubectl_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Output {
        let output = self
            .kubectl_command(kubeconfig)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        output.expect("kubectl was found").into()
    }

    /// Applies objects written as YAML, and fails the test if one is refused.
    #[track_caller]
    pub(crate) fn apply(&self, yaml: &str) {
        let mut child = self
            .kubectl_command(self.admin())
            .args(["apply", "--validate=strict", "--filename=-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl was found");
        let mut input = child.stdin.take().expect("stdin was asked for above");
        // Should kubectl end before it has read all, then its own words tell more.
        let _ = input.write_all(yaml.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("a child can be waited for");
        Output::from(output).expect_success();
    }

    /// Applies one of the manifests that this crate gives to operators.
    #[track_caller]
    pub(crate) fn install(&self, manifest: &str) {
        let file = format!("{}/manifests/{manifest}", env!("CARGO_MANIFEST_DIR"));
        self.kubectl(&["apply", "--validate=strict", "--filename", &file])
            .expect_success();
    }

    /// One field of an object of the namespace `default`, by its JSONPath: the text is empty
    /// if the object has no such field.
    pub(crate) fn field(&self, object: &str, path: &str) -> Result<String, String> {
        self.kubectl(&["get", object, &format!("--output=jsonpath={path}")])
            .success()
    }

    fn kubectl_command(&self, kubeconfig: &Path) -> Command {
        let mut command = Command::new(&self.layout.binaries.kubectl);
        command
            .arg("--kubeconfig")
            .arg(kubeconfig)
            // What one test discovers is nothing to another, nor to whoever runs them.
            .arg("--cache-dir")
            .arg(self.folder().file("kubectl-cache"))
            .arg("--request-timeout=30s");
        command
    }
}

impl Output {
    /// What it wrote, or, if it failed, its complaint.
    pub(crate) fn success(self) -> Result<String, String> {
        if self.status.success() {
            Ok(self.stdout)
        } else {
            Err(format!("{}: {}", self.status, self.stderr.trim_end()))
        }
    }

    /// What it wrote; the test fails if the command did.
    #[track_caller]
    pub(crate) fn expect_success(self) -> String {
        self.success()
            .unwrap_or_else(|complaint| panic!("kubectl failed: {complaint}"))
    }
}

impl From<process::Output> for Output {
    fn from(output: process::Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
