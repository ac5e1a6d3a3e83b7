//! From a parsed request to the bytes of its answer, through every layer of the server
//! and without a socket.
//!
//! Nothing is logged, since nobody listens to the log.

mod harness;

use std::collections::BTreeMap;

use async_trait::async_trait;
use divan::Bencher;
use harness::{JSON, layered, request};
use http_body_util::BodyExt;
use provider_api::{
    Answering, ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName,
    MetricsApi, Refusal,
};
use time::macros::datetime;

/// What the autoscaler accepts.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf, */*";
const ITEMS: [usize; 3] = [1, 10, 100];
const PATH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/\
                    nginx.net.request_per_s?labelSelector=kube_container_name%3Dnginx";

pub(crate) fn main() {
    divan::main();
}

#[divan::bench(args = ITEMS, sample_count = 300, sample_size = 100)]
fn a_request_answered_in_json(bencher: Bencher<'_, '_>, items: usize) {
    let item = "{\"metricName\":\"nginx.net.request_per_s\",\"metricLabels\":{},\
                \"timestamp\":\"2026-01-02T03:04:05Z\",\"value\":\"27500m\"}";
    let expected = format!(
        "{{\"kind\":\"ExternalMetricValueList\",\"apiVersion\":\"external.metrics.k8s.io/v1beta1\",\
         \"metadata\":{{}},\"items\":[{}]}}\n",
        vec![item; items].join(",")
    );
    measure(bencher, &layered(api(items)), JSON, |body| {
        body == expected.as_bytes()
    });
}

#[divan::bench(args = ITEMS, sample_count = 300, sample_size = 100)]
fn a_request_answered_in_protobuf(bencher: Bencher<'_, '_>, items: usize) {
    measure(bencher, &layered(api(items)), PROTOBUF, |body| {
        is_protobuf_of(body, items)
    });
}

/// What is left of a request's time when nobody asks who sends it, logs it or counts it.
#[divan::bench(args = ITEMS, sample_count = 300, sample_size = 100)]
fn without_the_layers_in_json(bencher: Bencher<'_, '_>, items: usize) {
    measure(bencher, &api(items), JSON, |body| body.ends_with(b"}]}\n"));
}

#[divan::bench(args = ITEMS, sample_count = 300, sample_size = 100)]
fn without_the_layers_in_protobuf(bencher: Bencher<'_, '_>, items: usize) {
    measure(bencher, &api(items), PROTOBUF, |body| {
        is_protobuf_of(body, items)
    });
}

fn measure(
    bencher: Bencher<'_, '_>,
    api: &impl Answering<()>,
    accept: &'static str,
    is_right: impl Fn(&[u8]) -> bool,
) {
    let runtime = harness::runtime();
    let ask = |request| {
        runtime.block_on(async {
            let Ok(answer) = harness::answer(api, request).await;
            let Ok(body) = answer.into_body().collect().await;
            body.to_bytes()
        })
    };
    let body = ask(request(PATH, accept));
    assert!(is_right(&body), "{}", String::from_utf8_lossy(&body));
    bencher
        .with_inputs(|| request(PATH, accept))
        .bench_local_values(ask);
}

fn is_protobuf_of(body: &[u8], items: usize) -> bool {
    let value = b"27500m";
    let values = body.windows(value.len()).filter(|bytes| bytes == value);
    body.starts_with(b"k8s\0") && values.count() == items
}

fn api(items: usize) -> MetricsApi {
    let value = ExternalMetricValue {
        labels: BTreeMap::new(),
        ..ExternalMetricValue::new(
            "nginx.net.request_per_s".parse().expect("a name"),
            "27500m".parse().expect("a quantity"),
            datetime!(2026-01-02 03:04:05 UTC),
        )
    };
    MetricsApi::new(Values(vec![value; items]))
}

/// Answers with a copy. That of a value without labels allocates nothing, so whatever
/// is allocated for an item is allocated on its way to the bytes.
struct Values(Vec<ExternalMetricValue>);

#[async_trait]
impl ExternalMetricsProvider for Values {
    async fn external_metric(
        &self,
        _: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        Ok(self.0.clone())
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        self.0
            .iter()
            .map(|value| value.metric_name.clone())
            .collect()
    }
}
