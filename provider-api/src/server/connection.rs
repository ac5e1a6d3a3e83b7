//! One connection, from the handshake to its end.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use rustls::pki_types::CertificateDer;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower::ServiceExt;
use tracing::debug;

use super::{Limits, stage::Stage};
use crate::{Ending, PeerCertificates, ServerMetrics, layer::Answering};

/// Serves one client until it leaves, misbehaves, or the server ends and its
/// requests are answered. Nothing that a client does is worth more than a debug
/// line: the API server itself probes with five connections and drops four.
pub(super) async fn run<S>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    service: S,
    limits: Limits,
    metrics: Option<ServerMetrics>,
    mut stage: watch::Receiver<Stage>,
) where
    S: Answering<Incoming>,
{
    let stream = tokio::select! {
        // Nobody waits for an answer yet.
        () = Stage::drains(&mut stage) => return,
        shaken = handshake(stream, &acceptor, &limits) => match shaken {
            Some(stream) => stream,
            None => {
                if let Some(metrics) = metrics {
                    metrics.handshake_failed();
                }
                return;
            }
        },
    };
    let (_, tls) = stream.get_ref();
    let peer = peer(tls.peer_certificates());
    let speaks_http2 = tls.alpn_protocol() == Some(b"h2");

    let begun = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (begun, stage) = (Arc::clone(&begun), stage.clone());
        move |mut request: Request<Incoming>| {
            begun.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer.clone());
            if *stage.borrow() != Stage::Serving {
                request.extensions_mut().insert(Ending);
            }
            service.clone().oneshot(request)
        }
    });
    let io = TokioIo::new(stream);
    if speaks_http2 {
        drive(
            http2(&limits).serve_connection(io, service),
            &begun,
            limits.head,
            Stage::drains(&mut stage),
        )
        .await;
    } else {
        drive(
            http1(&limits).serve_connection(io, service),
            &begun,
            limits.head,
            Stage::drains(&mut stage),
        )
        .await;
    }
}

/// Lets a connection run to its end, which comes when it wants, when it has asked
/// for nothing for too long, or when the server ends and it has nothing left to do.
async fn drive<C>(
    connection: C,
    begun: &AtomicBool,
    patience: Duration,
    end: impl Future<Output = ()>,
) where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let mut first_request = pin!(sleep(patience));
    let mut end = pin!(end);
    let (mut may_be_silent, mut may_go_on) = (true, true);
    loop {
        tokio::select! {
            closed = connection.as_mut() => {
                if let Err(error) = closed {
                    debug!(%error, "a connection broke off");
                }
                return;
            }
            () = &mut end, if may_go_on => {
                may_go_on = false;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut first_request, if may_be_silent => {
                may_be_silent = false;
                if !begun.load(Ordering::Relaxed) {
                    debug!(?patience, "a connection asked for nothing");
                    return;
                }
            }
        }
    }
}

async fn handshake(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    limits: &Limits,
) -> Option<TlsStream<TcpStream>> {
    // Answers are small and whole: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a client left before the handshake");
        return None;
    }
    match timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            debug!(limit = ?limits.handshake, "a TLS handshake took too long");
            None
        }
    }
}

fn peer(certificates: Option<&[CertificateDer<'static>]>) -> PeerCertificates {
    PeerCertificates(
        certificates
            .unwrap_or_default()
            .iter()
            .map(|der| der.to_vec())
            .collect(),
    )
}

/// What a client speaks that agreed on nothing else.
fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(limits.head_bytes as usize);
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes)
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.ping_every)
        .keep_alive_timeout(limits.ping_answer);
    builder
}
