//! The whole of a metrics server in one value: the layers in travel order, TLS, what it
//! does beside, and its end.

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use rustls::server::ResolvesServerCert;
use tokio::task::JoinSet;
use tower::Layer;
use tracing::{info, warn};

use super::{Ended, Limits, Server, ServerError, ServingCertificate, supervise::Task};
use crate::{
    AccessLog, Action, Answering, Authenticate, Authenticator, Authorize, Authorizer, CatchPanic,
    Check, Clock, Deadline, Decision, Impersonate, InFlightLimit, Layers, MetricsApi, MetricsPage,
    RequestId, ServerMetrics, Undecided, User,
};

/// A pod has 30 seconds to end, if its manifest says nothing else. In the first of them the
/// cluster learns that it goes, and sends its requests elsewhere.
const WITHDRAW: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(20);

/// A [`MetricsApi`] with all that a server needs around it: who may read is asked, every
/// request is counted, logged, bounded and answered, and the end is an orderly one.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use provider_api::{MetricsApi, MetricsServer, Shutdown};
/// # use provider_api::{ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, Refusal};
/// # struct Queue;
/// # #[async_trait::async_trait]
/// # impl ExternalMetricsProvider for Queue {
/// #     async fn external_metric(&self, _: &ExternalMetric) -> Result<Vec<ExternalMetricValue>, Refusal> {
/// #         Ok(Vec::new())
/// #     }
/// #     fn external_metrics(&self) -> Vec<MetricName> { Vec::new() }
/// # }
/// use time::OffsetDateTime;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// MetricsServer::open(MetricsApi::new(Queue), Arc::new(OffsetDateTime::now_utc))
///     .serve(([127, 0, 0, 1], 6443).into(), Shutdown::on_signal()?.asked())
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// This one answers everybody, as on a machine of one's own. In a cluster, Kubernetes is
/// asked who may read: see [`guarded`](Self::guarded), and `k8s_adapter::in_cluster`, which
/// also lets the API server trust the certificate.
pub struct MetricsServer {
    api: MetricsApi,
    authenticators: Vec<Arc<dyn Authenticator>>,
    authorizer: Arc<dyn Authorizer>,
    clock: Arc<dyn Clock>,
    certificate: Option<Arc<dyn ResolvesServerCert>>,
    limits: Limits,
    tasks: Vec<Task>,
}

impl MetricsServer {
    /// A server that answers whom `authorizer` allows to ask. Who that is, the
    /// `authenticators` find out, in their order; who presents nothing is
    /// `system:anonymous`.
    pub fn guarded(
        api: MetricsApi,
        authenticators: Vec<Arc<dyn Authenticator>>,
        authorizer: Arc<dyn Authorizer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            api,
            authenticators,
            authorizer,
            clock,
            certificate: None,
            limits: Limits {
                withdraw: WITHDRAW,
                drain: DRAIN,
                ..Limits::default()
            },
            tasks: Vec::new(),
        }
    }

    /// A server that answers everybody.
    pub fn open(api: MetricsApi, clock: Arc<dyn Clock>) -> Self {
        Self::guarded(api, Vec::new(), Arc::new(Everybody), clock)
    }

    /// Shows this certificate: a [`ServingCertificate`], or a
    /// [`RotatingCertificate`](super::RotatingCertificate) that somebody renews. Without
    /// one, the server makes one for itself that nobody can verify.
    #[must_use]
    pub fn certificate(self, certificate: Arc<dyn ResolvesServerCert>) -> Self {
        Self {
            certificate: Some(certificate),
            ..self
        }
    }

    /// Within other limits than [`Limits::default`] with 5 seconds to withdraw and 20 to
    /// drain, which fit into the 30 seconds that a pod has to end.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Answers `/readyz` by these checks too, see [`MetricsApi::ready_when`].
    #[must_use]
    pub fn ready_when(self, checks: impl Fn() -> Vec<Check> + Send + Sync + 'static) -> Self {
        Self {
            api: self.api.ready_when(checks),
            ..self
        }
    }

    /// Does this as well for as long as it serves, and begins it again should it end or
    /// panic. `what` completes the sentence "the task that … stopped".
    #[must_use]
    pub fn alongside<F>(
        mut self,
        what: &'static str,
        start: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks.push(Task::new(what, start));
        self
    }

    /// Serves at this address until `shutdown` resolves, and then ends as
    /// [`Server::serve`] does.
    ///
    /// # Errors
    /// When the address cannot be had, or no certificate can be made.
    pub async fn serve(
        self,
        address: SocketAddr,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Ended, ServerError> {
        self.serve_on(Server::bind(address).await?, shutdown).await
    }

    /// Serves on a socket that was bound before.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub async fn serve_on(
        self,
        socket: Server,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Ended, ServerError> {
        let certificate = match self.certificate {
            Some(certificate) => certificate,
            None => {
                let loopback = ServingCertificate::self_signed(None::<String>)
                    .map_err(ServerError::Certificate)?;
                Arc::new(loopback)
            }
        };
        let mut beside = JoinSet::new();
        for task in self.tasks {
            beside.spawn(task.run());
        }

        let metrics = ServerMetrics::new(Arc::clone(&self.clock));
        let groups = self.api.group_versions().join(", ");
        let service = stack(
            self.api,
            self.authenticators,
            self.authorizer,
            &metrics,
            self.clock,
        );
        info!(address = %socket.local_addr(), "serving {groups}");
        let server = socket.within(self.limits).counting(metrics);
        let ended = server.serve(certificate, service, shutdown).await;
        match ended.cut_off {
            0 => info!("ended, every request answered"),
            n => warn!("ended, and {n} connections had to be cut off"),
        }
        Ok(ended)
    }
}

/// From the socket to the provider. A request goes down this list, its answer up.
fn stack<B: Send + 'static>(
    api: MetricsApi,
    authenticators: Vec<Arc<dyn Authenticator>>,
    authorizer: Arc<dyn Authorizer>,
    metrics: &ServerMetrics,
    clock: Arc<dyn Clock>,
) -> impl Answering<B> {
    // Every request has a name that the client and the log share,
    Layers::of(RequestId::default())
        // has a line in the log, whatever becomes of it below,
        .then(AccessLog::new(Arc::clone(&clock)))
        // and is counted.
        .then(metrics.clone())
        // A panic costs one request; below these two, so that they see it.
        .then(CatchPanic)
        // Too much at once is refused before it costs anything,
        .then(InFlightLimit::default())
        // and what takes too long is given up: asking who somebody is takes time.
        .then(Deadline::default())
        // Who asks, and as whom,
        .then(Authenticate::by(authenticators))
        .then(Impersonate::by(Arc::clone(&authorizer)))
        // and whether they may, before they learn what there is.
        .then(Authorize::by(authorizer))
        // What was counted, for those who may read it.
        .then(metrics.page())
        .layer(api.listing_by(clock).beside(MetricsPage::PATH))
}

/// May read everything.
struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn authorize(&self, _user: &User, _action: &Action) -> Result<Decision, Undecided> {
        Ok(Decision::Allowed)
    }
}
