//! etcd, the API server and the controllers.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Folder,
    binaries::Binaries,
    certificates::{Authority, PairFiles, key},
    eventually, free_ports, http,
    kubeconfig::{self, Identity},
    process::Process,
    seconds,
};

/// How often the control plane is started anew because somebody took one of its ports.
const ATTEMPTS: usize = 5;

/// A control plane of our own. The processes are listed, and so are dropped, from the
/// outermost to the innermost.
pub(crate) struct ControlPlane {
    controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Option<Process>,
    pub(super) binaries: Binaries,
    ports: Ports,
    files: Files,
    folder: Folder,
}

#[derive(Clone, Copy)]
struct Ports {
    etcd: u16,
    etcd_peers: u16,
    apiserver: u16,
}

struct Files {
    authority: PathBuf,
    serving: PairFiles,
    front_proxy_authority: PathBuf,
    front_proxy: PairFiles,
    token_signer: PathBuf,
    token_verifier: PathBuf,
    admin: PathBuf,
    controller_manager: PathBuf,
}

/// A process ended because a port that had been free was not so any more.
struct PortTaken;

impl ControlPlane {
    /// Starts everything and returns once the controllers work.
    pub(crate) fn start() -> Self {
        for _ in 0..ATTEMPTS {
            if let Ok(control_plane) = Self::start_once() {
                return control_plane;
            }
        }
        panic!("no control plane after {ATTEMPTS} attempts: its ports were taken each time");
    }

    fn start_once() -> Result<Self, PortTaken> {
        let binaries = Binaries::find();
        let folder = Folder::new();
        let [etcd, etcd_peers, apiserver] = free_ports();
        let ports = Ports {
            etcd,
            etcd_peers,
            apiserver,
        };
        let mut control_plane = Self {
            files: Files::write(&folder, &server(ports)),
            controller_manager: None,
            apiserver: None,
            etcd: None,
            binaries,
            ports,
            folder,
        };
        control_plane.try_start_etcd()?;
        control_plane.try_start_apiserver()?;
        control_plane.start_controller_manager();
        Ok(control_plane)
    }

    /// The folder of this control plane; a test may put its own files there.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The kubeconfig of an administrator.
    pub(crate) fn admin(&self) -> &Path {
        &self.files.admin
    }

    /// The kubeconfig of a ServiceAccount that exists, by a token that the API server issued.
    pub(crate) fn service_account(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self
            .kubectl(&["create", "token", name, "--namespace", namespace])
            .expect_success();
        kubeconfig::write(
            &self.folder,
            &format!("{namespace}-{name}"),
            &server(self.ports),
            &self.files.authority,
            &Identity::Token(token.trim_end()),
        )
    }

    /// The ids of the processes that run now.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        [&self.etcd, &self.apiserver, &self.controller_manager]
            .into_iter()
            .flatten()
            .map(Process::id)
            .collect()
    }

    /// Ends etcd as a crash would; its data stay.
    pub(crate) fn stop_etcd(&mut self) {
        self.etcd = None;
    }

    /// Starts etcd again on the data that it left.
    pub(crate) fn start_etcd(&mut self) {
        self.try_start_etcd()
            .unwrap_or_else(|PortTaken| panic!("etcd's port was taken while it was down"));
    }

    /// Ends the API server as a crash would.
    pub(crate) fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server again, at the same address.
    pub(crate) fn start_apiserver(&mut self) {
        self.try_start_apiserver().unwrap_or_else(|PortTaken| {
            panic!("the API server's port was taken while it was down")
        });
    }

    fn try_start_etcd(&mut self) -> Result<(), PortTaken> {
        let Ports {
            etcd, etcd_peers, ..
        } = self.ports;
        let (clients, peers) = (local("http", etcd), local("http", etcd_peers));
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
        let mut process = Process::start(command, self.folder.file("etcd.log"));
        ready("etcd", &mut process, || {
            http::get(&format!("{clients}/health"))
        })?;
        self.etcd = Some(process);
        Ok(())
    }

    fn try_start_apiserver(&mut self) -> Result<(), PortTaken> {
        let command = self.apiserver_command();
        let mut process = Process::start(command, self.folder.file("kube-apiserver.log"));
        ready("the API server", &mut process, || {
            self.kubectl(&["get", "--raw", "/readyz"]).success()?;
            // The API server makes these soon after it is ready, and every test counts on them.
            self.kubectl(&["get", "namespace/default"]).success()?;
            self.kubectl(&[
                "get",
                "configmap/extension-apiserver-authentication",
                "--namespace=kube-system",
            ])
            .success()
        })?;
        self.apiserver = Some(process);
        Ok(())
    }

    fn apiserver_command(&self) -> Command {
        let files = &self.files;
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
            .arg(format!("--etcd-servers={}", local("http", self.ports.etcd)))
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

    fn start_controller_manager(&mut self) {
        let mut command = Command::new(&self.binaries.controller_manager);
        command
            .arg("--kubeconfig")
            .arg(&self.files.controller_manager)
            .arg("--service-account-private-key-file")
            .arg(&self.files.token_signer)
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
        let log = self.folder.file("kube-controller-manager.log");
        let mut process = Process::start(command, log);
        let started = ready("the controller manager", &mut process, || {
            self.kubectl(&["get", "serviceaccount/default", "--namespace=default"])
                .success()
        });
        started.unwrap_or_else(|PortTaken| unreachable!("it listens on no port"));
        self.controller_manager = Some(process);
    }
}

impl Files {
    fn write(folder: &Folder, server: &str) -> Self {
        let authority = Authority::named("kubernetes");
        let front_proxy_authority = Authority::named("front-proxy");
        let tokens = key();

        let authority_file = folder.write("authority.crt", &authority.pem());
        let kubeconfig = |name: &str, group: Option<&str>| {
            let pair = authority.client(name, group).write(folder, name);
            let identity = Identity::Certificate(&pair);
            kubeconfig::write(folder, name, server, &authority_file, &identity)
        };
        Self {
            admin: kubeconfig("admin", Some("system:masters")),
            controller_manager: kubeconfig("system:kube-controller-manager", None),
            serving: authority
                .server(&["127.0.0.1", "localhost", "kubernetes.default.svc"])
                .write(folder, "serving"),
            front_proxy_authority: folder
                .write("front-proxy-authority.crt", &front_proxy_authority.pem()),
            front_proxy: front_proxy_authority
                .client("front-proxy-client", None)
                .write(folder, "front-proxy"),
            token_signer: folder.write("tokens.key", &tokens.serialize_pem()),
            token_verifier: folder.write("tokens.pub", &tokens.public_key_pem()),
            authority: authority_file,
        }
    }
}

/// Waits until `look` succeeds, or fails the test as soon as the process ends.
fn ready(
    what: &str,
    process: &mut Process,
    mut look: impl FnMut() -> Result<String, String>,
) -> Result<(), PortTaken> {
    eventually(seconds(90), &format!("{what} is ready"), || {
        match process.ended() {
            None => look().map(|_| Ok(())),
            Some(_) if process.log().contains("address already in use") => Ok(Err(PortTaken)),
            Some(status) => panic!("{what} ended at its start ({status})"),
        }
    })
}

fn server(ports: Ports) -> String {
    local("https", ports.apiserver)
}

fn local(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}
