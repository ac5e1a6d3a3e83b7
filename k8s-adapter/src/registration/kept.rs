//! The Secret in which a server's own certificate and its authority are kept.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube_core::ObjectMeta;
use provider_api::OwnCertificate;

/// What the Secret holds; what is missing, or no text, is empty.
pub(super) fn read(secret: &Secret) -> OwnCertificate {
    let text = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.0.clone()).ok()
    };
    let [ca_bundle, ca_key, certificate, key] = KEYS.map(|key| text(key).unwrap_or_default());
    OwnCertificate {
        ca_bundle,
        ca_key,
        certificate,
        key,
    }
}

/// The same Secret with this in it, and whatever else somebody has put there.
pub(super) fn written(mut secret: Secret, kept: OwnCertificate) -> Secret {
    let values = [kept.ca_bundle, kept.ca_key, kept.certificate, kept.key];
    let data = secret.data.get_or_insert_with(BTreeMap::new);
    for (key, value) in KEYS.into_iter().zip(values) {
        data.insert(key.to_owned(), ByteString(value.into_bytes()));
    }
    secret
}

/// A Secret that holds nothing yet.
pub(super) fn empty(name: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..Secret::default()
    }
}

/// The names that cert-manager and Kubernetes' own TLS Secrets use; `ca.key` is ours.
const KEYS: [&str; 4] = ["ca.crt", "ca.key", "tls.crt", "tls.key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_lost() {
        let kept = OwnCertificate {
            ca_bundle: "authorities".to_owned(),
            ca_key: "their key".to_owned(),
            certificate: "certificate".to_owned(),
            key: "its key".to_owned(),
        };
        let mut secret = empty("queue-metrics-certificate");
        assert_eq!(read(&secret), OwnCertificate::default());
        let note = ByteString(b"by hand".to_vec());
        secret.data = Some(BTreeMap::from([("note".to_owned(), note.clone())]));
        let secret = written(secret, kept.clone());
        assert_eq!(read(&secret), kept);
        assert_eq!(secret.data.unwrap()["note"], note);
    }
}
