//! A client that speaks the protocol it is told to.

use std::{error::Error, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    client::ResolvesClientCert,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::ServingCertificate;

pub(in crate::server) type Failed = Box<dyn Error + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub(in crate::server) enum Protocol {
    Http1,
    Http2,
    /// HTTP/2 over the older TLS, where a client proves its key in another way.
    Http2OverTls12,
}

/// A certificate and the key that the client signs with, which may be another's.
pub(in crate::server) type Own<'a> = (&'a rcgen::Certificate, &'a rcgen::KeyPair);

pub(in crate::server) enum Client {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    pub(in crate::server) async fn connect(
        address: SocketAddr,
        server: &ServingCertificate,
        protocol: Protocol,
        own: Option<Own<'_>>,
    ) -> Result<Self, Failed> {
        let io = TokioIo::new(handshake(address, server, protocol, own).await?);
        Ok(match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Self::Http1(sender)
            }
            Protocol::Http2 | Protocol::Http2OverTls12 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Self::Http2(sender)
            }
        })
    }

    pub(in crate::server) async fn get_with(
        &mut self,
        path: &str,
        header: &'static str,
        value: &str,
    ) -> Result<Response<Incoming>, Failed> {
        let request = Request::get(format!("https://metrics.default.svc{path}"))
            .header("host", "metrics.default.svc")
            .header(header, value)
            .body(Empty::new())?;
        Ok(match self {
            Self::Http1(sender) => sender.send_request(request).await?,
            Self::Http2(sender) => sender.send_request(request).await?,
        })
    }

    pub(in crate::server) async fn get(&mut self, path: &str) -> Result<(Version, String), Failed> {
        let answer = self.get_with(path, "accept", "*/*").await?;
        let version = answer.version();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((version, String::from_utf8(body.to_vec())?))
    }

    /// The text of an answer that there must be.
    pub(in crate::server) async fn text(&mut self, path: &str) -> String {
        self.get(path).await.unwrap().1
    }
}

/// A TLS connection that trusts the server's certificate and names the service.
pub(in crate::server) async fn handshake(
    address: SocketAddr,
    server: &ServingCertificate,
    protocol: Protocol,
    own: Option<Own<'_>>,
) -> Result<TlsStream<TcpStream>, Failed> {
    let version = match protocol {
        Protocol::Http2OverTls12 => &TLS12,
        Protocol::Http1 | Protocol::Http2 => &TLS13,
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(
        server.ca_bundle().unwrap().as_bytes(),
    )?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots);
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some(own) => config.with_client_cert_resolver(identity(own)?),
    };
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 | Protocol::Http2OverTls12 => vec![b"h2".to_vec()],
    };
    let stream = TcpStream::connect(address).await?;
    Ok(TlsConnector::from(Arc::new(config))
        .connect("metrics.default.svc".try_into()?, stream)
        .await?)
}

fn identity((certificate, key): Own<'_>) -> Result<Arc<dyn ResolvesClientCert>, Failed> {
    let key = ring::default_provider()
        .key_provider
        .load_private_key(PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(
        vec![certificate.der().clone()],
        key,
    ))))
}
