//! Where Datadog is.

use std::fmt;

use http::Uri;

/// The address that calls go to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    base: String,
    host: String,
}

/// A text is no address to send calls to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Not the name of a site.
    #[error("{0:?} is no Datadog site: a site is a bare domain such as datadoghq.eu")]
    Site(String),
    /// Not an address.
    #[error("{0:?} is no address such as https://api.datadoghq.eu")]
    Address(String),
    /// An address with a name and a password in it, which would be shown
    /// wherever the address is.
    #[error("the address of {host} holds a user name: keys travel in headers only")]
    UserInfo {
        /// The host of the address.
        host: String,
    },
}

impl Endpoint {
    /// The public API of a [site](https://docs.datadoghq.com/getting_started/site/):
    /// `datadoghq.eu` is asked at `https://api.datadoghq.eu`.
    ///
    /// New sites appear, so the name is not compared with a list.
    ///
    /// # Errors
    ///
    /// Refuses what is not a bare domain, and one that starts with `api.`.
    pub fn of_site(site: &str) -> Result<Self, InvalidEndpoint> {
        let site = site.trim();
        let domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if !site.contains('.') || !site.chars().all(domain) || site.starts_with("api.") {
            return Err(InvalidEndpoint::Site(site.to_owned()));
        }
        Self::at(&format!("https://api.{site}")).map_err(|_| InvalidEndpoint::Site(site.to_owned()))
    }

    /// Any other address, with or without a path: a proxy, or a stand-in.
    ///
    /// # Errors
    ///
    /// Refuses what is not `http` or `https` with a host, and an address with
    /// a query or a user name.
    pub fn at(url: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint::Address(without_secrets(url));
        let uri: Uri = url.trim().parse().map_err(|_| invalid())?;
        let scheme = uri.scheme_str().filter(|s| matches!(*s, "http" | "https"));
        let (Some(scheme), Some(authority), None) = (scheme, uri.authority(), uri.query()) else {
            return Err(invalid());
        };
        if authority.as_str().contains('@') {
            return Err(InvalidEndpoint::UserInfo {
                host: authority.host().to_owned(),
            });
        }
        if authority.host().is_empty() {
            return Err(invalid());
        }
        Ok(Self {
            base: format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/')),
            host: authority.to_string(),
        })
    }

    /// The host, and the port where one is told.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// The address without a slash at its end.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// What may be shown of an address that could not be read: a user name, a password or a key in
/// its query may not.
fn without_secrets(url: &str) -> String {
    let (start, rest) = url
        .rsplit_once('@')
        .map_or(("", url), |(_, rest)| ("…@", rest));
    match rest.split_once('?') {
        Some((path, _)) => format!("{start}{path}?…"),
        None => format!("{start}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_asked_at_its_api_host() {
        let endpoint = Endpoint::of_site("us3.datadoghq.com").unwrap();
        assert_eq!(endpoint.to_string(), "https://api.us3.datadoghq.com");
        assert_eq!(endpoint.host(), "api.us3.datadoghq.com");
    }

    #[test]
    fn an_address_or_an_api_host_is_no_site() {
        for site in [
            "",
            "eu",
            "https://datadoghq.eu",
            "api.datadoghq.eu",
            "datadoghq.eu/api",
            "a b.c",
        ] {
            assert_eq!(
                Endpoint::of_site(site),
                Err(InvalidEndpoint::Site(site.into()))
            );
        }
    }

    #[test]
    fn an_address_keeps_its_port_and_path() {
        for (url, printed, host) in [
            (
                "http://127.0.0.1:8126",
                "http://127.0.0.1:8126",
                "127.0.0.1:8126",
            ),
            (
                "https://proxy.example/datadog/",
                "https://proxy.example/datadog",
                "proxy.example",
            ),
            (
                " https://api.datadoghq.eu/ ",
                "https://api.datadoghq.eu",
                "api.datadoghq.eu",
            ),
        ] {
            let endpoint = Endpoint::at(url).unwrap();
            assert_eq!(
                (endpoint.to_string().as_str(), endpoint.host()),
                (printed, host)
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["", "api.datadoghq.eu", "ftp://a.b", "https://", "/api"] {
            assert_eq!(Endpoint::at(url), Err(InvalidEndpoint::Address(url.into())));
        }
    }

    #[test]
    fn a_password_or_a_key_in_an_address_is_refused_and_not_shown() {
        for url in [
            "https://me:secret@a.b",
            "ftp://me:secret@a.b",
            "https://me:secret@a b",
            "https://me:a?secret@a b",
            "https://a.b/?api_key=secret",
            "https://me@a.b/?api_key=secret",
            "https://a.b/?api_key=secret@a.b",
        ] {
            let refused = Endpoint::at(url).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
