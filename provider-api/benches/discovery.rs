//! Discovery of many metrics, which API servers ask for every few seconds and nearly
//! always get the same answer to.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark is a program, which has a clock"
)]

mod harness;

use std::sync::Arc;

use async_trait::async_trait;
use divan::Bencher;
use harness::{JSON, layered, request};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use provider_api::{
    Answer, ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, MetricsApi,
    Refusal,
};
use time::OffsetDateTime;

const NAMES: usize = 10_000;
const LEGACY: &str = "/apis/external.metrics.k8s.io/v1beta1";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn legacy(bencher: Bencher<'_, '_>) {
    measure(bencher, || request(LEGACY, JSON), StatusCode::OK);
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn aggregated(bencher: Bencher<'_, '_>) {
    measure(bencher, || request("/apis", AGGREGATED), StatusCode::OK);
}

/// What an API server asks that has the document already.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn aggregated_and_known(bencher: Bencher<'_, '_>) {
    let api = layered(api());
    let first = harness::runtime().block_on(harness::answer(&api, request("/apis", AGGREGATED)));
    let Ok(first) = first;
    let tag = first.headers()[header::ETAG].clone();
    let again = || {
        let mut request = request("/apis", AGGREGATED);
        request
            .headers_mut()
            .insert(header::IF_NONE_MATCH, tag.clone());
        request
    };
    measure(bencher, again, StatusCode::NOT_MODIFIED);
}

fn measure(bencher: Bencher<'_, '_>, request: impl Fn() -> Request<()>, expected: StatusCode) {
    let api = layered(api());
    let runtime = harness::runtime();
    let ask = |request| {
        runtime.block_on(async {
            let Ok(answer) = harness::answer(&api, request).await;
            let status = answer.status();
            let Ok(body) = Answer::into_body(answer).collect().await;
            (status, body.to_bytes())
        })
    };
    let (status, body) = ask(request());
    assert_eq!(status, expected);
    if status == StatusCode::OK {
        let first = b"\"metric.00000\"";
        assert!(body.windows(first.len()).any(|bytes| bytes == first));
    }
    bencher.with_inputs(request).bench_local_values(ask);
}

/// As a server has it: its clock tells when the provider is asked anew.
fn api() -> MetricsApi {
    MetricsApi::new(Names::new()).listing_by(Arc::new(OffsetDateTime::now_utc))
}

/// Metrics whose names are listed and which nobody reads here.
struct Names(Vec<MetricName>);

impl Names {
    fn new() -> Self {
        let name = |place| format!("metric.{place:05}").parse().expect("a name");
        Self((0..NAMES).map(name).collect())
    }
}

#[async_trait]
impl ExternalMetricsProvider for Names {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        Err(Refusal::Unknown(format!("{metric} is only listed")))
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        self.0.clone()
    }
}
