//! The program of docs/write-a-provider.md, which shows what follows word for word.

#![expect(
    clippy::disallowed_methods,
    reason = "this is a binary, whose clock and environment are read here"
)]

mod provider;

use std::{env, error::Error, sync::Arc};

use k8s_adapter::in_cluster;
use kube_client::Client;
use provider_api::{MetricsApi, Shutdown};
use time::OffsetDateTime;

use crate::provider::Queues;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let queues = Queues(env::var("QUEUES")?.into());
    let address = env::var("ADDRESS").unwrap_or("0.0.0.0:6443".to_owned());
    in_cluster(
        MetricsApi::new(queues).version(env!("CARGO_PKG_VERSION")),
        Client::try_default().await?,
        "default/queue-metrics".parse()?,
        Arc::new(OffsetDateTime::now_utc),
    )?
    .serve(address.parse()?, Shutdown::on_signal()?.asked())
    .await?;
    Ok(())
}
