//! What each layer of the server costs a request, alone above a service that answers at
//! once. The first figure is that service itself, to be taken off all others.

mod harness;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
};

use divan::Bencher;
use harness::{ByHeader, JSON, OnlyTheAutoscaler, request};
use http::{Request, StatusCode};
use provider_api::{
    AccessLog, Answer, Answering, Authenticate, Authenticator, Authorize, CatchPanic, Deadline,
    Impersonate, InFlightLimit, RequestId, ServerMetrics,
};
use tower::{
    Layer,
    layer::{layer_fn, util::Identity},
    service_fn,
    util::ServiceFn,
};

const PATH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/\
                    nginx.net.request_per_s?labelSelector=kube_container_name%3Dnginx";

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn nothing(bencher: Bencher<'_, '_>) {
    measure(bencher, Identity::new());
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn request_id(bencher: Bencher<'_, '_>) {
    measure(bencher, RequestId::default());
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn access_log(bencher: Bencher<'_, '_>) {
    measure(bencher, AccessLog::new(harness::clock()));
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn counters(bencher: Bencher<'_, '_>) {
    measure(bencher, ServerMetrics::new(harness::clock()));
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn counters_page(bencher: Bencher<'_, '_>) {
    measure(bencher, ServerMetrics::new(harness::clock()).page());
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn catch_panic(bencher: Bencher<'_, '_>) {
    measure(bencher, CatchPanic);
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn in_flight_limit(bencher: Bencher<'_, '_>) {
    measure(bencher, InFlightLimit::default());
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn deadline(bencher: Bencher<'_, '_>) {
    measure(bencher, Deadline::default());
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn authenticate(bencher: Bencher<'_, '_>) {
    let by_header: Arc<dyn Authenticator> = Arc::new(ByHeader);
    measure(bencher, Authenticate::by([by_header]));
}

/// Of a request that does not ask for it.
#[divan::bench(sample_count = 300, sample_size = 100)]
fn impersonate(bencher: Bencher<'_, '_>) {
    measure(bencher, Impersonate::by(Arc::new(OnlyTheAutoscaler)));
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn authorize(bencher: Bencher<'_, '_>) {
    measure(bencher, Authorize::by(Arc::new(OnlyTheAutoscaler)));
}

#[divan::bench(sample_count = 300, sample_size = 100)]
fn all_of_them(bencher: Bencher<'_, '_>) {
    measure(bencher, layer_fn(harness::layered));
}

fn measure<L>(bencher: Bencher<'_, '_>, layer: L)
where
    L: Layer<AtOnce, Service: Answering<()>>,
{
    let service = layer.layer(service_fn(at_once as fn(_) -> _));
    let runtime = harness::runtime();
    let asked = || {
        let mut request = request(PATH, JSON);
        request
            .extensions_mut()
            .insert(Arc::new(harness::autoscaler()));
        request
    };
    let ask = |request| {
        let Ok(answer) = runtime.block_on(harness::answer(&service, request));
        answer
    };
    assert_eq!(ask(asked()).status(), StatusCode::OK);
    bencher.with_inputs(asked).bench_local_values(ask);
}

type AtOnce = ServiceFn<fn(Request<()>) -> Ready<Result<Answer, Infallible>>>;

fn at_once(_: Request<()>) -> Ready<Result<Answer, Infallible>> {
    ready(Ok(Answer::default()))
}
