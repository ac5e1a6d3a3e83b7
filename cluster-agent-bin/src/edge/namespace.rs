//! Where in the cluster this process runs.

use std::fs;

/// Where Kubernetes tells a pod its namespace, with the token of its ServiceAccount.
const FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The namespace of this pod; nothing outside a cluster, or where no token is mounted.
pub(crate) fn own_namespace() -> Option<String> {
    let namespace = fs::read_to_string(FILE).ok()?;
    let namespace = namespace.trim();
    (!namespace.is_empty()).then(|| namespace.to_owned())
}
