//! How the leaf connects.

use std::{fmt, sync::Arc, time::Duration};

use rustls::crypto::{CryptoProvider, ring};
use ureq::{
    Agent, Proxy, ProxyProtocol,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
    unversioned::resolver::DefaultResolver,
};

use super::connector::connector;

/// How a [`Leaf`](crate::Leaf) connects. The default is a direct connection,
/// 10 seconds for a whole call, and answers of at most 16 MiB.
#[derive(Clone)]
pub struct LeafSettings {
    /// The time for a whole call, from the name of the host to the last byte.
    /// A server that sends byte after byte does not stretch it.
    pub timeout: Duration,
    /// The most bytes of an answer, unpacked.
    pub most_bytes: u64,
    /// The address of a proxy, with a name and password if it wants them.
    pub proxy: Option<String>,
    /// Hosts that are asked without the proxy: `example.com` is that host
    /// alone, `.example.com` all below it, `*` every host.
    pub no_proxy: Vec<String>,
    /// Certificates in PEM of authorities that are trusted besides those of
    /// the system, such as that of a proxy that opens connections.
    pub authorities: Option<Vec<u8>>,
}

/// Settings that no call can be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLeaf {
    /// Not the address of a proxy. It is not shown, since it may hold a
    /// password.
    #[error("the proxy's address is not of the form http://user:password@host:port")]
    Proxy,
    /// No certificate in what should be some.
    #[error("the file of further authorities holds no certificate in PEM")]
    Authorities,
}

impl Default for LeafSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            most_bytes: 16 << 20,
            proxy: None,
            no_proxy: Vec::new(),
            authorities: None,
        }
    }
}

/// Without the proxy, whose address may hold a password.
impl fmt::Debug for LeafSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafSettings")
            .field("timeout", &self.timeout)
            .field("most_bytes", &self.most_bytes)
            .field("no_proxy", &self.no_proxy)
            .finish_non_exhaustive()
    }
}

/// How long a connection that rests is kept: the refresh of a minute finds it open, and most
/// servers have not closed it by then, which would cost a call.
const REST: Duration = Duration::from_secs(50);

/// How many connections are kept for the next calls. No more are open than calls were running
/// at once.
const KEPT: usize = 100;

impl LeafSettings {
    /// All that is wrong with these settings.
    #[must_use]
    pub fn mistakes(&self) -> Vec<InvalidLeaf> {
        let mistakes = [self.proxy().err(), self.further_roots().err()];
        mistakes.into_iter().flatten().collect()
    }

    pub(super) fn agent(&self) -> Result<Agent, InvalidLeaf> {
        let tls = TlsConfig::builder()
            .root_certs(self.roots()?)
            // What the program has installed, and else the one that is
            // compiled in: a handshake without any would be a panic.
            .unversioned_rustls_crypto_provider(
                CryptoProvider::get_default()
                    .cloned()
                    .unwrap_or_else(|| Arc::new(ring::default_provider())),
            )
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            // Said even when there is none: ureq would look into the
            // environment.
            .proxy(self.proxy()?)
            .timeout_global(Some(self.timeout))
            .max_idle_age(REST)
            .max_idle_connections(KEPT)
            .max_idle_connections_per_host(KEPT)
            .http_status_as_error(false)
            // A redirect would carry the keys to another host.
            .max_redirects(0)
            .build();
        Ok(Agent::with_parts(
            config,
            connector(),
            DefaultResolver::default(),
        ))
    }

    fn roots(&self) -> Result<RootCerts, InvalidLeaf> {
        let Some(further) = self.further_roots()? else {
            return Ok(RootCerts::PlatformVerifier);
        };
        let system = rustls_native_certs::load_native_certs().certs;
        let system = system
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned());
        Ok(system.chain(further).into())
    }

    fn further_roots(&self) -> Result<Option<Vec<Certificate<'static>>>, InvalidLeaf> {
        let Some(pem) = &self.authorities else {
            return Ok(None);
        };
        let further = parse_pem(pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                Ok(_) => None,
                Err(_) => Some(Err(InvalidLeaf::Authorities)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if further.is_empty() {
            return Err(InvalidLeaf::Authorities);
        }
        Ok(Some(further))
    }

    fn proxy(&self) -> Result<Option<Proxy>, InvalidLeaf> {
        let Some(address) = &self.proxy else {
            return Ok(None);
        };
        let parsed = Proxy::new(address).map_err(|_| InvalidLeaf::Proxy)?;
        // SOCKS is parsed but not compiled in: each call would panic.
        if !matches!(
            parsed.protocol(),
            ProxyProtocol::Http | ProxyProtocol::Https
        ) {
            return Err(InvalidLeaf::Proxy);
        }
        // Exceptions can only be told to the builder, so it is told all.
        let mut proxy = Proxy::builder(parsed.protocol())
            .host(parsed.host())
            .port(parsed.port());
        if let Some(name) = parsed.username() {
            proxy = proxy.username(name);
        }
        if let Some(password) = parsed.password() {
            proxy = proxy.password(password);
        }
        for host in &self.no_proxy {
            proxy = proxy.no_proxy(host);
        }
        proxy.build().map(Some).map_err(|_| InvalidLeaf::Proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_call_can_be_made_with_are_refused() {
        let proxy = |address: &str| LeafSettings {
            proxy: Some(address.to_owned()),
            ..LeafSettings::default()
        };
        for address in [
            "",
            "/",
            "gopher://proxy:70",
            "http://me:%ff@proxy",
            "socks4://proxy:1080",
            "socks4a://proxy:1080",
            "socks5://proxy:1080",
        ] {
            assert_eq!(
                proxy(address).agent().map(drop),
                Err(InvalidLeaf::Proxy),
                "{address}"
            );
        }
        for pem in [
            "",
            "no PEM",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            let authorities = Some(pem.as_bytes().to_vec());
            let settings = LeafSettings {
                authorities,
                ..LeafSettings::default()
            };
            assert_eq!(
                settings.agent().map(drop),
                Err(InvalidLeaf::Authorities),
                "{pem}"
            );
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_not_printed() {
        let proxy = Some("http://me:secret@proxy:3128".to_owned());
        let printed = format!(
            "{:?}",
            LeafSettings {
                proxy,
                ..LeafSettings::default()
            }
        );
        assert!(!printed.contains("secret"), "{printed}");
    }

    #[test]
    fn name_and_password_reach_the_proxy_as_they_were_written() {
        let proxy = Some("http://me%40work:a%2Fb@proxy:3128".to_owned());
        let proxy = LeafSettings {
            proxy,
            ..LeafSettings::default()
        }
        .proxy()
        .unwrap()
        .unwrap();
        assert_eq!(
            (proxy.username(), proxy.password()),
            (Some("me@work"), Some("a/b"))
        );
        assert_eq!((proxy.host(), proxy.port()), ("proxy", 3128));
    }
}
