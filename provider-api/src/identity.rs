//! Who asks: a user, and the traits that find out.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use http::HeaderMap;

/// The group of everybody who has proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group that may do everything; nobody is asked about its members.
pub const MASTERS: &str = "system:masters";

/// A Kubernetes user, as an authenticator found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// The user name: `system:serviceaccount:kube-system:horizontal-pod-autoscaler`.
    pub name: String,
    /// A unique id, where the authenticator knows one.
    pub uid: Option<String>,
    /// The groups, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// Whatever else the authenticator tells; keys are lower case.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The user of a request that presents nothing.
    pub fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// Whether the user belongs to `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}

/// The certificates that a client sent in the TLS handshake, its own first, in
/// DER. The handshake has proved that the client holds the key; whether anybody
/// trusts the certificate is for an [`Authenticator`] to decide.
///
/// The server puts them into the request's extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCertificates(pub Arc<[Vec<u8>]>);

/// What a request presents to say who sends it.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The client's certificates; empty where it sent none.
    pub certificates: &'a [Vec<u8>],
}

/// One way to find out who sends a request.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The user, or `None` when the request presents nothing of the kind that
    /// this authenticator reads. It is shared: whoever knows it already lends it out.
    ///
    /// # Errors
    /// When something was presented and is not good: the request is answered
    /// with 401 unless another authenticator knows its sender.
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected>;
}

/// Why what a request presented was not accepted. It goes to the log; the
/// client reads `Unauthorized`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejected(pub String);
