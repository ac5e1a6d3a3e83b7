//! One request on a connection of its own, so that no case disturbs another.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header::HOST};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    SupportedProtocolVersion,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{Pair, answer::Answer};

/// Longer than a server may try to reach its cluster before it gives up.
const LONGEST: Duration = Duration::from_secs(30);
/// No document of this API is nearly as long.
const LARGEST: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The address of the server cannot be used.
    #[error("{0} is no address of a server: https://host:port is one")]
    Address(String),
    /// The request cannot be made: a path with a space, or a header with a line break.
    #[error("the request cannot be written")]
    Request(#[source] http::Error),
    /// The connection could not be made, or the TLS handshake failed.
    #[error("no connection")]
    Connection(#[source] io::Error),
    /// A certificate or key of this run cannot be used.
    #[error("the client's certificate cannot be used")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection ended before the answer was complete.
    #[error("the server closed the connection or reset the stream")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing came.
    #[error("nothing within {} s", LONGEST.as_secs())]
    Late,
}

/// What the client offers in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Http1,
    Http2,
    /// HTTP/1.1 over the older TLS.
    Tls12,
}

/// Sends a request to the server at `base`, as the holder of `own`.
pub(super) async fn ask(
    base: &Uri,
    speaks: Speaks,
    own: Option<&Pair>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Unanswered> {
    timeout(LONGEST, exchange(base, speaks, own, request))
        .await
        .unwrap_or(Err(Unanswered::Late))
}

/// A request with these headers, its address made of `base` and `path`.
pub(super) fn request(
    base: &Uri,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Unanswered> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", base.to_string().trim_end_matches('/')))
        .body(Full::new(body))
        .map_err(Unanswered::Request)?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn exchange(
    base: &Uri,
    speaks: Speaks,
    own: Option<&Pair>,
    mut request: Request<Full<Bytes>>,
) -> Result<Answer, Unanswered> {
    let address = || Unanswered::Address(base.to_string());
    let host = base.host().ok_or_else(address)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| address())?;
    let port = base.port_u16().unwrap_or(443);
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(Unanswered::Connection)?;
    let stream = TlsConnector::from(Arc::new(config(speaks, own)?))
        .connect(name, stream)
        .await
        .map_err(Unanswered::Connection)?;
    let io = TokioIo::new(stream);
    let cut = |error: hyper::Error| Unanswered::Cut(error.into());
    let answer = match speaks {
        Speaks::Http2 => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(cut)?;
            tokio::spawn(connection);
            sender.send_request(request).await.map_err(cut)?
        }
        Speaks::Http1 | Speaks::Tls12 => {
            let authority = base.authority().map_or("", |authority| authority.as_str());
            let authority = HeaderValue::from_str(authority).map_err(|_| address())?;
            request.headers_mut().entry(HOST).or_insert(authority);
            let target = request.uri().path_and_query().cloned();
            *request.uri_mut() = target.ok_or_else(address)?.into();
            let (mut sender, connection) = http1::handshake(io).await.map_err(cut)?;
            tokio::spawn(connection);
            sender.send_request(request).await.map_err(cut)?
        }
    };
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, LARGEST)
        .collect()
        .await
        .map_err(Unanswered::Cut)?;
    Ok(Answer {
        code: parts.status,
        version: parts.version,
        headers: parts.headers,
        body: body.to_bytes(),
    })
}

fn config(speaks: Speaks, own: Option<&Pair>) -> Result<ClientConfig, Unanswered> {
    let versions: &[&SupportedProtocolVersion] = match speaks {
        Speaks::Tls12 => &[&rustls::version::TLS12],
        Speaks::Http1 | Speaks::Http2 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("ring has cipher suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(algorithms)));
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some(pair) => {
            let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes())
                .map_err(|error| Unanswered::Certificate(error.into()))?;
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())
                .map_err(|error| Unanswered::Certificate(error.into()))?;
            config
                .with_client_auth_cert(vec![certificate], key)
                .map_err(|error| Unanswered::Certificate(error.into()))?
        }
    };
    config.alpn_protocols = vec![match speaks {
        Speaks::Http2 => b"h2".to_vec(),
        Speaks::Http1 | Speaks::Tls12 => b"http/1.1".to_vec(),
    }];
    Ok(config)
}

/// Accepts any certificate of the server: what is asked is no secret, and who the
/// server is was said by whoever gave its address.
#[derive(Debug)]
struct AnyServer(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
