//! What the API server makes of the watch over autoscalers, and of the events on them.

use std::sync::Arc;

use futures_util::StreamExt as _;
use k8s_adapter::{
    AutoscalerWatch, Events, Notice, Reporter, Severity, Watched, watch_autoscalers,
};
use kube_client::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use parking_lot::Mutex;
use provider_api::ObjectReference;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use crate::support::{ControlPlane, eventually, seconds};

const HPA: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
    - type: External
      external:
        metric: {name: queue.depth, selector: {matchLabels: {queue: orders}}}
        target: {type: AverageValue, averageValue: 9}
    - type: External
      external:
        metric: {name: s0-datadog, selector: {matchLabels: {scaledobject.keda.sh/name: web}}}
        target: {type: AverageValue, averageValue: 9}
";

/// The kind, without a schema: the API server takes any object.
const WATERMARKS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: watermarkpodautoscalers.datadoghq.com}
spec:
  group: datadoghq.com
  scope: Namespaced
  names: {kind: WatermarkPodAutoscaler, plural: watermarkpodautoscalers, singular: watermarkpodautoscaler}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const WATERMARK: &str = "
apiVersion: datadoghq.com/v1alpha1
kind: WatermarkPodAutoscaler
metadata: {name: web}
spec:
  metrics:
    - type: External
      external: {metricName: queue.depth, highWatermark: 9, lowWatermark: 5}
---
apiVersion: datadoghq.com/v1alpha1
kind: WatermarkPodAutoscaler
metadata: {name: strange}
spec: {metrics: nonsense}
";

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn autoscalers_of_a_kind_that_is_installed_later_are_read_and_none_is_lost_with_the_api_server() {
    let mut cp = ControlPlane::start();
    let runtime = runtime();
    let told = watching(&runtime, &cp);
    cp.apply(HPA);
    wait_for(
        &told,
        &[
            "failing: the API server serves no WatermarkPodAutoscaler",
            "synced",
            "+ HorizontalPodAutoscaler default/web asks for default/queue.depth{queue=orders}",
        ],
    );

    cp.apply(WATERMARKS);
    cp.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/watermarkpodautoscalers.datadoghq.com",
    ])
    .expect_success();
    cp.apply(WATERMARK);
    wait_for(
        &told,
        &[
            "+ WatermarkPodAutoscaler default/web asks for default/queue.depth{}",
            "problem: WatermarkPodAutoscaler default/strange",
        ],
    );

    cp.stop_apiserver();
    cp.start_apiserver();
    cp.kubectl(&["delete", "hpa/web"]).expect_success();
    wait_for(&told, &["- HorizontalPodAutoscaler default/web"]);
    let told = told.lock();
    let gone: Vec<_> = told.iter().filter(|line| line.starts_with('-')).collect();
    assert_eq!(gone.len(), 1, "{told:#?}");
    assert!(
        !told.iter().any(|line| line.contains("s0-datadog")),
        "{told:#?}"
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn kubectl_describe_shows_the_events_of_each_kind_of_autoscaler() {
    let cp = ControlPlane::start();
    cp.apply(WATERMARKS);
    cp.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/watermarkpodautoscalers.datadoghq.com",
    ])
    .expect_success();
    cp.apply(HPA);
    cp.apply(WATERMARK);

    let runtime = runtime();
    let [first, second] = ["pod-1", "pod-2"].map(|replica| telling(&runtime, &cp, replica));
    for kind in ["HorizontalPodAutoscaler", "WatermarkPodAutoscaler"] {
        let notice = |note: &str| Notice {
            about: ObjectReference {
                kind: kind.into(),
                namespace: "default".into(),
                name: "web".into(),
            },
            uid: None,
            severity: Severity::Warning,
            reason: "ExternalMetricFailing",
            note: note.to_owned(),
        };
        let shows = |note: &str, times: &str| {
            eventually(seconds(30), "the events are shown", || {
                let shown = cp.kubectl(&["describe", kind, "web"]).success()?;
                let lines: Vec<_> = shown.lines().filter(|line| line.contains(note)).collect();
                match lines[..] {
                    [line] if line.contains(times) => Ok(()),
                    _ => Err(shown),
                }
            });
        };
        for _ in 0..2 {
            assert!(first.tell(notice("what happens again is a series")));
        }
        shows("what happens again is a series", "(x2 over");
        for (replica, last) in [
            (&first, "the first is through"),
            (&second, "and the second"),
        ] {
            assert!(replica.tell_unless_told(notice("so it was found by each replica")));
            assert!(replica.tell(notice(last)));
            shows(last, "Warning");
        }
        shows("so it was found by each replica", "Warning");
    }
}

/// Tells events as long as the runtime lives.
fn telling(runtime: &Runtime, cp: &ControlPlane, replica: &str) -> Arc<Events> {
    let reporter = Reporter {
        controller: "metrics-server".to_owned(),
        instance: replica.to_owned(),
    };
    let client = runtime.block_on(client(cp));
    let _in_runtime = runtime.enter();
    let events = Arc::new(Events::new(client, reporter, Arc::new(now)));
    let runs = Arc::clone(&events);
    runtime.spawn(async move { runs.run().await });
    events
}

fn runtime() -> Runtime {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Runtime::new().expect("the machine has threads")
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes live by the real clock"
)]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

async fn client(cp: &ControlPlane) -> Client {
    let kubeconfig = Kubeconfig::read_from(cp.admin()).expect("the control plane wrote it");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = config.map(Client::try_from);
    client
        .expect("the kubeconfig names a cluster")
        .expect("and how it is recognized")
}

/// What the watch tells, as lines.
fn watching(runtime: &Runtime, cp: &ControlPlane) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let client = runtime.block_on(client(cp));
    let told = Arc::clone(&lines);
    runtime.spawn(async move {
        let settings = AutoscalerWatch {
            watermark: true,
            ..AutoscalerWatch::default()
        };
        let mut watch = Box::pin(watch_autoscalers(client, settings));
        while let Some(watched) = watch.next().await {
            told.lock().extend(of(watched));
        }
    });
    lines
}

fn of(watched: Watched) -> Vec<String> {
    let change = match watched {
        Watched::Changed(change) => change,
        Watched::Synced => return vec!["synced".to_owned()],
        Watched::Failing(why) => return vec![format!("failing: {why}")],
    };
    let added = change.added.iter().map(|asking| &asking.demand);
    let added = added.map(|demand| format!("+ {} asks for {}", demand.asker, demand.metric));
    let removed = change
        .removed
        .iter()
        .map(|demand| format!("- {}", demand.asker));
    let problems = change
        .problems
        .iter()
        .map(|problem| format!("problem: {problem}"));
    added.chain(removed).chain(problems).collect()
}

#[track_caller]
fn wait_for(told: &Mutex<Vec<String>>, begins: &[&str]) {
    eventually(seconds(90), "the watch tells", || {
        let told = told.lock();
        match begins
            .iter()
            .all(|begin| told.iter().any(|line| line.starts_with(begin)))
        {
            true => Ok(()),
            false => Err(format!("{told:#?}")),
        }
    });
}
