//! A metrics server in a cluster, whole.

use std::sync::Arc;

use kube_client::Client;
use provider_api::{CertificateError, Check, Clock, MetricsApi, MetricsServer};

use crate::{
    BearerToken, ClientCertificate, CurrentConfig, FrontProxy, Registration, ServiceName,
    SubjectAccess, keep_current,
};

/// A server that the cluster finds behind `service`: it asks the API server who may read
/// ([`delegated`]), and has it trust its certificate ([`Registration`]).
///
/// ```no_run
/// use std::sync::Arc;
///
/// use k8s_adapter::in_cluster;
/// use provider_api::{MetricsApi, Shutdown};
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
/// in_cluster(
///     MetricsApi::new(Queue),
///     kube_client::Client::try_default().await?,
///     "shop/queue-metrics".parse()?,
///     Arc::new(OffsetDateTime::now_utc),
/// )?
/// .serve(([0, 0, 0, 0], 6443).into(), Shutdown::on_signal()?.asked())
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the machine can make no certificate.
pub fn in_cluster(
    api: MetricsApi,
    client: Client,
    service: ServiceName,
    clock: Arc<dyn Clock>,
) -> Result<MetricsServer, CertificateError> {
    let registration = Registration::new(
        client.clone(),
        service,
        &api.group_versions(),
        Arc::clone(&clock),
    )?;
    Ok(registration.of(delegated(api, client, clock)))
}

/// A server that asks the API server who sends a request and whether they may, and is
/// ready once it can recognize the API server.
pub fn delegated(api: MetricsApi, client: Client, clock: Arc<dyn Clock>) -> MetricsServer {
    let authentication = CurrentConfig::default();
    let known = {
        let authentication = authentication.clone();
        move || {
            let outcome = match authentication.load().is_off() {
                false => Ok(()),
                true => Err("extension-apiserver-authentication has not been read yet".to_owned()),
            };
            vec![Check {
                name: "authentication-known",
                outcome,
            }]
        }
    };
    MetricsServer::guarded(
        api,
        vec![
            Arc::new(FrontProxy::new(authentication.clone(), Arc::clone(&clock))),
            Arc::new(ClientCertificate::new(
                authentication.clone(),
                Arc::clone(&clock),
            )),
            Arc::new(BearerToken::new(client.clone(), Arc::clone(&clock))),
        ],
        Arc::new(SubjectAccess::new(client.clone(), Arc::clone(&clock))),
        clock,
    )
    .ready_when(known)
    .alongside("follows the cluster's authentication", move || {
        keep_current(client.clone(), authentication.clone())
    })
}
