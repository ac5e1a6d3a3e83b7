//! Users whose request an API server passes on, named in headers.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use provider_api::{Authenticator, Clock, Presented, Rejected, User};

use super::{CurrentConfig, RequestHeader, newest::Newest};

/// Knows the users that an API server names in headers when it passes on their
/// requests, which is how nearly all requests arrive.
///
/// The headers count only beside a client certificate that the front proxy's
/// authority vouches for, and whose common name the cluster allows: anybody can
/// write a header.
pub struct FrontProxy {
    config: CurrentConfig,
    clock: Arc<dyn Clock>,
    /// Those who were named last. Nearly always it is one of them again.
    known: Newest<Arc<User>>,
}

impl FrontProxy {
    /// An authenticator that follows the cluster's configuration.
    pub fn new(config: CurrentConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            config,
            clock,
            known: Newest::default(),
        }
    }
}

#[async_trait]
impl Authenticator for FrontProxy {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
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
        Ok(self.named_in(presented.headers, request_header))
    }
}

impl FrontProxy {
    /// The user that the headers name; nobody without a name.
    fn named_in(&self, headers: &HeaderMap, names: &RequestHeader) -> Option<Arc<User>> {
        let name = first(headers, &names.username_headers)?;
        let uid = first(headers, &names.uid_headers);
        let groups = || all(headers, &names.group_headers);
        let extra = extra(headers, &names.extra_prefixes);

        let is_named = |user: &User| {
            user.name == name
                && user.uid.as_deref() == uid.as_deref()
                && user.groups.iter().map(String::as_str).eq(groups())
                && user.extra == extra
        };
        let known = |user: &Arc<User>| is_named(user).then(|| Arc::clone(user));
        if let Some(user) = self.known.find(known) {
            return Some(user);
        }
        let user = Arc::new(User {
            name: name.into_owned(),
            uid: uid.map(Cow::into_owned),
            groups: groups().map(Cow::into_owned).collect(),
            extra,
        });
        self.known.insert(Arc::clone(&user));
        Some(user)
    }
}

fn all<'a>(
    headers: &'a HeaderMap,
    names: &'a [HeaderName],
) -> impl Iterator<Item = Cow<'a, str>> + 'a {
    names
        .iter()
        .flat_map(|name| headers.get_all(name))
        .map(text)
        .filter(|text| !text.is_empty())
}

/// Only the first value of each header is looked at, as the API server's own code does.
fn first<'a>(headers: &'a HeaderMap, names: &[HeaderName]) -> Option<Cow<'a, str>> {
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
            extra.entry(key).or_default().push(text(value).into_owned());
        }
    }
    extra
}

/// Names need not be ASCII; bytes that are no UTF-8 cannot name anybody twice.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    // Nearly all of them are UTF-8, which alone is found out faster.
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
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
        ) -> Result<Option<Arc<User>>, Rejected> {
            let presentation = Presentation::of(headers, certificates);
            FrontProxy::new(self.config(), Arc::new(|| NOW))
                .authenticate(presentation.presented())
                .await
        }

        fn config(&self) -> CurrentConfig {
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
            config
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
            Ok(Some(Arc::new(bob)))
        );
    }

    #[tokio::test]
    async fn whoever_was_named_before_is_not_taken_for_another() {
        let cluster = cluster();
        let config = cluster.config();
        let front_proxy = FrontProxy::new(config, Arc::new(|| NOW));
        let (user, uid, group) = ("X-Remote-User", "X-Remote-Uid", "X-Remote-Group");
        let named = [
            &[(user, "bob")][..],
            &[(user, "bobby")],
            &[(user, "bob"), (uid, "7")],
            &[(user, "bob"), (group, "dev")],
            &[(user, "bob"), (group, "dev"), (group, "ops")],
            &[(user, "bob"), (group, "ops"), (group, "dev")],
            &[(user, "bob"), ("X-Remote-Extra-Scopes", "dev")],
        ];
        let mut users = Vec::new();
        for round in [0, 1] {
            for headers in named {
                let presentation = Presentation::of(headers, cluster.api_server());
                let known = front_proxy.authenticate(presentation.presented()).await;
                let alone = cluster.asked(headers, cluster.api_server()).await;
                assert_eq!(known, alone, "{headers:?} in round {round}");
                users.push(known.unwrap().unwrap());
            }
        }
        let (first, second) = users.split_at(named.len());
        let pairs = first.iter().zip(second);
        assert!(
            pairs
                .into_iter()
                .all(|(first, second)| Arc::ptr_eq(first, second))
        );
    }

    #[tokio::test]
    async fn a_user_who_is_known_is_nobody_where_the_headers_have_other_names() {
        let cluster = cluster();
        let config = cluster.config();
        let front_proxy = FrontProxy::new(config.clone(), Arc::new(|| NOW));
        let headers = [("X-Remote-User", "bob"), ("X-User", "alice")];
        let presentation = Presentation::of(&headers, cluster.api_server());
        let name = |user: Result<Option<Arc<User>>, Rejected>| user.unwrap().unwrap().name.clone();
        assert_eq!(
            name(front_proxy.authenticate(presentation.presented()).await),
            "bob"
        );

        let mut changed = AuthenticationConfig::clone(&config.load());
        let request_header = changed.request_header.as_mut().unwrap();
        request_header.username_headers = vec![HeaderName::from_static("x-user")];
        config.store(Arc::new(changed));
        assert_eq!(
            name(front_proxy.authenticate(presentation.presented()).await),
            "alice"
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
            Ok(Some(Arc::new(User {
                name: "bob".to_owned(),
                ..User::default()
            })))
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
            Ok(Some(Arc::new(User {
                name: "bob".to_owned(),
                ..User::default()
            })))
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
