//! The agent in a cluster with very many autoscalers: how long it takes to know them all,
//! how much memory it takes, how much it works and how much it writes to the API server.
//!
//! ```text
//! cargo bench -p cluster-agent-bin --bench cluster -- 500 5000 50000
//! ```
//!
//! The numbers are those of autoscalers, each of which asks for two metrics. There are ten
//! thousand distinct queries at most, whose values change all the time. No controller runs
//! besides, so the writes are the agent's.

#![expect(clippy::disallowed_methods, reason = "it measures time")]

#[path = "../tests/cluster/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest")]
mod support;

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Namespace};
use kube_client::{Api, Client, Config, api::PostParams, config::Kubeconfig};
use serde_json::json;

use crate::support::{Agent, ControlPlane, Datadog, eventually, seconds};

/// How many autoscalers are in one namespace.
const CROWD: u32 = 1_000;
/// How many distinct queries there are at most.
const QUERIES: u32 = 10_000;
/// How long the writes are counted.
const STEADY: Duration = Duration::from_secs(60);

fn main() {
    let sizes: Vec<u32> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![500, 5_000]
    } else {
        sizes
    };

    let mut cp = ControlPlane::start();
    cp.controller_manager = None;
    cp.install("rbac.yaml");
    // As many ConfigMaps as it takes.
    cp.apply(&permission().to_string());
    let datadog = Datadog::start(cp.folder(), &scenario().to_string());
    let runtime = tokio::runtime::Runtime::new().expect("threads can be had");
    let mut made = 0;
    println!(
        "autoscalers  demands  list, API server  known after  ready after  memory     most     of a core  writes a second"
    );
    for size in sizes {
        runtime.block_on(make(&cp, made..size.max(made)));
        made = made.max(size);
        println!("{}", measure(&cp, &datadog, size));
    }
}

/// Starts an agent, and watches it until it is at rest and for a while after.
fn measure(cp: &ControlPlane, datadog: &Datadog, size: u32) -> String {
    let begun = Instant::now();
    let path = "/apis/autoscaling/v2/horizontalpodautoscalers";
    cp.kubectl(&["get", "--raw", path]).expect_success();
    let listed = begun.elapsed();

    let begun = Instant::now();
    let mut agent = Agent::start(cp, datadog, &[("DD_POD_NAME", "measured")]);
    agent.line(seconds(300), "the autoscalers of the cluster are known");
    let known = begun.elapsed();
    agent.ready(seconds(300));
    let ready = begun.elapsed();
    // Everything is kept once.
    eventually(seconds(300), "what is known is kept", || {
        let before = writes(cp);
        std::thread::sleep(Duration::from_secs(20));
        let made = rate(&before, &writes(cp), Duration::from_secs(20));
        if made < 50.0 {
            Ok(())
        } else {
            Err(format!("{made} writes a second"))
        }
    });
    let (before, busy) = (writes(cp), busy(agent.process.id()));
    let begun = Instant::now();
    std::thread::sleep(STEADY);
    let (after, span) = (writes(cp), begun.elapsed());
    let made = rate(&before, &after, span);
    let core = (self::busy(agent.process.id()) - busy).as_secs_f64() / span.as_secs_f64();
    let [memory, most] = ["VmRSS", "VmHWM"].map(|name| mebibytes(agent.process.id(), name));
    let by_resource: Vec<_> = after
        .iter()
        .map(|(resource, count)| {
            (
                resource,
                count - before.get(resource).copied().unwrap_or(0.0),
            )
        })
        .filter(|(_, count)| *count > 0.0)
        .map(|(resource, count)| format!("{resource} {count}"))
        .collect();
    format!(
        "{size:>11}  {:>7}  {listed:>16.2?}  {known:>11.2?}  {ready:>11.2?}  {memory:>3} MiB  {most:>3} MiB  {:>8.1} %  {made:.2} ({})",
        size * 2,
        core * 100.0,
        by_resource.join(", ")
    )
}

/// What the API server has counted of writes so far, by resource.
fn writes(cp: &ControlPlane) -> BTreeMap<String, f64> {
    let metrics = cp.kubectl(&["get", "--raw", "/metrics"]).expect_success();
    let mut writes = BTreeMap::new();
    for line in metrics.lines() {
        let Some(labels) = line.strip_prefix("apiserver_request_total{") else {
            continue;
        };
        let is_write = ["POST", "PUT", "PATCH", "DELETE"]
            .iter()
            .any(|verb| labels.contains(&format!("verb=\"{verb}\"")));
        let resource = labels.split("resource=\"").nth(1);
        let resource = resource.and_then(|rest| rest.split('"').next());
        let count = line.rsplit(' ').next().and_then(|count| count.parse().ok());
        if let (true, Some(resource), Some(count)) = (is_write, resource, count) {
            let count: f64 = count;
            // Reviews are questions that travel as writes, and are written nowhere.
            if !resource.ends_with("reviews") {
                *writes.entry(resource.to_owned()).or_default() += count;
            }
        }
    }
    writes
}

fn rate(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, span: Duration) -> f64 {
    let sum = |writes: &BTreeMap<String, f64>| writes.values().sum::<f64>();
    (sum(after) - sum(before)) / span.as_secs_f64()
}

fn mebibytes(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with(name));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kibibytes: u64 = kibibytes
        .and_then(|text| text.parse().ok())
        .expect("a size in kB");
    kibibytes / 1024
}

/// How long the processor has worked for it.
fn busy(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = stat
        .rsplit_once(')')
        .expect("its name stands in parentheses");
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum();
    // Linux counts in hundredths of a second.
    Duration::from_millis(ticks * 10)
}

/// Makes the autoscalers of these numbers.
async fn make(cp: &ControlPlane, numbers: std::ops::Range<u32>) {
    let kubeconfig = Kubeconfig::read_from(cp.admin()).expect("the control plane wrote it");
    let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await;
    let client = Client::try_from(config.expect("it is whole")).expect("a client");
    let params = PostParams::default();
    for crowd in numbers.start.div_ceil(CROWD)..numbers.end.div_ceil(CROWD) {
        let namespace = json!({"metadata": {"name": format!("crowd-{crowd}")}});
        let namespace: Namespace = serde_json::from_value(namespace).expect("a namespace");
        let made = Api::all(client.clone()).create(&params, &namespace).await;
        made.expect("the API server makes it");
    }
    let made = stream::iter(numbers).map(|number| {
        let hpas = Api::namespaced(client.clone(), &format!("crowd-{}", number / CROWD));
        let params = &params;
        async move { hpas.create(params, &hpa(number)).await }
    });
    made.buffer_unordered(64)
        .for_each(|made| {
            made.expect("the API server makes it");
            std::future::ready(())
        })
        .await;
}

fn hpa(number: u32) -> HorizontalPodAutoscaler {
    let metric = |query: u32| {
        json!({ "type": "External", "external": {
            "metric": {
                "name": "crowd.size",
                "selector": { "matchLabels": { "query": (query % QUERIES).to_string() } },
            },
            "target": { "type": "AverageValue", "averageValue": "9" },
        }})
    };
    let hpa = json!({
        "metadata": { "name": format!("hpa-{number}") },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "maxReplicas": 3,
            "metrics": [metric(number), metric(number + 1)],
        },
    });
    serde_json::from_value(hpa).expect("an autoscaler")
}

/// A Datadog that knows all queries, whose values change from bucket to bucket, and that has
/// calls enough.
fn scenario() -> serde_json::Value {
    let series: Vec<_> = (0..QUERIES)
        .map(|query| {
            json!({
                "metric": "crowd.size",
                "tags": { "query": query.to_string() },
                "shape": { "wave": { "mean": 100, "amplitude": 90, "period": "7m" } },
            })
        })
        .collect();
    json!({ "rate_limit": { "limit": 10_000_000, "period": "1h" }, "series": series })
}

/// More ConfigMaps may be written than the manifest names.
fn permission() -> serde_json::Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": "configmaps", "namespace": "default" },
            "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch", "delete"] }],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "configmaps", "namespace": "default" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "configmaps" },
            "subjects": [{ "kind": "ServiceAccount", "name": "dca", "namespace": "default" }],
        },
    ]})
}
