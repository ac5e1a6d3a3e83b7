//! What it costs to learn what fifty thousand autoscalers ask for: from the API server's
//! pages to the demands. The API server's own time is not in it.

use std::{convert::Infallible, sync::Arc};

use divan::{AllocProfiler, Bencher};
use futures_util::StreamExt as _;
use http::{Request, Response};
use k8s_adapter::{AutoscalerWatch, Watched, watch_autoscalers};
use kube_client::{Client, client::Body};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const AUTOSCALERS: usize = 50_000;
const PAGE: usize = 500;

fn main() {
    divan::main();
}

/// Each asks for two metrics. It counts what is held at once, too.
#[divan::bench(sample_count = 5)]
fn the_first_list_of_50000_autoscalers(bencher: Bencher<'_, '_>) {
    let pages: Arc<[Vec<u8>]> = (0..AUTOSCALERS / PAGE).map(page).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without input and output");
    bencher.bench_local(|| {
        let _entered = runtime.enter();
        let client = api_server(Arc::clone(&pages));
        let told = watch_autoscalers(client, AutoscalerWatch::default())
            .take_while(|told| std::future::ready(!matches!(told, Watched::Synced)));
        let told: Vec<_> = runtime.block_on(told.collect());
        let added = told.iter().map(|told| match told {
            Watched::Changed(change) => change.added.len(),
            Watched::Synced | Watched::Failing(_) => 0,
        });
        assert_eq!(added.sum::<usize>(), 2 * AUTOSCALERS);
    });
}

/// An API server that has these pages of a list.
fn api_server(pages: Arc<[Vec<u8>]>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let asked = request.uri().query().unwrap_or_default();
        let token = asked
            .split('&')
            .find_map(|word| word.strip_prefix("continue="));
        let place = token
            .and_then(|token| token.parse().ok())
            .unwrap_or(0_usize);
        let page = Body::from(pages[place].clone());
        std::future::ready(Ok::<_, Infallible>(Response::new(page)))
    });
    Client::new(service, "default")
}

fn page(number: usize) -> Vec<u8> {
    let items: Vec<_> = (0..PAGE).map(|index| hpa(number * PAGE + index)).collect();
    let next = number + 1;
    let next = (next * PAGE < AUTOSCALERS).then(|| next.to_string());
    let list = json!({
        "kind": "HorizontalPodAutoscalerList",
        "apiVersion": "autoscaling/v2",
        "metadata": {"resourceVersion": "8", "continue": next},
        "items": items,
    });
    list.to_string().into_bytes()
}

/// As one looks that has been applied and has scaled.
fn hpa(index: usize) -> Value {
    let metric = |name: &str| json!({"name": name, "selector": {"matchLabels": {"service": format!("web-{index}"), "env": "prod"}}});
    let external = |metric: Value| json!({"type": "External", "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "9"}}});
    let fields = json!({"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}},
        "f:spec": {"f:maxReplicas": {}, "f:metrics": {}, "f:minReplicas": {}, "f:scaleTargetRef": {}},
        "f:status": {"f:conditions": {}, "f:currentMetrics": {}, "f:currentReplicas": {}, "f:desiredReplicas": {}, "f:lastScaleTime": {}}});
    let managed = |manager: &str| json!({"manager": manager, "operation": "Update", "apiVersion": "autoscaling/v2", "time": "2026-06-01T12:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields});
    let spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("web-{index}")},
        "minReplicas": 1,
        "maxReplicas": 30,
        "metrics": [external(metric("nginx.net.request_per_s")), external(metric("queue.depth"))],
    });
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-06-01T12:00:00Z", "reason": "ReadyForNewScale", "message": "recommended size matches current size"});
    let current = |name: &str| json!({"type": "External", "external": {"metric": metric(name), "current": {"averageValue": "7500m"}}});
    json!({
        "metadata": {
            "name": format!("web-{index}"),
            "namespace": format!("team-{}", index % 200),
            "uid": format!("6ba7b810-9dad-11d1-80b4-{index:012}"),
            "resourceVersion": "7",
            "creationTimestamp": "2026-06-01T12:00:00Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": spec.to_string()},
            "managedFields": [managed("kubectl-client-side-apply"), managed("kube-controller-manager")],
        },
        "spec": spec,
        "status": {
            "currentReplicas": 3,
            "desiredReplicas": 3,
            "lastScaleTime": "2026-06-01T12:00:00Z",
            "conditions": [condition("AbleToScale"), condition("ScalingActive"), condition("ScalingLimited")],
            "currentMetrics": [current("nginx.net.request_per_s"), current("queue.depth")],
        },
    })
}
