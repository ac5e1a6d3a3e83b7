//! Where everything of one control plane is, and the command lines that follow from it.

use std::{path::Path, process::Command};

use super::{Folder, binaries::Binaries, credentials::Credentials, free_ports};

/// The programs, ports and files of one control plane.
pub(crate) struct Layout {
    pub(crate) binaries: Binaries,
    ports: Ports,
    pub(crate) credentials: Credentials,
    pub(crate) folder: Folder,
}

struct Ports {
    etcd: u16,
    etcd_peers: u16,
    apiserver: u16,
}

impl Layout {
    /// A fresh folder with fresh credentials, and ports that are free now.
    pub(crate) fn new() -> Self {
        let binaries = Binaries::find();
        let [etcd, etcd_peers, apiserver] = free_ports();
        let folder = Folder::new();
        Self {
            binaries,
            ports: Ports {
                etcd,
                etcd_peers,
                apiserver,
            },
            credentials: Credentials::write(&folder, &local("https", apiserver)),
            folder,
        }
    }

    /// The address at which etcd serves the API server.
    pub(crate) fn etcd_url(&self) -> String {
        local("http", self.ports.etcd)
    }

    /// The address of the API server.
    pub(crate) fn apiserver_url(&self) -> String {
        local("https", self.ports.apiserver)
    }

    /// The port of that address.
    pub(crate) fn apiserver_port(&self) -> u16 {
        self.ports.apiserver
    }

    pub(crate) fn etcd(&self) -> Command {
        let (clients, peers) = (self.etcd_url(), local("http", self.ports.etcd_peers));
        let mut command = Command::new(&self.binaries.etcd);
        command
            .arg("--data-dir")
            .arg(self.folder.file("etcd"))
            .args(["--listen-client-urls", &clients])
            .args(["--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers])
            .args(["--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("default={peers}")])
            // The data are thrown away: nothing is gained by waiting for the disk.
            .arg("--unsafe-no-fsync");
        command
    }

    pub(crate) fn apiserver(&self) -> Command {
        let files = &self.credentials;
        let mut command = Command::new(&self.binaries.apiserver);
        let mut file = |flag: &str, path: &Path| {
            command.arg(flag).arg(path);
        };
        file("--client-ca-file", &files.authority);
        file("--tls-cert-file", &files.serving.certificate);
        file("--tls-private-key-file", &files.serving.key);
        file("--service-account-signing-key-file", &files.token_signer);
        file("--service-account-key-file", &files.token_verifier);
        file(
            "--requestheader-client-ca-file",
            &files.front_proxy_authority,
        );
        file("--proxy-client-cert-file", &files.front_proxy.certificate);
        file("--proxy-client-key-file", &files.front_proxy.key);
        command
            .arg(format!("--etcd-servers={}", self.etcd_url()))
            .arg(format!("--secure-port={}", self.ports.apiserver))
            .args([
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                // An ExternalName Service stands for the agent, and such a Service has no
                // endpoints to route to.
                "--enable-aggregator-routing=false",
                // Without nodes nobody mounts a token or lifts a taint.
                "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            ]);
        command
    }

    pub(crate) fn controller_manager(&self) -> Command {
        let mut command = Command::new(&self.binaries.controller_manager);
        command
            .arg("--kubeconfig")
            .arg(&self.credentials.controller_manager)
            .arg("--service-account-private-key-file")
            .arg(&self.credentials.token_signer)
            .args([
                // It serves nothing that a test asks for, and so needs no port.
                "--secure-port=0",
                "--leader-elect=false",
                // Each controller acts under its own name, which is whom RBAC allows.
                "--use-service-account-credentials=true",
                "--controllers=deployment-controller,replicaset-controller,\
                 horizontal-pod-autoscaler-controller,namespace-controller,\
                 garbage-collector-controller,serviceaccount-controller,\
                 serviceaccount-token-controller",
                // The HPA controller as everywhere, only quicker.
                "--horizontal-pod-autoscaler-sync-period=2s",
                "--horizontal-pod-autoscaler-downscale-stabilization=5s",
                "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
                "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
            ]);
        command
    }
}

fn local(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}
