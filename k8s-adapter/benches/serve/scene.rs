//! What servers and load share: a stub of a cluster, a serving certificate, the request
//! and its answer.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use provider_api::conformance::Stub;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    Outcome,
    connection::{Connection, Protocol},
    process::Process,
};

pub(crate) const PATH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/\
                               nginx.net.request_per_s?labelSelector=kube_container_name%3Dnginx";

/// The headers with which an API server passes on an autoscaler's request.
pub(crate) const HEADERS: [(&str, &str); 9] = [
    ("accept", "application/vnd.kubernetes.protobuf, */*"),
    ("accept-encoding", "gzip"),
    ("audit-id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    (
        "user-agent",
        "kube-controller-manager/v1.33.0 (linux/amd64) kubernetes/60a317e/system:serviceaccount:\
         kube-system:horizontal-pod-autoscaler",
    ),
    ("x-forwarded-for", "10.0.0.7"),
    ("x-forwarded-host", "10.0.0.1:6443"),
    (
        "x-remote-user",
        "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
    ),
    ("x-remote-group", "system:serviceaccounts"),
    ("x-remote-group", "system:authenticated"),
];

/// The folder where a server finds what it needs, and the stub beside it.
pub(crate) struct Scene {
    stub: Stub,
    folder: PathBuf,
}

impl Scene {
    pub(crate) async fn set() -> Outcome<Self> {
        let stub = Stub::start(([127, 0, 0, 1], 0).into(), BTreeMap::new()).await?;
        let name = format!("metrics-bench-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        for (name, text) in stub.files() {
            fs::write(folder.join(name), text)?;
        }
        let serving = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(folder.join("serving.crt"), serving.cert.pem())?;
        fs::write(
            folder.join("serving.key"),
            serving.signing_key.serialize_pem(),
        )?;
        Ok(Self { stub, folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A client that shows the front proxy's certificate.
    pub(crate) fn client(&self, protocol: Protocol) -> Outcome<Arc<ClientConfig>> {
        let proxy = &self.stub.handout().front_proxy;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(
            self.folder.join("serving.crt"),
        )?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(
                    proxy.certificate.as_bytes(),
                )?],
                PrivateKeyDer::from_pem_slice(proxy.key.as_bytes())?,
            )?;
        config.alpn_protocols = vec![protocol.alpn().to_vec()];
        Ok(Arc::new(config))
    }

    /// Asks our server, looks at what it says, and keeps it for the floor to say as well.
    pub(crate) async fn keep_answer(&self, ours: &Process) -> Outcome<()> {
        let mut connection = Connection::open(self, ours.address(), Protocol::Http1).await?;
        connection.begin();
        connection.answered().await?;
        let answer = connection.last_answer();
        for part in ["HTTP/1.1 200", "nginx.net.request_per_s", "27500m"] {
            let is_part = |bytes: &[u8]| bytes == part.as_bytes();
            if !answer.windows(part.len()).any(is_part) {
                return Err(format!("{part:?} is not in the answer").into());
            }
        }
        Ok(fs::write(self.folder.join("answer"), answer)?)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left behind in the folder for temporary files does no harm.
        drop(fs::remove_dir_all(&self.folder));
    }
}
