//! The Service behind which the cluster finds a server.

use std::{fmt, str::FromStr};

use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::ServiceReference;
/// A Service and its namespace, written `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    namespace: String,
    name: String,
}

/// Why a text does not name a Service.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` does not name a Service: namespace/name is wanted, each of small letters, digits and hyphens"
)]
pub struct InvalidServiceName(String);

impl ServiceName {
    /// The Service `name` of a namespace.
    ///
    /// # Errors
    /// When either is not what Kubernetes allows.
    pub fn new(namespace: &str, name: &str) -> Result<Self, InvalidServiceName> {
        if is_label(namespace) && is_label(name) {
            Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        } else {
            Err(InvalidServiceName(format!("{namespace}/{name}")))
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name that the API server asks for in the TLS handshake, and so the one that
    /// the certificate has to be for.
    pub fn dns_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }

    pub(super) fn is(&self, reference: &ServiceReference) -> bool {
        reference.namespace.as_deref() == Some(self.namespace())
            && reference.name.as_deref() == Some(self.name())
    }
}

impl FromStr for ServiceName {
    type Err = InvalidServiceName;

    fn from_str(text: &str) -> Result<Self, InvalidServiceName> {
        match text.split_once('/') {
            Some((namespace, name)) => Self::new(namespace, name),
            None => Err(InvalidServiceName(text.to_owned())),
        }
    }
}

/// Whether this is a DNS label, as the names of namespaces and of Services are.
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte == b'-' || byte.is_ascii_digit() || byte.is_ascii_lowercase();
    (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_written_with_its_namespace_and_asked_for_the_other_way_round() {
        let service: ServiceName = "shop/queue-metrics".parse().unwrap();
        assert_eq!(service.to_string(), "shop/queue-metrics");
        assert_eq!(service.dns_name(), "queue-metrics.shop.svc");
        for text in [
            "queue-metrics",
            "shop/",
            "/queue",
            "shop/queue/metrics",
            "a b/c",
            "Shop/queue",
        ] {
            let told = text.parse::<ServiceName>().unwrap_err().to_string();
            assert_eq!(
                told,
                format!(
                    "`{text}` does not name a Service: namespace/name is wanted, each of small \
                     letters, digits and hyphens"
                )
            );
        }
    }
}
