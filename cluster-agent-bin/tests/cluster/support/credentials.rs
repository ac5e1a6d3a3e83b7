//! Who is who in one control plane, as files.

use std::path::PathBuf;

use super::{
    Folder,
    certificates::{Authority, PairFiles, key},
    kubeconfig::{self, Identity},
};

/// Who reads metrics in a cluster, and is allowed to by `manifests/rbac.yaml`.
const HPA_CONTROLLER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// Certificates, keys and kubeconfigs, made for one control plane and thrown away with it.
pub(crate) struct Credentials {
    /// Signs the API server's certificate and those of its clients.
    pub(crate) authority: PathBuf,
    pub(crate) serving: PairFiles,
    /// Signs only the certificate by which aggregated servers know the API server, and so
    /// is an authority of its own: no client can pass for the API server.
    pub(crate) front_proxy_authority: PathBuf,
    pub(crate) front_proxy: PairFiles,
    /// The two halves of the key of service-account tokens.
    pub(crate) token_signer: PathBuf,
    pub(crate) token_verifier: PathBuf,
    /// How someone else shows that it is the HPA controller.
    pub(crate) hpa_controller: PairFiles,
    /// Kubeconfigs.
    pub(crate) admin: PathBuf,
    pub(crate) controller_manager: PathBuf,
}

impl Credentials {
    pub(crate) fn write(folder: &Folder, server: &str) -> Self {
        let authority = Authority::named("kubernetes");
        let front_proxy_authority = Authority::named("front-proxy");
        let tokens = key();

        let authority_file = folder.write("authority.crt", &authority.pem());
        let client = |name: &str, group| authority.client(name, group).write(folder, name);
        let kubeconfig = |name: &str, pair: &PairFiles| {
            let identity = Identity::Certificate(pair);
            kubeconfig::write(folder, name, server, &authority_file, &identity)
        };
        let admin = client("admin", Some("system:masters"));
        let controllers = "system:kube-controller-manager";
        Self {
            admin: kubeconfig("admin", &admin),
            controller_manager: kubeconfig(controllers, &client(controllers, None)),
            hpa_controller: client(HPA_CONTROLLER, None),
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
