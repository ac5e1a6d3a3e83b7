//! What it costs to keep a hundred thousand metrics: their texts, their places, and what
//! of them is worth a write. The API server's own time is not in it.

use divan::{Bencher, black_box};
use k8s_adapter::{
    Demand, KeptMetric, KeptObjects, KeptPlace, KeptPolicy, KeptValue, Known, ObjectChange,
};
use k8s_openapi::api::core::v1::ConfigMap;
use provider_api::{ExternalMetric, ObjectReference};
use time::{Duration, OffsetDateTime, macros::datetime};

const METRICS: i64 = 100_000;
const NOW: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);
const LATER: OffsetDateTime = datetime!(2026-01-02 03:00:30 UTC);
const POLICY: KeptPolicy = KeptPolicy {
    tolerance: 0.01,
    refresh_age: Duration::minutes(1),
};

fn main() {
    divan::main();
}

/// All texts are made, and all places given.
#[divan::bench]
fn the_first_write_of_100000_metrics(bencher: Bencher<'_, '_>) {
    let (objects, wanted) = (KeptObjects::new(place()), metrics(NOW, |_| 0));
    bencher.bench_local(|| objects.changes(&wanted, POLICY, NOW));
}

/// What a replica does that starts.
#[divan::bench]
fn a_hundred_thousand_metrics_read(bencher: Bencher<'_, '_>) {
    let maps = written();
    bencher.bench_local(|| read(black_box(&maps)));
}

/// The steady state: everything is measured anew, and hardly anything has moved.
#[divan::bench]
fn a_round_in_which_nothing_is_worth_a_write(bencher: Bencher<'_, '_>) {
    let (objects, wanted) = (read(&written()), metrics(LATER, |_| 0));
    assert!(objects.changes(&wanted, POLICY, LATER).objects.is_empty());
    bencher.bench_local(|| objects.changes(&wanted, POLICY, LATER));
}

#[divan::bench]
fn a_round_in_which_every_tenth_has_moved(bencher: Bencher<'_, '_>) {
    let (objects, wanted) = (read(&written()), metrics(LATER, |number| number % 10));
    assert!(!objects.changes(&wanted, POLICY, LATER).objects.is_empty());
    bencher.bench_local(|| objects.changes(&wanted, POLICY, LATER));
}

fn place() -> KeptPlace {
    KeptPlace::new("default", "datadog-hpa", "custom-metrics.datadoghq.com")
        .expect("Kubernetes can have such objects")
}

/// A metric of each autoscaler; `jump` says which of them have moved, by being 9.
fn metrics(time: OffsetDateTime, jump: impl Fn(i64) -> i64) -> Vec<KeptMetric> {
    let metric = |number: i64| {
        let asker = ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: format!("team-{}", number % 500).into(),
            name: format!("service-{number}").into(),
        };
        let parts = (
            asker.namespace.parse(),
            "nginx.net.request_per_s".parse(),
            format!("kube_container_name=nginx-{number},env=prod").parse(),
        );
        let (Ok(namespace), Ok(name), Ok(selector)) = parts else {
            panic!("these are names and a selector")
        };
        let metric = ExternalMetric::new(namespace, name, selector);
        let moved = if jump(number) == 9 { 10_000 } else { 0 };
        let value = KeptValue {
            value: (1_000 + number + moved).into(),
            time,
        };
        KeptMetric {
            demand: Demand { asker, metric },
            uid: None,
            query: None,
            known: Known::Fresh(value),
        }
    };
    (0..METRICS).map(metric).collect()
}

fn written() -> Vec<ConfigMap> {
    let changes = KeptObjects::new(place()).changes(&metrics(NOW, |_| 0), POLICY, NOW);
    let made = |change: &ObjectChange| change.created(&place(), NOW);
    changes.objects.iter().filter_map(made).collect()
}

fn read(maps: &[ConfigMap]) -> KeptObjects {
    let mut objects = KeptObjects::new(place());
    for map in maps {
        objects.apply(map);
    }
    objects
}
