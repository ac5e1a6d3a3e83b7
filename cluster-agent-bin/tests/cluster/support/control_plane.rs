//! etcd, the API server and the controllers.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Folder,
    certificates::PairFiles,
    eventually,
    kubeconfig::{self, Identity},
    layout::Layout,
    process::Process,
    seconds,
};

/// How often the control plane is started anew because somebody took one of its ports.
const ATTEMPTS: usize = 5;

/// A control plane of our own. Its processes are dropped in the order of the fields, so that
/// none sees the one below it go.
pub(crate) struct ControlPlane {
    pub(crate) controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Option<Process>,
    pub(super) layout: Layout,
}

/// A process ended because a port that had been free was not so any more.
struct PortTaken;

impl ControlPlane {
    /// Starts everything and returns once the controllers work.
    pub(crate) fn start() -> Self {
        for _ in 0..ATTEMPTS {
            if let Ok(control_plane) = Self::try_start() {
                return control_plane;
            }
        }
        panic!("no control plane after {ATTEMPTS} attempts: its ports were taken each time");
    }

    /// The folder of this control plane; a test may put its own files there.
    pub(crate) fn folder(&self) -> &Folder {
        &self.layout.folder
    }

    /// The kubeconfig of an administrator.
    pub(crate) fn admin(&self) -> &Path {
        &self.layout.credentials.admin
    }

    /// A certificate by which a reader is the HPA controller: of nobody else do reads matter.
    pub(crate) fn hpa_controller(&self) -> &PairFiles {
        &self.layout.credentials.hpa_controller
    }

    /// Where the API server is.
    pub(crate) fn url(&self) -> String {
        self.layout.apiserver_url()
    }

    /// The loopback port of that address.
    pub(crate) fn port(&self) -> u16 {
        self.layout.apiserver_port()
    }

    /// The kubeconfig of a ServiceAccount that exists, by a token that the API server issued.
    #[track_caller]
    pub(crate) fn service_account(&self, namespace: &str, name: &str) -> PathBuf {
        self.service_account_by(&self.url(), namespace, name)
    }

    /// The same, with another way to the API server.
    #[track_caller]
    pub(crate) fn service_account_by(&self, url: &str, namespace: &str, name: &str) -> PathBuf {
        let token = self
            .kubectl(&["create", "token", name, "--namespace", namespace])
            .expect_success();
        kubeconfig::write(
            self.folder(),
            &format!("{namespace}-{name}-by-{}", url.replace(['/', ':'], "")),
            url,
            &self.layout.credentials.authority,
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

    /// What the API server has written since it was started last.
    pub(crate) fn apiserver_log(&self) -> String {
        self.apiserver
            .as_ref()
            .map_or_else(String::new, Process::log)
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

    fn try_start() -> Result<Self, PortTaken> {
        let mut control_plane = Self {
            controller_manager: None,
            apiserver: None,
            etcd: None,
            layout: Layout::new(),
        };
        control_plane.try_start_etcd()?;
        control_plane.try_start_apiserver()?;
        control_plane.try_start_controller_manager()?;
        Ok(control_plane)
    }

    fn try_start_etcd(&mut self) -> Result<(), PortTaken> {
        // By its own words: whoever took its port may well be another etcd, and healthy.
        let etcd = self.run("etcd", self.layout.etcd(), |log| {
            let ready = log.contains("ready to serve client requests");
            ready.then_some(()).ok_or("it does not say so".to_owned())
        })?;
        self.etcd = Some(etcd);
        Ok(())
    }

    fn try_start_apiserver(&mut self) -> Result<(), PortTaken> {
        let apiserver = self.run("kube-apiserver", self.layout.apiserver(), |_| {
            self.kubectl(&["get", "--raw", "/readyz"]).success()?;
            // What follows comes soon after, and tests count on it: the namespaces, the
            // ConfigMap for aggregated servers, and the schemas by which kubectl validates.
            self.kubectl(&["get", "namespace/default"]).success()?;
            let authentication = "configmap/extension-apiserver-authentication";
            self.kubectl(&["get", authentication, "--namespace=kube-system"])
                .success()?;
            let schemas = self.kubectl(&["get", "--raw", "/openapi/v3"]).success()?;
            ["apis/apps/v1", "apis/apiregistration.k8s.io/v1"]
                .iter()
                .all(|group| schemas.contains(group))
                .then_some(())
                .ok_or(schemas)
        })?;
        self.apiserver = Some(apiserver);
        Ok(())
    }

    fn try_start_controller_manager(&mut self) -> Result<(), PortTaken> {
        let command = self.layout.controller_manager();
        let controller_manager = self.run("kube-controller-manager", command, |_| {
            self.kubectl(&["get", "serviceaccount/default"])
                .success()
                .map(drop)
        })?;
        self.controller_manager = Some(controller_manager);
        Ok(())
    }

    /// Starts a program and waits until it is ready, by its log or otherwise. The test fails
    /// if it ends before, save for a reason that fresh ports may cure.
    fn run(
        &self,
        name: &str,
        command: Command,
        ready: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Process, PortTaken> {
        let mut process = Process::start(command, self.folder().fresh(name, "log"));
        eventually(seconds(90), &format!("{name} is ready"), || {
            let ended = process.ended();
            let log = process.log();
            match ended {
                None => ready(&log).map(Ok),
                Some(_) if log.contains("address already in use") => Ok(Err(PortTaken)),
                Some(status) => panic!("{name} ended at its start ({status})"),
            }
        })?;
        Ok(process)
    }
}
