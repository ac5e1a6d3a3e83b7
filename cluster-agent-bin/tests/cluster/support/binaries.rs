//! Where the programs of the control plane are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The four programs, each known to be there.
pub(crate) struct Binaries {
    pub(crate) etcd: PathBuf,
    pub(crate) apiserver: PathBuf,
    pub(crate) controller_manager: PathBuf,
    pub(crate) kubectl: PathBuf,
}

impl Binaries {
    /// Takes each program from the folder `KUBEBUILDER_ASSETS` if it is in there. What is
    /// missing (that folder usually has no kube-controller-manager) comes from our own
    /// build, which takes some minutes the first time.
    pub(crate) fn find() -> Self {
        let given = assets();
        let mut built = None;
        let mut find = |name: &str| {
            let ready = given.as_ref().map(|folder| folder.join(name));
            match ready.filter(|path| path.is_file()) {
                Some(path) => path,
                None => built.get_or_insert_with(build).join(name),
            }
        };
        Self {
            etcd: find("etcd"),
            apiserver: find("kube-apiserver"),
            controller_manager: find("kube-controller-manager"),
            kubectl: find("kubectl"),
        }
    }
}

/// Runs the build script, whose one line of output is the folder with all four programs.
fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/build");
    let output = Command::new(&script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()));
    assert!(
        output.status.success(),
        "{} could not provide the control plane ({}); its reason is above",
        script.display(),
        output.status
    );
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the convention by which a machine names its ready-made programs"
)]
fn assets() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
}
