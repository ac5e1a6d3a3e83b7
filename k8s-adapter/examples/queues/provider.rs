use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use provider_api::{
    ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, Refusal, Selector,
};
use time::OffsetDateTime;
use tokio::task::spawn_blocking;

/// A folder for each queue, and in it a file for each job that waits.
pub(crate) struct Queues(pub(crate) PathBuf);

#[async_trait]
impl ExternalMetricsProvider for Queues {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        if metric.name().as_str() != "jobs_waiting" {
            return Err(Refusal::Unknown(format!(
                "there is no {metric}, only jobs_waiting"
            )));
        }
        let (folder, chosen) = (self.0.clone(), metric.selector().clone());
        let counted = spawn_blocking(move || waiting(&folder, &chosen))
            .await
            .expect("it does not panic");
        let queues = counted.map_err(|why| {
            Refusal::Unavailable(format!("{metric}: the queues cannot be read: {why}"))
        })?;
        if queues.is_empty() {
            return Err(Refusal::NoData(format!("no queue is chosen by {metric}")));
        }
        let now = OffsetDateTime::now_utc();
        let value = |(labels, jobs): (_, i64)| ExternalMetricValue {
            labels,
            ..ExternalMetricValue::new(metric.name().clone(), jobs.into(), now)
        };
        Ok(queues.into_iter().map(value).collect())
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        vec!["jobs_waiting".parse().expect("a constant that is a name")]
    }
}

type Labels = BTreeMap<String, String>;

fn waiting(folder: &Path, chosen: &Selector) -> io::Result<Vec<(Labels, i64)>> {
    let mut queues = Vec::new();
    for queue in fs::read_dir(folder)? {
        let queue = queue?;
        let name = queue.file_name().to_string_lossy().into_owned();
        let labels = Labels::from([("queue".to_owned(), name)]);
        if chosen.matches(&labels) {
            queues.push((labels, fs::read_dir(queue.path())?.count() as i64));
        }
    }
    Ok(queues)
}
