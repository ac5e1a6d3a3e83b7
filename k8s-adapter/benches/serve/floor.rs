//! The least that can answer: hyper and rustls, the same bytes for everybody.

use std::{convert::Infallible, fs, path::Path, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::Outcome;

pub(crate) async fn serve(folder: &Path) -> Outcome<()> {
    let answer = answer(&fs::read(folder.join("answer"))?)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(folder.join("serving.crt"))?],
            PrivateKeyDer::from_pem_file(folder.join("serving.key"))?,
        )?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, acceptor.clone(), answer.clone()));
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    answer: Response<Full<Bytes>>,
) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |_: Request<Incoming>| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer) }
    });
    let io = TokioIo::new(stream);
    if speaks_http2 {
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await?;
    } else {
        http1::Builder::new().serve_connection(io, service).await?;
    }
    Ok(())
}

/// The answer of these bytes, but for the headers that hyper writes.
fn answer(bytes: &[u8]) -> Outcome<Response<Full<Bytes>>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.ok_or("an answer without a head")? + 4);
    let mut answer = Response::new(Full::from(Bytes::copy_from_slice(body)));
    for line in std::str::from_utf8(head)?.trim().lines().skip(1) {
        let (name, value) = line.split_once(": ").ok_or("a header without a value")?;
        if !["date", "content-length"].contains(&name) {
            let (name, value) = (name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
            answer.headers_mut().append(name, value);
        }
    }
    Ok(answer)
}
