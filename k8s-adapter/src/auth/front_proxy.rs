//! Users whose request an API server passes on, named in headers.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use provider_api::{Authenticator, Clock, Presented, Rejected, User};

use super::{CurrentConfig, RequestHeader};

/// Knows the users that an API server names in headers when it passes on their
/// requests, which is how nearly all requests arrive.
///
/// The headers count only beside a client certificate that the front proxy's
/// authority vouches for, and whose common name the cluster allows: anybody can
/// write a header.
pub struct FrontProxy {
    config: CurrentConfig,
    clock: Arc<dyn Clock>,
}

impl FrontProxy {
    /// An authenticator that follows the cluster's configuration.
    pub fn new(config: CurrentConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock }
    }
}

#[async_trait]
impl Authenticator for FrontProxy {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<User>, Rejected> {
        let config = self.config.load();
        let Some(request_header) = &config.request_header else {
            return Ok(None);
        };
        if presented.certificates.is_empty() {
            return Ok(None);
        }
        let subject = request_header
            .ca
            .verify(presented.certificates, self.clock.now())?;
        let name = &subject.common_name;
        if !request_header.allowed_names.is_empty() && !request_header.allowed_names.contains(name)
        {
            return Err(Rejected(format!(
                "front proxy: certificates of {name:?} are not among the allowed names"
            )));
        }
        Ok(named_in(presented.headers, request_header))
    }
}

/// The user that the headers name; nobody without a name.
fn named_in(headers: &HeaderMap, names: &RequestHeader) -> Option<User> {
    Some(User {
        name: first(headers, &names.username_headers)?,
        uid: first(headers, &names.uid_headers),
        groups: all(headers, &names.group_headers).collect(),
        extra: extra(headers, &names.extra_prefixes),
    })
}

fn all<'a>(headers: &'a HeaderMap, names: &'a [HeaderName]) -> impl Iterator<Item = String> + 'a {
    names
        .iter()
        .flat_map(|name| headers.get_all(name))
        .map(text)
        .filter(|text| !text.is_empty())
}

/// Only the first value of each header is looked at, as the API server's own code does.
fn first(headers: &HeaderMap, names: &[HeaderName]) -> Option<String> {
    names
        .iter()
        .filter_map(|name| headers.get(name))
        .map(text)
        .find(|text| !text.is_empty())
}

/// A key may hold bytes that a header's name cannot: they are percent-encoded there.
fn extra(headers: &HeaderMap, prefixes: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut extra = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers {
        for key in prefixes
            .iter()
            .filter_map(|prefix| name.as_str().strip_prefix(prefix.as_str()))
        {
            let key = percent_decode_str(key)
                .decode_utf8()
                .map_or_else(|_| key.to_owned(), Into::into);
            extra.entry(key).or_default().push(text(value));
        }
    }
    extra
}

/// Names need not be ASCII; bytes that are no UTF-8 cannot name anybody twice.
fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
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

    struct Cluster {
        proxy: Authority,
        allowed_names: Vec<String>,
        uid_headers: Vec<HeaderName>,
    }

    fn cluster() -> Cluster {
        Cluster {
            proxy: Authority::new("front-proxy-ca"),
            allowed_names: vec!["front-proxy-client".to_owned()],
            uid_headers: vec![HeaderName::from_static("x-remote-uid")],
        }
    }

    impl Cluster {
        async fn asked(
            &self,
            headers: &[(&str, &str)],
            certificates: Vec<Vec<u8>>,
        ) -> Result<Option<User>, Rejected> {
            let config = CurrentConfig::default();
            config.store(Arc::new(AuthenticationConfig {
                client_ca: None,
                request_header: Some(RequestHeader {
                    ca: self.proxy.bundle(),
                    allowed_names: self.allowed_names.clone(),
                    username_headers: vec![HeaderName::from_static("x-remote-user")],
                    uid_headers: self.uid_headers.clone(),
                    group_headers: vec![HeaderName::from_static("x-remote-group")],
                    extra_prefixes: vec!["x-remote-extra-".to_owned()],
                }),
            }));
            let presentation = Presentation::of(headers, certificates);
            FrontProxy::new(config, Arc::new(|| NOW))
                .authenticate(presentation.presented())
                .await
        }

        fn api_server(&self) -> Vec<Vec<u8>> {
            self.proxy.client("front-proxy-client", &[])
        }
    }

    #[tokio::test]
    async fn an_api_server_names_user_uid_groups_and_extras() {
        let cluster = cluster();
        let headers = [
            ("X-Remote-User", "bob"),
            ("X-Remote-Uid", "7"),
            ("X-Remote-Group", "dev"),
            ("X-Remote-Group", "system:authenticated"),
            ("X-Remote-Group", ""),
            ("X-Remote-Extra-Scopes%2fA", "one"),
            ("X-Remote-Extra-Scopes%2FA", "two"),
            ("X-Remote-Extra-Odd%ff", "kept as it came"),
            ("X-Other", "nothing"),
        ];
        let bob = User {
            name: "bob".to_owned(),
            uid: Some("7".to_owned()),
            groups: vec!["dev".to_owned(), "system:authenticated".to_owned()],
            extra: BTreeMap::from([
                (
                    "scopes/a".to_owned(),
                    vec!["one".to_owned(), "two".to_owned()],
                ),
                ("odd%ff".to_owned(), vec!["kept as it came".to_owned()]),
            ]),
        };
        assert_eq!(
            cluster.asked(&headers, cluster.api_server()).await,
            Ok(Some(bob))
        );
    }

    #[tokio::test]
    async fn headers_without_a_certificate_name_nobody() {
        assert_eq!(
            cluster().asked(&[("X-Remote-User", "bob")], vec![]).await,
            Ok(None)
        );
    }

    #[tokio::test]
    async fn an_api_server_that_names_no_user_is_left_to_the_next_authenticator() {
        let cluster = cluster();
        for headers in [
            &[][..],
            &[("X-Remote-Group", "dev")],
            &[("X-Remote-User", "")],
        ] {
            assert_eq!(cluster.asked(headers, cluster.api_server()).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn only_certificates_of_the_front_proxy_authority_with_an_allowed_name_for_clients_count()
    {
        let cluster = cluster();
        for certificates in [
            cluster.proxy.client("somebody", &[]),
            cluster.proxy.server("front-proxy-client"),
            Authority::new("front-proxy-ca").client("front-proxy-client", &[]),
        ] {
            assert!(
                cluster
                    .asked(&[("X-Remote-User", "bob")], certificates)
                    .await
                    .is_err()
            );
        }
    }

    #[tokio::test]
    async fn an_empty_list_of_allowed_names_allows_any() {
        let cluster = Cluster {
            allowed_names: vec![],
            ..cluster()
        };
        let user = cluster
            .asked(
                &[("X-Remote-User", "bob")],
                cluster.proxy.client("somebody", &[]),
            )
            .await;
        assert_eq!(
            user,
            Ok(Some(User {
                name: "bob".to_owned(),
                ..User::default()
            }))
        );
    }

    #[tokio::test]
    async fn a_uid_counts_only_where_the_cluster_names_its_header() {
        let cluster = Cluster {
            uid_headers: vec![],
            ..cluster()
        };
        let user = cluster
            .asked(
                &[("X-Remote-User", "bob"), ("X-Remote-Uid", "7")],
                cluster.api_server(),
            )
            .await;
        assert_eq!(
            user,
            Ok(Some(User {
                name: "bob".to_owned(),
                ..User::default()
            }))
        );
    }

    #[tokio::test]
    async fn nobody_comes_in_by_headers_while_the_cluster_has_published_nothing() {
        let presentation = Presentation::of(&[("X-Remote-User", "bob")], cluster().api_server());
        let front_proxy = FrontProxy::new(CurrentConfig::default(), Arc::new(|| NOW));
        assert_eq!(
            front_proxy.authenticate(presentation.presented()).await,
            Ok(None)
        );
    }
}
