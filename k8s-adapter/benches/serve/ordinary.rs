//! A client as most programs have it: hyper's, which reads every answer whole.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, sync::Mutex};
use tokio_rustls::TlsConnector;

use crate::{
    Outcome,
    connection::Protocol,
    load::{Load, measured},
    process::Process,
    scene::{HEADERS, PATH, Scene},
};

/// Eight connections, or two with eight streams each: one for each that asks.
pub(crate) struct Ordinary(Vec<Arc<Mutex<Sender>>>);

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Ordinary {
    pub(crate) async fn of(scene: &Scene, server: &Process, protocol: Protocol) -> Outcome<Self> {
        let mut senders = Vec::new();
        let (connections, streams) = match protocol {
            Protocol::Http1 => (8, 1),
            Protocol::Http2 => (2, 8),
        };
        for _ in 0..connections {
            let connector = TlsConnector::from(scene.client(protocol)?);
            let stream = TcpStream::connect(server.address()).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost")?;
            let io = TokioIo::new(connector.connect(name, stream).await?);
            match protocol {
                Protocol::Http1 => {
                    let (sender, connection) = http1::handshake(io).await?;
                    tokio::spawn(connection);
                    senders.push(Sender::Http1(sender));
                }
                Protocol::Http2 => {
                    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                    tokio::spawn(connection);
                    senders.extend((0..streams).map(|_| Sender::Http2(sender.clone())));
                }
            }
        }
        let shared = |sender| Arc::new(Mutex::new(sender));
        Ok(Self(senders.into_iter().map(shared).collect()))
    }

    /// Each asks again as soon as it is answered.
    pub(crate) async fn without_a_pause(&self, server: &Process, span: Duration) -> Outcome<Load> {
        let end = Instant::now() + span;
        let asking = self.0.iter().map(|sender| {
            let sender = Arc::clone(sender);
            let asked = tokio::spawn(async move { sender.lock().await.ask_until(end).await });
            async { asked.await? }
        });
        measured(server, try_join_all(asking)).await
    }
}

impl Sender {
    async fn ask_until(&mut self, end: Instant) -> Outcome<Vec<Duration>> {
        let mut latencies = Vec::new();
        let mut answer = Bytes::new();
        loop {
            let since = Instant::now();
            if since > end {
                return Ok(latencies);
            }
            let body = self.ask().await?;
            latencies.push(since.elapsed());
            if latencies.len() == 1 {
                answer = body;
            } else if answer != body {
                return Err(format!("answered {}", String::from_utf8_lossy(&body)).into());
            }
        }
    }

    async fn ask(&mut self) -> Outcome<Bytes> {
        let host = format!("https://localhost{PATH}");
        let request = match self {
            Self::Http1(_) => Request::get(PATH).header("host", "localhost"),
            Self::Http2(_) => Request::get(host),
        };
        let request = HEADERS
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            })
            .body(Empty::new())?;
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => sender.send_request(request).await?,
        };
        if response.status() != StatusCode::OK {
            return Err(format!("answered {}", response.status()).into());
        }
        Ok(response.into_body().collect().await?.to_bytes())
    }
}
