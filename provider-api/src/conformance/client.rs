//! Connections to the server. Most cases have one of their own for each request, so
//! that none disturbs another.

mod tls;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header::HOST};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

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
    /// HTTP/1.1 over the older TLS alone.
    Tls12,
    /// HTTP/1.1 over the newer TLS alone.
    Tls13,
}

/// An open connection.
pub(super) struct Connection {
    base: Uri,
    sender: Sender,
    /// The server's certificate, in DER.
    pub(super) certificate: Vec<u8>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Connects to the server at `base`, as the holder of `own`.
    pub(super) async fn open(
        base: &Uri,
        speaks: Speaks,
        own: Option<&Pair>,
    ) -> Result<Self, Unanswered> {
        let stream = in_time(greeted(base, speaks, own)).await?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = certificates.first().map(|own| own.to_vec());
        let io = TokioIo::new(stream);
        let cut = |error: hyper::Error| Unanswered::Cut(error.into());
        let sender = match speaks {
            Speaks::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                    .await
                    .map_err(cut)?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
            Speaks::Http1 | Speaks::Tls12 | Speaks::Tls13 => {
                let (sender, connection) = http1::handshake(io).await.map_err(cut)?;
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
        };
        Ok(Self {
            base: base.clone(),
            sender,
            certificate: certificate.unwrap_or_default(),
        })
    }

    /// The answer to a request whose address is whole.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Unanswered> {
        in_time(self.exchange(request)).await
    }

    async fn exchange(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        let cut = |error: hyper::Error| Unanswered::Cut(error.into());
        let answer = match &mut self.sender {
            Sender::Http2(sender) => sender.send_request(request).await.map_err(cut)?,
            Sender::Http1(sender) => {
                let address = || Unanswered::Address(self.base.to_string());
                let authority = self
                    .base
                    .authority()
                    .map_or("", |authority| authority.as_str());
                let authority = HeaderValue::from_str(authority).map_err(|_| address())?;
                request.headers_mut().entry(HOST).or_insert(authority);
                let target = request.uri().path_and_query().cloned();
                *request.uri_mut() = target.ok_or_else(address)?.into();
                sender.ready().await.map_err(cut)?;
                sender.send_request(request).await.map_err(cut)?
            }
        };
        read(answer).await
    }
}

async fn read(answer: http::Response<Incoming>) -> Result<Answer, Unanswered> {
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

/// A connection after the TLS handshake.
pub(super) async fn greeted(
    base: &Uri,
    speaks: Speaks,
    own: Option<&Pair>,
) -> Result<TlsStream<TcpStream>, Unanswered> {
    let address = || Unanswered::Address(base.to_string());
    let name = host(base).ok_or_else(address)?.to_owned();
    let name = ServerName::try_from(name).map_err(|_| address())?;
    let stream = connected(base).await?;
    TlsConnector::from(Arc::new(tls::config(speaks, own)?))
        .connect(name, stream)
        .await
        .map_err(Unanswered::Connection)
}

/// A connection before it.
pub(super) async fn connected(base: &Uri) -> Result<TcpStream, Unanswered> {
    let host = host(base).ok_or_else(|| Unanswered::Address(base.to_string()))?;
    TcpStream::connect((host, base.port_u16().unwrap_or(443)))
        .await
        .map_err(Unanswered::Connection)
}

fn host(base: &Uri) -> Option<&str> {
    Some(base.host()?.trim_start_matches('[').trim_end_matches(']'))
}

async fn in_time<T>(work: impl Future<Output = Result<T, Unanswered>>) -> Result<T, Unanswered> {
    timeout(LONGEST, work)
        .await
        .unwrap_or(Err(Unanswered::Late))
}
