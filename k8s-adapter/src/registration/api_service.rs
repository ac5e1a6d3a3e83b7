//! What an APIService says about who answers for a group, and whether that is us.

use std::fmt;

use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{
    APIService, APIServiceSpec, ServiceReference,
};
use kube_core::ObjectMeta;

use super::ServiceName;

/// What an APIService has to do with this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is none, so nobody is sent here.
    Absent,
    /// The API server asks another Service, or answers by itself.
    OfAnother(Option<String>),
    /// The API server asks this server, whatever certificate it shows.
    Unverified,
    /// The API server asks this server if these authorities issued its certificate.
    Verified(Vec<u8>),
}

impl Standing {
    pub(super) fn of(found: Option<&APIService>, services: &[ServiceName]) -> Self {
        let Some(found) = found else {
            return Self::Absent;
        };
        let spec = found.spec.as_ref();
        let Some(service) = spec.and_then(|spec| spec.service.as_ref()) else {
            return Self::OfAnother(None);
        };
        if !services.iter().any(|ours| ours.is(service)) {
            let word = |part: &Option<String>| part.clone().unwrap_or_default();
            let named = format!("{}/{}", word(&service.namespace), word(&service.name));
            return Self::OfAnother(Some(named));
        }
        match spec {
            Some(spec) if spec.insecure_skip_tls_verify == Some(true) => Self::Unverified,
            spec => {
                let bundle = spec.and_then(|spec| spec.ca_bundle.clone());
                Self::Verified(bundle.unwrap_or_default().0)
            }
        }
    }
}

/// As the log tells it, behind the APIService's name.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => {
                f.write_str("does not exist: no request comes here before it is applied")
            }
            Self::OfAnother(Some(service)) => write!(
                f,
                "is served by the Service {service}: no request comes here, since a cluster has one \
                 server for each version of a group"
            ),
            Self::OfAnother(None) => f.write_str("is served by the API server itself"),
            Self::Unverified => f.write_str(
                "says insecureSkipTLSVerify, so the API server takes any certificate; without it, \
                 this server's own authority would be written there as caBundle",
            ),
            Self::Verified(_) => f.write_str("trusts this server's own certificate authority"),
        }
    }
}

/// The APIService of a version of a group, `external.metrics.k8s.io/v1beta1`, that sends
/// its requests to port 443 of a Service. Of custom metrics, `v1beta2` comes first.
///
/// ```
/// use k8s_adapter::api_service;
///
/// let made = api_service("custom.metrics.k8s.io/v1beta2", &"shop/queue-metrics".parse()?);
/// assert_eq!(made.metadata.name.as_deref(), Some("v1beta2.custom.metrics.k8s.io"));
/// # Ok::<(), k8s_adapter::InvalidServiceName>(())
/// ```
pub fn api_service(group_version: &str, service: &ServiceName) -> APIService {
    let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
    APIService {
        metadata: ObjectMeta {
            name: Some(object_name(group_version)),
            ..ObjectMeta::default()
        },
        spec: Some(APIServiceSpec {
            group: Some(group.to_owned()),
            version: Some(version.to_owned()),
            group_priority_minimum: 100,
            version_priority: if version == "v1beta2" { 200 } else { 100 },
            service: Some(ServiceReference {
                namespace: Some(service.namespace().to_owned()),
                name: Some(service.name().to_owned()),
                port: Some(443),
            }),
            ..APIServiceSpec::default()
        }),
        ..APIService::default()
    }
}

/// An APIService is named by what it is for.
pub(super) fn object_name(group_version: &str) -> String {
    match group_version.split_once('/') {
        Some((group, version)) => format!("{version}.{group}"),
        None => group_version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn ours() -> ServiceName {
        "shop/queue-metrics".parse().unwrap()
    }

    fn standing(change: fn(&mut APIServiceSpec)) -> Standing {
        let mut found = api_service("external.metrics.k8s.io/v1beta1", &ours());
        change(found.spec.as_mut().unwrap());
        Standing::of(Some(&found), &[ours()])
    }

    #[test]
    fn only_what_is_sent_here_and_verified_concerns_our_authority() {
        assert_eq!(Standing::of(None, &[ours()]), Standing::Absent);
        assert_eq!(standing(|_| ()), Standing::Verified(Vec::new()));
        assert_eq!(
            standing(|spec| spec.ca_bundle = Some(ByteString(b"pem".to_vec()))),
            Standing::Verified(b"pem".to_vec())
        );
        assert_eq!(
            standing(|spec| spec.insecure_skip_tls_verify = Some(true)),
            Standing::Unverified
        );
        assert_eq!(
            standing(|spec| spec.service = None),
            Standing::OfAnother(None)
        );
        let other = standing(|spec| {
            spec.service.as_mut().unwrap().name = Some("keda-operator".to_owned());
        });
        assert_eq!(
            other,
            Standing::OfAnother(Some("shop/keda-operator".to_owned()))
        );
        assert_eq!(
            other.to_string(),
            "is served by the Service shop/keda-operator: no request comes here, since a cluster \
             has one server for each version of a group"
        );
    }
}
