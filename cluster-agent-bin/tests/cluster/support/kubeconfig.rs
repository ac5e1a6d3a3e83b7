//! The file by which a client finds an API server and says who it is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Folder, certificates::PairFiles};

/// How a client shows who it is.
pub(crate) enum Identity<'a> {
    Certificate(&'a PairFiles),
    Token(&'a str),
}

/// Writes the kubeconfig `<name>.kubeconfig` for one server and one user.
pub(crate) fn write(
    folder: &Folder,
    name: &str,
    server: &str,
    authority: &Path,
    identity: &Identity<'_>,
) -> PathBuf {
    let user: Value = match identity {
        Identity::Certificate(files) => json!({
            "client-certificate": files.certificate,
            "client-key": files.key,
        }),
        Identity::Token(token) => json!({ "token": token }),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": { "server": server, "certificate-authority": authority },
        }],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": name } }],
        "current-context": "test",
    });
    // JSON is YAML, and quotes whatever needs it.
    folder.write(&format!("{name}.kubeconfig"), &config.to_string())
}
