//! What a metrics server needs of a Kubernetes API server, and not a bit more: the
//! authentication ConfigMap, reviews of tokens and of access, with answers that
//! depend on the names alone, and a memory of what was asked.

mod authorities;
mod cluster;
mod config;
mod handout;

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, sync::Arc};

use http::Request;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::task::JoinHandle;
use tower::service_fn;

pub use self::handout::{Handout, Pair};
use self::{authorities::Authorities, cluster::Cluster};
use crate::{CertificateError, Server, ServerError, ServingCertificate};

/// No review is nearly as long.
const LARGEST: usize = 1 << 20;

/// A running stand-in for a Kubernetes API server. It ends with the value.
///
/// Users and tokens get the answer that they begin with: `denied…` is denied,
/// `broken…` is a failure of the API server, tokens `good…` belong to a user.
/// `system:anonymous` is denied, anybody else may do everything.
#[derive(Debug)]
pub struct Stub {
    handout: Handout,
    ca: String,
    serving: JoinHandle<()>,
}

/// Why the stub cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// The address cannot be had.
    #[error("the stub of the API server")]
    Address(#[from] ServerError),
    /// Its own certificate cannot be made.
    #[error("the stub's serving certificate")]
    Serving(#[from] CertificateError),
    /// A certificate of the run cannot be made.
    #[error("the certificates of the run")]
    Certificates(#[from] rcgen::Error),
}

impl Stub {
    /// Starts a stub. Under each path of `lists` it serves that list of objects, for
    /// a server that reads more of its cluster than who may ask it.
    ///
    /// It runs on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be had; the message says what to do.
    pub async fn start(
        address: SocketAddr,
        lists: BTreeMap<String, Value>,
    ) -> Result<Self, StubError> {
        let server = Server::bind(address).await?;
        let certificate = ServingCertificate::self_signed(["kubernetes.default.svc"])?;
        let ca = certificate.ca_bundle().unwrap_or_default().to_owned();
        let authorities = Authorities::new()?;
        let handout = authorities.handout(format!("https://{}", server.local_addr()))?;
        let cluster = Arc::new(Cluster::new(&authorities, lists));
        let api = service_fn(move |request: Request<Incoming>| {
            let cluster = Arc::clone(&cluster);
            async move {
                let (parts, body) = request.into_parts();
                // A body that breaks off or is too long is read as none, and refused as such.
                let body = Limited::new(body, LARGEST).collect().await;
                let body = body.map(|body| body.to_bytes()).unwrap_or_default();
                Ok::<_, Infallible>(cluster.answer(&parts, &body).await)
            }
        });
        let serving = tokio::spawn(async move {
            let certificate = Arc::new(certificate);
            server.serve(certificate, api, std::future::pending()).await;
        });
        Ok(Self {
            handout,
            ca,
            serving,
        })
    }

    /// What the suite needs of this stub.
    pub fn handout(&self) -> &Handout {
        &self.handout
    }

    /// The files to start a server with, by name: the `kubeconfig` with which it finds
    /// the stub, what the kubeconfig refers to, and `handout.json` for the suite. They
    /// belong into one folder.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "stub", "cluster": {
                "server": self.handout.url,
                "certificate-authority": "kube-apiserver.crt",
            }}],
            "users": [{ "name": "server", "user": { "token": "good-server" } }],
            "contexts": [{ "name": "stub", "context": { "cluster": "stub", "user": "server" } }],
            "current-context": "stub",
        });
        let handout = serde_json::to_string_pretty(&self.handout);
        vec![
            // JSON is YAML.
            ("kubeconfig", format!("{kubeconfig:#}\n")),
            ("kube-apiserver.crt", self.ca.clone()),
            (
                "handout.json",
                handout.expect("texts can be written as JSON"),
            ),
            (
                "front-proxy.crt",
                self.handout.front_proxy.certificate.clone(),
            ),
            ("front-proxy.key", self.handout.front_proxy.key.clone()),
        ]
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
