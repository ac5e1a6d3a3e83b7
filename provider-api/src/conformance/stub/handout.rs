//! What passes from the stub to the suite.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a stub is, and the certificates with which clients come to a server that
/// was started against it. Throw-away, and good for nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handout {
    /// The stub's address.
    pub url: String,
    /// The certificate of the front proxy, as the API server presents it.
    pub front_proxy: Pair,
    /// One of the same authority under a name that is not allowed.
    pub front_proxy_other_name: Pair,
    /// One that is good for servers alone.
    pub front_proxy_for_servers: Pair,
    /// One whose name becomes allowed during the run.
    pub latecomer: Pair,
    /// The certificate of the client `carol` in the organization `team`.
    pub client: Pair,
    /// A front proxy's certificate of an authority that nobody knows.
    pub stranger: Pair,
    /// The front proxy's certificate of the authority that takes over during the run.
    pub next_front_proxy: Pair,
    /// That authority's own certificate.
    pub next_front_proxy_ca: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}
