//! What the cluster says about the certificates and headers of its API servers.

use std::{collections::BTreeMap, fmt};

use http::HeaderName;

use super::{CaBundle, InvalidCaBundle};

/// The content of the ConfigMap `kube-system/extension-apiserver-authentication`,
/// in which the API servers publish how they can be recognized.
///
/// A part whose keys are missing is off: nobody can come in that way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthenticationConfig {
    /// Who vouches for clients that come with a certificate of their own.
    pub client_ca: Option<CaBundle>,
    /// How an API server is recognized that passes on the request of another.
    pub request_header: Option<RequestHeader>,
}

/// How an API server that passes on a request names the user who sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestHeader {
    /// Who vouches for the API server's certificate.
    pub ca: CaBundle,
    /// The common names that such a certificate may have; empty for any.
    pub allowed_names: Vec<String>,
    /// The headers with the user's name; the first that is not empty counts.
    pub username_headers: Vec<HeaderName>,
    /// The headers with the user's unique id. Older API servers send none.
    pub uid_headers: Vec<HeaderName>,
    /// The headers with the groups; all values of all of them count.
    pub group_headers: Vec<HeaderName>,
    /// What the names of headers with anything else begin with, in lower case.
    pub extra_prefixes: Vec<String>,
}

/// What is wrong with the ConfigMap.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthenticationConfig {
    /// Certificates that cannot be used.
    #[error("key {key} is no bundle of certificates")]
    CaBundle {
        /// The key.
        key: &'static str,
        /// Why.
        #[source]
        source: InvalidCaBundle,
    },
    /// A list that is none.
    #[error("key {key} is no JSON list of texts")]
    List {
        /// The key.
        key: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A text that cannot be the name of a header.
    #[error("key {key}: {name:?} is no header name")]
    Header {
        /// The key.
        key: &'static str,
        /// The text.
        name: String,
    },
}

impl AuthenticationConfig {
    /// The configuration of the ConfigMap's `data`.
    ///
    /// # Errors
    /// When a key is there whose text cannot be used. Whoever has a good
    /// configuration keeps it then.
    pub fn of(data: &BTreeMap<String, String>) -> Result<Self, InvalidAuthenticationConfig> {
        let keys = Keys(data);
        let request_header = match keys.ca("requestheader-client-ca-file")? {
            Some(ca) => Some(RequestHeader {
                ca,
                allowed_names: keys.list("requestheader-allowed-names")?,
                username_headers: keys.headers("requestheader-username-headers")?,
                uid_headers: keys.headers("requestheader-uid-headers")?,
                group_headers: keys.headers("requestheader-group-headers")?,
                extra_prefixes: keys
                    .list("requestheader-extra-headers-prefix")?
                    .into_iter()
                    .map(|prefix| prefix.to_ascii_lowercase())
                    .collect(),
            }),
            None => None,
        };
        Ok(Self {
            client_ca: keys.ca("client-ca-file")?,
            request_header,
        })
    }

    /// Whether nobody can come in by certificate, as long as nothing was read.
    pub fn is_off(&self) -> bool {
        self.client_ca.is_none() && self.request_header.is_none()
    }
}

impl fmt::Display for AuthenticationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |on| if on { "on" } else { "off" };
        let (front_proxy, certificates) = (self.request_header.is_some(), self.client_ca.is_some());
        write!(
            f,
            "front proxy {}, client certificates {}",
            word(front_proxy),
            word(certificates)
        )
    }
}

struct Keys<'a>(&'a BTreeMap<String, String>);

impl Keys<'_> {
    fn text(&self, key: &'static str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|text| !text.trim().is_empty())
    }

    fn ca(&self, key: &'static str) -> Result<Option<CaBundle>, InvalidAuthenticationConfig> {
        let bundle = self.text(key).map(CaBundle::from_pem).transpose();
        bundle.map_err(|source| InvalidAuthenticationConfig::CaBundle { key, source })
    }

    fn list(&self, key: &'static str) -> Result<Vec<String>, InvalidAuthenticationConfig> {
        let list = self.text(key).map_or(Ok(Vec::new()), serde_json::from_str);
        list.map_err(|source| InvalidAuthenticationConfig::List { key, source })
    }

    fn headers(&self, key: &'static str) -> Result<Vec<HeaderName>, InvalidAuthenticationConfig> {
        let header = |name: String| match name.parse() {
            Ok(header) => Ok(header),
            Err(_) => Err(InvalidAuthenticationConfig::Header { key, name }),
        };
        self.list(key)?.into_iter().map(header).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::Authority;

    fn data(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn the_config_map_that_kubeadm_clusters_publish_is_understood() {
        let (clients, proxy) = (
            Authority::new("kubernetes"),
            Authority::new("front-proxy-ca"),
        );
        let config = AuthenticationConfig::of(&data(&[
            ("client-ca-file", &clients.pem),
            ("requestheader-allowed-names", r#"["front-proxy-client"]"#),
            ("requestheader-client-ca-file", &proxy.pem),
            (
                "requestheader-extra-headers-prefix",
                r#"["X-Remote-Extra-"]"#,
            ),
            ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
            ("requestheader-uid-headers", r#"["X-Remote-Uid"]"#),
            ("requestheader-username-headers", r#"["X-Remote-User"]"#),
        ]));
        let expected = AuthenticationConfig {
            client_ca: Some(clients.bundle()),
            request_header: Some(RequestHeader {
                ca: proxy.bundle(),
                allowed_names: vec!["front-proxy-client".to_owned()],
                username_headers: vec![HeaderName::from_static("x-remote-user")],
                uid_headers: vec![HeaderName::from_static("x-remote-uid")],
                group_headers: vec![HeaderName::from_static("x-remote-group")],
                extra_prefixes: vec!["x-remote-extra-".to_owned()],
            }),
        };
        assert_eq!(config.unwrap(), expected);
    }

    #[test]
    fn a_part_whose_certificates_are_missing_is_off() {
        let lists = [
            ("requestheader-username-headers", r#"["X-Remote-User"]"#),
            ("client-ca-file", "\n"),
        ];
        for entries in [&lists[..], &[]] {
            assert_eq!(
                AuthenticationConfig::of(&data(entries)).unwrap(),
                AuthenticationConfig::default()
            );
        }
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named() {
        let ca = Authority::new("front-proxy-ca").pem;
        let wrong = |key, text| {
            let entries = data(&[("requestheader-client-ca-file", &ca), (key, text)]);
            AuthenticationConfig::of(&entries).unwrap_err().to_string()
        };
        assert_eq!(
            wrong("client-ca-file", "none"),
            "key client-ca-file is no bundle of certificates"
        );
        assert_eq!(
            wrong("requestheader-allowed-names", "front-proxy-client"),
            "key requestheader-allowed-names is no JSON list of texts"
        );
        assert_eq!(
            wrong("requestheader-username-headers", r#"["X Remote"]"#),
            format!("key requestheader-username-headers: \"X Remote\" is no header name")
        );
    }
}
