//! Where we answer, and with which certificate.

use std::path::PathBuf;

use k8s_adapter::{InvalidServiceName, ServiceName};
use serde::{Deserialize, Deserializer, de::Error};

use super::{NAMESPACE, Reader};

/// Where we answer.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) port: u16,
    pub(crate) certificate: Certificate,
}

/// The certificate that the server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// Issued by the agent itself, for these Services.
    Own { services: [ServiceName; 3] },
    /// Read from files that somebody else renews.
    Files(CertificateFiles),
}

/// Where PEM texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

pub(super) fn serving(read: &mut Reader<'_>, namespace: &str) -> Serving {
    const CONFIG: &str = "DD_EXTERNAL_METRICS_PROVIDER_CONFIG";
    let port = read.parsed("DD_EXTERNAL_METRICS_PROVIDER_PORT", "a port", 8443);
    let flags = serde_json::from_str(read.value(CONFIG).unwrap_or("{}")).unwrap_or_else(|why| {
        read.mistake(format!(
            "{CONFIG} is not a JSON object of the settings this agent has: {why}"
        ));
        Flags::default()
    });
    let certificate = match (flags.tls_cert_file, flags.tls_private_key_file) {
        (Some(certificate), Some(key)) => Certificate::Files(CertificateFiles { certificate, key }),
        (None, None) => own(read, namespace),
        _ => {
            read.mistake(format!(
                "{CONFIG}: tls-cert-file and tls-private-key-file go together"
            ));
            own(read, namespace)
        }
    };
    Serving {
        port: flags.secure_port.unwrap_or(port),
        certificate,
    }
}

/// For each of the Services by which manifests reach this pod: ours, and Datadog's.
fn own(read: &mut Reader<'_>, namespace: &str) -> Certificate {
    let services = |namespace: &str| {
        Ok([
            ServiceName::new(namespace, "datadog-custom-metrics-server")?,
            ServiceName::new(namespace, "datadog-cluster-agent-metrics-api")?,
            ServiceName::new(namespace, "datadog-cluster-agent")?,
        ])
    };
    let services = services(namespace).unwrap_or_else(|why: InvalidServiceName| {
        read.mistake(format!("{NAMESPACE}: {why}"));
        services("default").expect("these are names of Services")
    });
    Certificate::Own { services }
}

/// What Datadog's agent hands to the API server as flags.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Flags {
    tls_cert_file: Option<PathBuf>,
    tls_private_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "flag")]
    secure_port: Option<u16>,
}

/// Flags are texts for Datadog's agent; a number is understood as well.
fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a port is wanted")]
    enum Flag {
        Number(u16),
        Text(String),
    }
    match Flag::deserialize(value)? {
        Flag::Number(port) => Ok(Some(port)),
        Flag::Text(text) => text.parse().map(Some).map_err(D::Error::custom),
    }
}
