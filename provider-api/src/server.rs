//! The running server: a socket, TLS, and a service that answers.
//!
//! Nothing in here knows what is served. It accepts, bounds what a client can
//! hold open, keeps one connection's trouble from the others, and ends by saying
//! so first and finishing what was begun.

mod certificate;
mod connection;
mod error;
mod handshake;
mod limits;
mod metrics_server;
mod own_certificate;
mod place;
mod rotation;
mod signals;
mod streams;
mod supervise;
mod tls;
mod validity;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::body::Incoming;
use rustls::server::ResolvesServerCert;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument, debug, debug_span, error, warn};

pub use self::{
    certificate::ServingCertificate,
    error::{CertificateError, ServerError},
    limits::Limits,
    metrics_server::MetricsServer,
    own_certificate::{Lifetimes, OwnCertificate},
    rotation::RotatingCertificate,
    signals::Shutdown,
};
use self::{handshake::Handshakes, place::Places};
use crate::{ServerMetrics, layer::Answering};

/// How long the server waits before it accepts again when the machine has run
/// out of something, most often of file descriptors.
const PAUSE: Duration = Duration::from_millis(500);

/// A bound socket, ready to serve HTTP/1.1 and HTTP/2 over TLS.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use provider_api::{
///     AccessLog, Authenticate, Authenticator, Authorize, Authorizer, CatchPanic, Clock, Deadline,
///     ExternalMetricsProvider, Impersonate, InFlightLimit, MetricsApi, RequestId, Server,
///     ServerMetrics, ServingCertificate,
/// };
/// use tower::ServiceBuilder;
///
/// async fn run(
///     provider: impl ExternalMetricsProvider,
///     authenticators: Vec<Arc<dyn Authenticator>>,
///     authorizer: Arc<dyn Authorizer>,
///     clock: Arc<dyn Clock>,
///     shutdown: impl Future<Output = ()>,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     let metrics = ServerMetrics::new(clock.clone());
///     let api = ServiceBuilder::new()
///         .layer(RequestId::default())
///         .layer(AccessLog::new(clock))
///         .layer(metrics.clone())
///         .layer(CatchPanic)
///         .layer(InFlightLimit::default())
///         .layer(Deadline::default())
///         .layer(Authenticate::by(authenticators))
///         .layer(Impersonate::by(authorizer.clone()))
///         .layer(Authorize::by(authorizer))
///         .layer(metrics.page())
///         .service(MetricsApi::new(provider));
///     let certificate = ServingCertificate::self_signed(["metrics.default.svc"])?;
///     let server = Server::bind(([0, 0, 0, 0], 6443).into()).await?;
///     server.counting(metrics).serve(Arc::new(certificate), api, shutdown).await;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    limits: Limits,
    metrics: Option<ServerMetrics>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The connections that were still open when [`Limits::drain`] was over, as a
    /// rule because of a request in flight.
    pub cut_off: usize,
}

impl Server {
    /// Takes the address. Port 0 means any free port, see [`Server::local_addr`].
    ///
    /// # Errors
    /// When the address cannot be had; the message says what to do.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let refused = |source| ServerError::bind(address, source);
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Self {
            listener,
            local_addr,
            limits: Limits::default(),
            metrics: None,
        })
    }

    /// The address that clients can reach.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The same server within other limits.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same server, which counts the handshakes that fail.
    #[must_use]
    pub fn counting(self, metrics: ServerMetrics) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// Serves until `shutdown` resolves, and then ends in three steps:
    ///
    /// 1. At once it is no longer ready: requests carry [`Ending`](crate::Ending),
    ///    and are served as before.
    /// 2. After [`Limits::withdraw`] it accepts no more connections, and asks its
    ///    clients to begin no more requests on those they have.
    /// 3. When the last request is answered, or after [`Limits::drain`], it returns.
    ///
    /// A client may present a certificate and need not. The handshake proves
    /// that it holds the key and nothing else; the chain is in the request's
    /// extensions as [`PeerCertificates`](crate::PeerCertificates).
    ///
    /// When the returned future is dropped, all connections end at once.
    pub async fn serve<S>(
        self,
        certificate: Arc<dyn ResolvesServerCert>,
        service: S,
        shutdown: impl Future<Output = ()>,
    ) -> Ended
    where
        S: Answering<Incoming>,
    {
        let Self {
            listener,
            local_addr: _,
            limits,
            metrics,
        } = self;
        let acceptor = TlsAcceptor::from(tls::config(certificate));
        let handshakes = Arc::new(Handshakes::counted_by(metrics));
        let mut connections = JoinSet::new();
        let mut places = Places::default();

        let end = places.end();
        let mut withdrawn = std::pin::pin!(async {
            shutdown.await;
            end();
            sleep(limits.withdraw).await;
        });
        // The client that comes next, and whether somebody has been asked to make room for it.
        let (mut next, mut room_is_made) = (None, false);
        loop {
            tokio::select! {
                () = &mut withdrawn => break,
                Some(ended) = connections.join_next_with_id() => places.remove(report(ended)),
                // While one client waits, the others do so in the kernel's queue.
                client = accept(&listener), if next.is_none() => next = Some(client),
                () = places.became_idle(), if next.is_some() && !room_is_made => {}
            }
            if connections.len() < limits.connections {
                let Some((stream, peer)) = next.take() else {
                    continue;
                };
                let place = places.place();
                let connection = connection::run(
                    stream,
                    acceptor.clone(),
                    service.clone(),
                    limits,
                    Arc::clone(&handshakes),
                    Arc::clone(&place),
                );
                let task =
                    connections.spawn(connection.instrument(debug_span!("connection", %peer)));
                places.insert(task.id(), place);
                room_is_made = false;
            } else if next.is_some() && !room_is_made {
                room_is_made = places.give_up_the_idlest();
            }
        }

        drop(listener);
        places.drain();
        let drained = async {
            while let Some(ended) = connections.join_next_with_id().await {
                report(ended);
            }
        };
        // Time over or all done: what is left in the set is what was cut off.
        let _ = timeout(limits.drain, drained).await;
        let cut_off = connections.len();
        connections.shutdown().await;
        Ended { cut_off }
    }
}

/// The next connection, however long it takes: no error ends the server.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if concerns_one_client(&error) => {
                debug!(%error, "a client left before it was accepted");
            }
            Err(error) => {
                warn!(%error, pause = ?PAUSE, "cannot accept connections now, will try again; \
                    too many open files means that the limit on file descriptors is too low");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whether an error of `accept` tells about the client in line, so that the next
/// one can be accepted at once.
fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// The task of a connection that has ended. A panic has cost that connection, and is told.
fn report(ended: Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((task, ())) => task,
        Err(error) => {
            if error.is_panic() {
                error!(%error, "a connection ended in a panic, the server goes on");
            }
            error.id()
        }
    }
}
