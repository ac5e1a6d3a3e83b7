//! One connection, from the handshake to its end.

use std::{convert::Infallible, future::poll_fn, pin::pin, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use rustls::pki_types::CertificateDer;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::debug;

use super::{
    Limits,
    handshake::Handshakes,
    place::{Leave, Place},
    streams::{Begun, Streams},
};
use crate::{Ending, PeerCertificates, layer::Answering};

/// The time in which a client that is asked to leave hears of it. One that asks for
/// something just then is answered.
const LEAVE: Duration = Duration::from_millis(250);

/// Serves one client until it leaves, misbehaves, or the server ends and its
/// requests are answered. Nothing that a client does is worth more than a debug
/// line: the API server itself probes with five connections and drops four.
pub(super) async fn run<S>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    service: S,
    mut limits: Limits,
    handshakes: Arc<Handshakes>,
    place: Arc<Place>,
) where
    S: Answering<Incoming>,
{
    let stream = tokio::select! {
        // Nobody waits for an answer yet.
        _ = place.to_leave() => return,
        shaken = handshakes.shake(stream, &acceptor, limits.handshake) => match shaken {
            Some(stream) => stream,
            None => return,
        },
    };
    let (_, tls) = stream.get_ref();
    let peer = peer(tls.peer_certificates());
    let speaks_http2 = tls.alpn_protocol() == Some(b"h2");

    let service = service_fn({
        let place = Arc::clone(&place);
        move |mut request: Request<Incoming>| {
            let in_flight = place.request();
            request.extensions_mut().insert(peer.clone());
            if place.is_ending() {
                request.extensions_mut().insert(Ending);
            }
            let is_head = request.method() == Method::HEAD;
            let answer = service.clone().oneshot(request);
            async move {
                let Ok(mut answer) = answer.await;
                if is_head {
                    // Whichever layer has answered: a refusal is written as for any method.
                    *answer.body_mut() = Full::default();
                }
                drop(in_flight);
                Ok::<_, Infallible>(answer)
            }
        }
    });
    let io = TokioIo::new(stream);
    let streams = Streams::default();
    if speaks_http2 {
        let connection = http2(&limits, streams.begun()).serve_connection(io, service);
        drive(connection, streams, &place, &limits).await;
    } else {
        let connection = http1(&limits).serve_connection(io, service);
        // The time for the next head is the time to be idle.
        limits.idle = limits.head;
        drive(connection, streams, &place, &limits).await;
    }
}

/// Lets a connection run to its end, which comes when it wants, when it has been idle for
/// too long, when another client needs its place, or when the server ends and it has
/// nothing left to do.
async fn drive<C>(connection: C, mut streams: Streams, place: &Place, limits: &Limits)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let mut look = pin!(sleep(limits.head));
    // A connection is told once that it ends. Where it `leaves`, it is not waited for.
    let (mut is_told, mut leaves) = (false, false);
    loop {
        let mut tell = false;
        let served = poll_fn(|context| {
            let closed = connection.as_mut().poll(context);
            if closed.is_pending() {
                streams.go_on(context);
            }
            closed
        });
        tokio::select! {
            closed = served => {
                if let Err(error) = closed {
                    debug!(%error, "a connection broke off");
                }
                return;
            }
            leave = place.to_leave() => {
                tell = true;
                if leave == Leave::GivenUp && !leaves {
                    debug!("an idle connection is closed for another client");
                    leaves = true;
                    look.as_mut().reset(Instant::now() + LEAVE);
                }
            }
            () = &mut look => {
                let now = Instant::now();
                let patience = place.patience(limits);
                let next = match place.idle(now) {
                    Some(_) if leaves => return,
                    Some(idle) if idle >= patience => {
                        debug!(?patience, "a connection has been idle for too long");
                        (tell, leaves) = (true, true);
                        LEAVE
                    }
                    Some(idle) => patience - idle,
                    None if leaves => LEAVE,
                    None => patience,
                };
                look.as_mut().reset(now + next);
            }
        }
        if tell && !is_told {
            is_told = true;
            connection.as_mut().graceful_shutdown();
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

/// A user may be in hundreds of groups, and each is a line of its own behind a proxy that
/// speaks HTTP/1.1.
const HEADERS: usize = 512;

/// What a client speaks that agreed on nothing else.
fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_header_size(limits.head_bytes as usize);
    builder
}

fn http2(limits: &Limits, streams: Begun) -> http2::Builder<Begun> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes)
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.ping_every)
        .keep_alive_timeout(limits.ping_answer);
    builder
}
