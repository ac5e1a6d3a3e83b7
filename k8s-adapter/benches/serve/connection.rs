//! A client that costs less than any server, so that the server is what is measured: it
//! says the same bytes again and again, and looks only whether the answer stays the same.

use std::{net::SocketAddr, sync::Arc};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    Outcome,
    http2::Http2,
    scene::{HEADERS, PATH, Scene},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// One connection, kept open.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    speech: Speech,
    /// To be written.
    outgoing: Vec<u8>,
    /// Was read and not yet understood.
    incoming: Vec<u8>,
}

enum Speech {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    pub(crate) async fn open(
        scene: &Scene,
        address: SocketAddr,
        protocol: Protocol,
    ) -> Outcome<Self> {
        let connector = TlsConnector::from(Arc::clone(&scene.client(protocol)?));
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = connector.connect(name, stream).await?;
        let mut outgoing = Vec::new();
        let speech = match protocol {
            Protocol::Http1 => Speech::Http1(Http1::new()),
            Protocol::Http2 => Speech::Http2(Http2::begin(&mut outgoing)),
        };
        Ok(Self {
            stream,
            speech,
            outgoing,
            incoming: Vec::with_capacity(64 * 1024),
        })
    }

    /// Puts a request among what is to be written.
    pub(crate) fn begin(&mut self) {
        match &mut self.speech {
            Speech::Http1(http1) => self.outgoing.extend_from_slice(&http1.request),
            Speech::Http2(http2) => http2.ask(&mut self.outgoing),
        }
    }

    /// Writes what was begun, waits for answers, and tells how many came: at least one.
    pub(crate) async fn answered(&mut self) -> Outcome<usize> {
        loop {
            if !self.outgoing.is_empty() {
                self.stream.write_all(&self.outgoing).await?;
                self.stream.flush().await?;
                self.outgoing.clear();
            }
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err("the server closed the connection".into());
            }
            let answers = match &mut self.speech {
                Speech::Http1(http1) => http1.understand(&mut self.incoming)?,
                Speech::Http2(http2) => http2.understand(&mut self.incoming, &mut self.outgoing)?,
            };
            if answers > 0 {
                return Ok(answers);
            }
        }
    }

    /// The bytes of the last answer; of HTTP/2, its body.
    pub(crate) fn last_answer(&self) -> &[u8] {
        match &self.speech {
            Speech::Http1(http1) => &http1.answer,
            Speech::Http2(http2) => http2.body(),
        }
    }
}

/// One request at a time.
struct Http1 {
    request: Vec<u8>,
    answer: Vec<u8>,
    head: usize,
}

impl Http1 {
    fn new() -> Self {
        let mut request = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in HEADERS {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        Self {
            request: request.into_bytes(),
            answer: Vec::new(),
            head: 0,
        }
    }

    fn understand(&mut self, incoming: &mut Vec<u8>) -> Outcome<usize> {
        if self.answer.is_empty() {
            let Some(length) = length(incoming)? else {
                return Ok(0);
            };
            if incoming.len() < length.head + length.body {
                return Ok(0);
            }
            self.head = length.head;
            self.answer.extend_from_slice(incoming);
        }
        if incoming.len() < self.answer.len() {
            return Ok(0);
        }
        let body = incoming.get(self.head..);
        if !incoming.starts_with(b"HTTP/1.1 200 ") || body != self.answer.get(self.head..) {
            return Err(format!("answered {}", String::from_utf8_lossy(incoming)).into());
        }
        incoming.clear();
        Ok(1)
    }
}

struct Length {
    head: usize,
    body: usize,
}

/// How long an answer is, once its head is there.
fn length(incoming: &[u8]) -> Outcome<Option<Length>> {
    let Some(end) = incoming.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = end + 4;
    let text = String::from_utf8_lossy(&incoming[..head]).to_ascii_lowercase();
    let told = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .ok_or("an answer without its length")?;
    Ok(Some(Length {
        head,
        body: told.trim().parse()?,
    }))
}
