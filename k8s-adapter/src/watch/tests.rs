//! What the watch tells of the events of a cluster, and of a stub of the API server.

use std::{future::ready, sync::Mutex};

use serde_json::{Value, json};

use super::*;
use crate::{Demand, testing::api_server};

fn hpa(name: &str, metric: &str) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": "shop", "name": name, "resourceVersion": "8"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "nginx"},
            "maxReplicas": 3,
            "metrics": [{"type": "External", "external": {"metric": {"name": metric}, "target": {"type": "Value", "value": "9"}}}],
        },
    })
}

fn wpa(name: &str, metric: &str) -> Value {
    json!({
        "apiVersion": "datadoghq.com/v1alpha1",
        "kind": "WatermarkPodAutoscaler",
        "metadata": {"namespace": "shop", "name": name, "resourceVersion": "8"},
        "spec": {"metrics": [{"type": "External", "external": {"metricName": metric}}]},
    })
}

fn read(object: Value) -> Object {
    serde_json::from_value(object).unwrap()
}

fn object(name: &str, metric: &str) -> Object {
    read(hpa(name, metric))
}

/// What was told, as lines.
fn lines(told: &[Watched]) -> Vec<String> {
    let demands = |sign: &'static str, demands: &[Demand]| -> Vec<String> {
        demands
            .iter()
            .map(|Demand { asker, metric, .. }| format!("{sign} {} {}", asker.name, metric.name()))
            .collect()
    };
    told.iter()
        .flat_map(|told| match told {
            Watched::Changed(change) => {
                let added: Vec<_> = change
                    .added
                    .iter()
                    .map(|asking| asking.demand.clone())
                    .collect();
                [demands("+", &added), demands("-", &change.removed)].concat()
            }
            Watched::Synced => vec!["synced".to_owned()],
            Watched::Failing(error) => vec![error.to_string()],
        })
        .collect()
}

/// The first things that are told of a cluster.
async fn first(count: usize, client: Client, settings: AutoscalerWatch) -> Vec<String> {
    let told = watch_autoscalers(client, settings).take(count);
    lines(&told.collect::<Vec<_>>().await)
}

fn with_watermarks() -> AutoscalerWatch {
    AutoscalerWatch {
        watermark: true,
        ..AutoscalerWatch::default()
    }
}

fn failure(code: u16, message: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "message": message});
    (code, status)
}

fn list(items: &[Value]) -> (u16, Value) {
    let list = json!({"metadata": {"resourceVersion": "7"}, "items": items});
    (200, list)
}

const FIRST_UNSERVED: &str = "the API server serves no WatermarkPodAutoscaler: install their \
    CustomResourceDefinition (datadoghq.com/v1alpha1), or switch off that they are watched";

#[test]
fn a_list_counts_when_it_is_complete() {
    let mut watch = Watch::new(AutoscalerWatch::default());
    let mut step = |event| lines(&watch.step(0, Ok(event)));
    assert_eq!(step(Event::Init), [""; 0]);
    assert_eq!(step(Event::InitApply(object("a", "x"))), [""; 0]);
    // The list broke off; the next one starts over.
    assert_eq!(step(Event::Init), [""; 0]);
    assert_eq!(step(Event::InitApply(object("b", "x"))), [""; 0]);
    assert_eq!(step(Event::InitDone), ["+ b x", "synced"]);
    assert_eq!(step(Event::Apply(object("b", "y"))), ["+ b y", "- b x"]);
    assert_eq!(step(Event::Apply(object("b", "y"))), [""; 0]);
    assert_eq!(step(Event::Delete(object("b", "y"))), ["- b y"]);
}

#[test]
fn a_new_list_withdraws_what_is_missing_and_is_no_second_synced() {
    let mut watch = Watch::new(AutoscalerWatch::default());
    let mut step = |event| lines(&watch.step(0, Ok(event)));
    assert_eq!(step(Event::InitDone), ["synced"]);
    step(Event::Apply(object("a", "x")));
    step(Event::Apply(object("b", "x")));
    step(Event::Init);
    step(Event::InitApply(object("b", "x")));
    assert_eq!(step(Event::InitDone), ["- a x"]);
}

#[test]
fn all_is_known_when_every_kind_is_listed_and_a_list_withdraws_nothing_of_another_kind() {
    let mut watch = Watch::new(with_watermarks());
    let mut step = |place, event| lines(&watch.step(place, Ok(event)));
    step(0, Event::InitApply(object("a", "x")));
    assert_eq!(step(0, Event::InitDone), ["+ a x"]);
    step(1, Event::InitApply(read(wpa("a", "x"))));
    assert_eq!(step(1, Event::InitDone), ["+ a x", "synced"]);
    step(0, Event::Init);
    assert_eq!(step(0, Event::InitDone), ["- a x"]);
    assert_eq!(step(1, Event::Delete(read(wpa("a", "x")))), ["- a x"]);
}

#[test]
fn a_kind_that_is_absent_asks_for_nothing_and_is_told_once() {
    let mut watch = Watch::new(with_watermarks());
    let absent = || {
        Err(ApiError::Unserved {
            kind: WATERMARKS.kind.name,
            mend: WATERMARKS.unserved,
        })
    };
    assert_eq!(lines(&watch.step(0, Ok(Event::InitDone))), [""; 0]);
    assert_eq!(lines(&watch.step(1, absent())), [FIRST_UNSERVED, "synced"]);
    assert_eq!(lines(&watch.step(1, absent())), [""; 0]);
    // It comes, and what it asks for stays when the API server forgets it for a moment.
    watch.step(1, Ok(Event::InitApply(read(wpa("a", "x")))));
    assert_eq!(lines(&watch.step(1, Ok(Event::InitDone))), ["+ a x"]);
    assert_eq!(lines(&watch.step(1, absent())), [FIRST_UNSERVED]);
}

#[test]
fn a_cluster_that_serves_no_hpas_is_not_known() {
    let mut watch = Watch::new(AutoscalerWatch::default());
    let mut unserved = || {
        let error = ApiError::Unserved {
            kind: HPAS.kind.name,
            mend: HPAS.unserved,
        };
        lines(&watch.step(0, Err(error))).len()
    };
    assert_eq!([unserved(), unserved()], [1, 1]);
}

#[test]
fn only_references_of_an_autoscaler_without_the_labels_are_demanded() {
    let settings = AutoscalerWatch {
        only: "team=a,managed-by!=keda".parse().unwrap(),
        ..AutoscalerWatch::default()
    };
    let labelled = |labels: Value| {
        let mut hpa = hpa("a", "x");
        hpa["metadata"]["labels"] = labels;
        let reference =
            json!({"type": "External", "external": {"metric": {"name": "DatadogMetric@shop:x"}}});
        hpa["spec"]["metrics"]
            .as_array_mut()
            .unwrap()
            .push(reference);
        Event::Apply(read(hpa))
    };
    let mut watch = Watch::new(settings);
    let mut step = |event| lines(&watch.step(0, Ok(event)));
    assert_eq!(step(labelled(Value::Null)), ["+ a datadogmetric@shop:x"]);
    assert_eq!(step(labelled(json!({"team": "a"}))), ["+ a x"]);
    assert_eq!(
        step(labelled(json!({"team": "a", "managed-by": "keda"}))),
        ["- a x"]
    );
}

#[test]
fn an_object_that_is_made_anew_under_its_name_asks_anew() {
    let with_uid = |uid: &str| {
        let mut hpa = hpa("a", "x");
        hpa["metadata"]["uid"] = json!(uid);
        Event::Apply(read(hpa))
    };
    let mut watch = Watch::new(AutoscalerWatch::default());
    let mut step = |event| lines(&watch.step(0, Ok(event)));
    assert_eq!(step(with_uid("1")), ["+ a x"]);
    assert_eq!(step(with_uid("1")), [""; 0]);
    assert_eq!(step(with_uid("2")), ["+ a x"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_its_mend_and_the_watch_goes_on() {
    let (client, asked) = {
        let tries = std::sync::atomic::AtomicU32::new(0);
        api_server(
            move |path, _| match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => failure(403, "no"),
                1 => list(&[hpa("a", "x")]),
                2 => (200, json!({"type": "MODIFIED", "object": hpa("a", "y")})),
                3 => {
                    let (_, status) = failure(410, "too old");
                    (200, json!({"type": "ERROR", "object": status}))
                }
                _ if !path.contains("watch=true") => list(&[]),
                _ => (200, json!({"type": "DELETED", "object": hpa("a", "y")})),
            },
        )
    };
    assert_eq!(
        first(6, client, AutoscalerWatch::default()).await,
        [
            "the API server forbids it (no): grant this server's ServiceAccount list and watch on \
             horizontalpodautoscalers in the API group autoscaling",
            "+ a x",
            "synced",
            "+ a y",
            "- a x",
            "the API server has forgotten the place where the watch stood: listing anew",
            "- a y",
        ]
    );
    let asked = asked.lock().unwrap();
    assert!(
        asked[0]
            .0
            .starts_with("/apis/autoscaling/v2/horizontalpodautoscalers?"),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_of_the_cluster_withdraws_nothing() {
    // Before the upgrade there is v2beta2 alone, and after it v2 alone.
    let is_upgraded = Mutex::new(false);
    let (client, _) = api_server(move |path, _| {
        let mut is_upgraded = is_upgraded.lock().unwrap();
        let serves = match *is_upgraded {
            true => "/apis/autoscaling/v2/",
            false => "/apis/autoscaling/v2beta2/",
        };
        if !path.starts_with(serves) {
            return failure(404, "404 page not found");
        }
        match (path.contains("watch=true"), *is_upgraded) {
            (false, false) => list(&[hpa("a", "x"), hpa("b", "x")]),
            (false, true) => list(&[hpa("a", "x"), hpa("b", "y")]),
            (true, false) => {
                // The watch ends, and with it the version.
                *is_upgraded = true;
                let mut old = hpa("a", "x");
                old["apiVersion"] = json!("autoscaling/v2beta2");
                (200, json!({"type": "MODIFIED", "object": old}))
            }
            (true, true) => (200, json!({"type": "DELETED", "object": hpa("a", "x")})),
        }
    });
    assert_eq!(
        first(4, client, AutoscalerWatch::default()).await,
        ["+ a x", "+ b x", "synced", "+ b y", "- b x", "- a x"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_version_is_told_and_asked_again_in_growing_pauses() {
    let (client, asked) = api_server(|_, _| failure(404, "404 page not found"));
    let begun = tokio::time::Instant::now();
    let told = first(5, client, AutoscalerWatch::default()).await;
    let unserved = "the API server serves no HorizontalPodAutoscaler: check what answers at its \
        address: each Kubernetes since 1.12 serves autoscaling/v2beta2 or autoscaling/v2";
    assert_eq!(told, [unserved; 5]);
    assert!(begun.elapsed().as_secs() > 5, "{:?}", begun.elapsed());
    let asked = asked.lock().unwrap();
    let versions: Vec<_> = asked
        .iter()
        .map(|(path, _)| path.split('/').nth(3).unwrap_or_default())
        .collect();
    assert_eq!(versions, ["v2", "v2beta2"].repeat(5));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_installed_later_is_found_and_others_do_not_wait_for_it() {
    let tries = Mutex::new(0);
    let (client, _) = api_server(move |path, _| {
        if path.contains("watch=true") {
            return failure(500, "later");
        }
        if path.contains("horizontalpodautoscalers") {
            return list(&[hpa("a", "x")]);
        }
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        match *tries {
            ..=3 => failure(404, "404 page not found"),
            _ => list(&[wpa("b", "y")]),
        }
    });
    let told = watch_autoscalers(client, with_watermarks())
        .filter(|told| ready(!matches!(told, Watched::Failing(ApiError::Refused { .. }))))
        .take(4);
    let mut told = lines(&told.collect::<Vec<_>>().await);
    assert_eq!(told.pop().as_deref(), Some("+ b y"));
    // Whichever of the kinds is heard first.
    told.sort();
    assert_eq!(told, ["+ a x", "synced", FIRST_UNSERVED]);
}
