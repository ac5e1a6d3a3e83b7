//! What an autoscaler waits for: from its request to the bytes of the answer,
//! without a socket, and the part of it that the store is.

mod cluster;

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use async_trait::async_trait;
use bytes::Bytes;
use cluster::{NAME, NOW, metric};
use datadog_query::Point;
use divan::{Bencher, black_box};
use futures_executor::block_on;
use http::{
    Request,
    header::{ACCEPT, USER_AGENT},
};
use http_body_util::BodyExt;
use metrics_store::{Answer, Sample, Store};
use provider_api::{
    AccessLog, Action, Answering, Authenticate, Authenticator, Authorize, Authorizer, CatchPanic,
    Decision, ExternalMetric, InFlightLimit, MetricsApi, Presented, Rejected, RequestId, Undecided,
    User,
};
use time::{Duration, OffsetDateTime, macros::datetime};
use tower::{ServiceBuilder, ServiceExt};

const JSON: &str = "application/json";
/// What the autoscaler accepts.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf, */*";

const MEASURED: OffsetDateTime = datetime!(2026-01-02 02:59:30 UTC);
const AUTOSCALERS: [usize; 3] = [1, 1_000, 100_000];

fn main() {
    divan::main();
}

#[divan::bench(args = AUTOSCALERS, sample_count = 300, sample_size = 100)]
fn a_request_answered_in_json(bencher: Bencher<'_, '_>, autoscalers: usize) {
    let (api, metrics) = (stack(answered(autoscalers)), metrics(autoscalers));
    let last = autoscalers - 1;
    let expected = format!(
        "{{\"kind\":\"ExternalMetricValueList\",\"apiVersion\":\"external.metrics.k8s.io/v1beta1\",\
         \"metadata\":{{}},\"items\":[{{\"metricName\":\"{NAME}\",\"metricLabels\":\
         {{\"kube_container_name\":\"nginx\",\"kube_deployment\":\"web-{last}\"}},\
         \"timestamp\":\"2026-01-02T02:59:30Z\",\"value\":\"27500m\"}}]}}\n"
    );
    assert_eq!(body(&api, request(&metrics[last], JSON)), expected);
    let next = Walk::over(autoscalers);
    bencher
        .with_inputs(|| request(&metrics[next.step()], JSON))
        .bench_values(|request| body(&api, request));
}

#[divan::bench(args = AUTOSCALERS, sample_count = 300, sample_size = 100)]
fn a_request_answered_in_protobuf(bencher: Bencher<'_, '_>, autoscalers: usize) {
    let (api, metrics) = (stack(answered(autoscalers)), metrics(autoscalers));
    let last = autoscalers - 1;
    let answer = body(&api, request(&metrics[last], PROTOBUF));
    assert!(answer.starts_with(b"k8s\0"));
    for part in [NAME, &format!("web-{last}"), "27500m"] {
        let is_part = |bytes: &[u8]| bytes == part.as_bytes();
        assert!(answer.windows(part.len()).any(is_part), "{part}");
    }
    let next = Walk::over(autoscalers);
    bencher
        .with_inputs(|| request(&metrics[next.step()], PROTOBUF))
        .bench_values(|request| body(&api, request));
}

/// What is left of a request's time when nobody asks who sends it, logs it or counts it.
#[divan::bench(args = AUTOSCALERS, sample_count = 300, sample_size = 100)]
fn a_request_without_the_layers(bencher: Bencher<'_, '_>, autoscalers: usize) {
    let (bare, metrics) = (MetricsApi::new(answered(autoscalers)), metrics(autoscalers));
    let layered = stack(answered(autoscalers));
    let asked = || request(&metrics[autoscalers - 1], JSON);
    assert_eq!(body(&bare, asked()), body(&layered, asked()));
    let next = Walk::over(autoscalers);
    bencher
        .with_inputs(|| request(&metrics[next.step()], JSON))
        .bench_values(|request| body(&bare, request));
}

// Two threads wake up at different times: a sample is long, so that they read
// together for most of it.
#[divan::bench(args = AUTOSCALERS, threads = [1, 2], sample_count = 100, sample_size = 10_000)]
fn a_read_of_the_store(bencher: Bencher<'_, '_>, autoscalers: usize) {
    measure_reads(bencher, &answered(autoscalers), autoscalers);
}

/// The writer does without a pause what the refresh does once in 30 seconds.
#[divan::bench(args = AUTOSCALERS, sample_count = 100, sample_size = 10_000)]
fn a_read_while_answers_are_recorded(bencher: Bencher<'_, '_>, autoscalers: usize) {
    let store = answered(autoscalers);
    let queries = store.queries();
    let (started, done) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            started.wait();
            for query in queries.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                store.record(query, value(), NOW);
            }
        });
        started.wait();
        measure_reads(bencher, &store, autoscalers);
        done.store(true, Ordering::Relaxed);
    });
}

fn measure_reads(bencher: Bencher<'_, '_>, store: &Store, autoscalers: usize) {
    let metrics = metrics(autoscalers);
    let next = Walk::over(autoscalers);
    bencher
        .with_inputs(|| &metrics[next.step()])
        .bench_values(|metric| store.read(black_box(metric), NOW).ok());
}

/// Goes round the autoscalers far apart from each other, so that no answer comes
/// from a part of the memory that was just used, where there is more than fits there.
struct Walk {
    place: AtomicUsize,
    autoscalers: usize,
}

impl Walk {
    fn over(autoscalers: usize) -> Self {
        let place = AtomicUsize::new(0);
        Self { place, autoscalers }
    }

    fn step(&self) -> usize {
        // A prime number, so that everyone is met before anyone is met again.
        self.place.fetch_add(7919, Ordering::Relaxed) % self.autoscalers
    }
}

fn metrics(autoscalers: usize) -> Vec<ExternalMetric> {
    (0..autoscalers).map(metric).collect()
}

/// A store that has a value for everyone.
fn answered(autoscalers: usize) -> Store {
    let store = cluster::store(autoscalers);
    for query in store.queries() {
        store.record(&query, value(), NOW - Duration::seconds(5));
    }
    let expected = Sample {
        value: "27500m".parse().expect("a quantity"),
        time: MEASURED,
    };
    for metric in metrics(autoscalers) {
        let served = store.read(&metric, NOW).ok().map(|reading| reading.sample);
        assert_eq!(served.as_ref(), Some(&expected));
    }
    store
}

fn value() -> Answer {
    Answer::Value(Point {
        time: MEASURED,
        value: 27.5,
    })
}

/// The request as the API server passes it on for the autoscaler.
fn request(metric: &ExternalMetric, accept: &str) -> Request<()> {
    Request::get(metric.path())
        .header(ACCEPT, accept)
        .header(USER_AGENT, "kube-controller-manager/v1.33.0 (linux/amd64)")
        .header("audit-id", "0f8fad5b-d9cb-469f-a165-70867728950e")
        .header("x-remote-user", AUTOSCALER)
        .body(())
        .expect("a path and headers that are legal")
}

fn body(api: &impl Answering<()>, request: Request<()>) -> Bytes {
    let Ok(answer) = block_on(api.clone().oneshot(request));
    let Ok(body) = block_on(answer.into_body().collect());
    body.to_bytes()
}

/// The layers of the server, but for the deadline, which needs a runtime's timer.
fn stack(store: Store) -> impl Answering<()> {
    ServiceBuilder::new()
        .layer(RequestId::default())
        .layer(AccessLog::new(Arc::new(|| NOW)))
        .layer(CatchPanic)
        .layer(InFlightLimit::default())
        .layer(Authenticate::by([
            Arc::new(Header) as Arc<dyn Authenticator>
        ]))
        .layer(Authorize::by(Arc::new(Everything)))
        .service(MetricsApi::new(store))
}

const AUTOSCALER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// Takes the user's name from a header.
struct Header;

#[async_trait]
impl Authenticator for Header {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let name = presented.headers.get("x-remote-user");
        Ok(name.and_then(|name| name.to_str().ok()).map(|name| {
            Arc::new(User {
                name: name.to_owned(),
                ..User::default()
            })
        }))
    }
}

/// Lets the autoscaler do everything.
struct Everything;

#[async_trait]
impl Authorizer for Everything {
    async fn authorize(&self, user: &User, _: &Action) -> Result<Decision, Undecided> {
        if user.name == AUTOSCALER {
            return Ok(Decision::Allowed);
        }
        Err(Undecided(format!("{} is not the autoscaler", user.name)))
    }
}
