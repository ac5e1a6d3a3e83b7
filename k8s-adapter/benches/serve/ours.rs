//! Our server as a provider's author has it, with a provider that answers from memory.

use std::{collections::BTreeMap, fs, future, path::Path, sync::Arc};

use async_trait::async_trait;
use k8s_adapter::delegated;
use kube_client::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use provider_api::{
    ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, MetricsApi, Refusal,
    Server, ServingCertificate,
};
use time::{OffsetDateTime, macros::datetime};

use crate::Outcome;

pub(crate) async fn serve(folder: &Path) -> Outcome<()> {
    let kubeconfig = Kubeconfig::read_from(folder.join("kubeconfig"))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let certificate = ServingCertificate::from_pem(
        &fs::read(folder.join("serving.crt"))?,
        &fs::read(folder.join("serving.key"))?,
    )?;
    let api = MetricsApi::new(Requests {
        value: ExternalMetricValue {
            labels: BTreeMap::from([("kube_container_name".to_owned(), "nginx".to_owned())]),
            ..ExternalMetricValue::new(
                "nginx.net.request_per_s".parse()?,
                "27500m".parse()?,
                datetime!(2026-01-02 03:04:05 UTC),
            )
        },
    });
    let socket = Server::bind(([127, 0, 0, 1], 0).into()).await?;
    println!("{}", socket.local_addr());
    delegated(
        api,
        Client::try_from(config)?,
        Arc::new(OffsetDateTime::now_utc),
    )
    .certificate(Arc::new(certificate))
    .serve_on(socket, future::pending())
    .await?;
    Ok(())
}

struct Requests {
    value: ExternalMetricValue,
}

#[async_trait]
impl ExternalMetricsProvider for Requests {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        let is_meant = *metric.name() == self.value.metric_name
            && metric.selector().matches(&self.value.labels);
        match is_meant {
            true => Ok(vec![self.value.clone()]),
            false => Err(Refusal::Unknown(format!("there is no {metric}"))),
        }
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        vec![self.value.metric_name.clone()]
    }
}
