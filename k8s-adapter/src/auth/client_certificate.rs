//! Users who come with a certificate of their own.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use async_trait::async_trait;
use provider_api::{Authenticator, Clock, Presented, Rejected, User};

use super::CurrentConfig;

/// Knows the users to whom the cluster's client authority gave a certificate:
/// the common name is the user, the organizations are the groups.
pub struct ClientCertificate {
    config: CurrentConfig,
    clock: Arc<dyn Clock>,
}

impl ClientCertificate {
    /// An authenticator that follows the cluster's configuration.
    pub fn new(config: CurrentConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock }
    }
}

#[async_trait]
impl Authenticator for ClientCertificate {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let config = self.config.load();
        let (Some(client_ca), [own, ..]) = (&config.client_ca, presented.certificates) else {
            return Ok(None);
        };
        let subject = client_ca.verify(presented.certificates, self.clock.now())?;
        if subject.common_name.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(User {
            name: subject.common_name.clone(),
            uid: None,
            groups: subject.organizations.clone(),
            extra: BTreeMap::from([(
                "authentication.kubernetes.io/credential-id".to_owned(),
                vec![fingerprint(own)],
            )]),
        })))
    }
}

/// Names the certificate in audit logs.
fn fingerprint(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let mut text = "X509SHA256=".to_owned();
    for byte in digest.as_ref() {
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{
            AuthenticationConfig,
            testing::{Authority, Presentation},
        },
        testing::NOW,
    };

    async fn asked(
        authority: &Authority,
        headers: &[(&str, &str)],
        certificates: Vec<Vec<u8>>,
    ) -> Result<Option<Arc<User>>, Rejected> {
        let config = CurrentConfig::default();
        config.store(Arc::new(AuthenticationConfig {
            client_ca: Some(authority.bundle()),
            request_header: None,
        }));
        let presentation = Presentation::of(headers, certificates);
        ClientCertificate::new(config, Arc::new(|| NOW))
            .authenticate(presentation.presented())
            .await
    }

    #[tokio::test]
    async fn the_certificate_names_user_and_groups_and_headers_are_ignored() {
        let authority = Authority::new("kubernetes");
        let certificates = authority.client("alice", &["ops", "dev"]);
        let credential = vec![fingerprint(&certificates[0])];
        let alice = Arc::new(User {
            name: "alice".to_owned(),
            uid: None,
            groups: vec!["ops".to_owned(), "dev".to_owned()],
            extra: BTreeMap::from([(
                "authentication.kubernetes.io/credential-id".to_owned(),
                credential,
            )]),
        });
        assert_eq!(
            asked(&authority, &[("X-Remote-User", "bob")], certificates).await,
            Ok(Some(alice))
        );
    }

    #[tokio::test]
    async fn a_certificate_of_another_authority_is_rejected() {
        let front_proxy = Authority::new("front-proxy-ca").client("front-proxy-client", &[]);
        assert!(
            asked(&Authority::new("kubernetes"), &[], front_proxy)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_certificate_without_a_name_and_no_certificate_name_nobody() {
        let authority = Authority::new("kubernetes");
        assert_eq!(
            asked(&authority, &[], authority.client("", &["ops"])).await,
            Ok(None)
        );
        assert_eq!(asked(&authority, &[], vec![]).await, Ok(None));
    }

    #[test]
    fn a_fingerprint_is_the_sha_256_of_the_certificate() {
        assert_eq!(
            fingerprint(b"abc"),
            "X509SHA256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
