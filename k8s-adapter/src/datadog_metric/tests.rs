//! The objects that a stub of the API server has, and what it is sent.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use time::Duration;

use super::*;
use crate::testing::{NOW, api_server};

const PREFIX: &str = "metrics.example/";

fn object(name: &str, query: &str) -> Value {
    json!({
        "apiVersion": "datadoghq.com/v1alpha1",
        "kind": "DatadogMetric",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1"},
        "spec": {"query": query},
    })
}

fn metric(name: &str) -> ObjectReference {
    ObjectReference {
        kind: "DatadogMetric".into(),
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn standing(name: &str, value: i64) -> MetricStanding {
    MetricStanding {
        metric: metric(name),
        askers: Vec::new(),
        is_active: true,
        value: Some((value.into(), NOW)),
        is_served: true,
        failure: None,
    }
}

/// What was written: method-less path and body.
type Written = Arc<Mutex<Vec<(String, Value)>>>;

/// A stub that has these objects, and refuses a write as `refuses` says.
async fn watched(
    objects: Vec<Value>,
    refuses: impl Fn(&str) -> Option<u16> + Send + Sync + 'static,
) -> (DatadogMetrics, Written) {
    let written = Written::default();
    let log = Arc::clone(&written);
    let (client, _) = api_server(move |path, body| {
        if path.starts_with("/apis/datadoghq.com/v1alpha1/datadogmetrics?") {
            let list = json!({"metadata": {"resourceVersion": "7"}, "items": objects});
            return (200, list);
        }
        let place = path
            .trim_end_matches('?')
            .trim_start_matches("/apis/datadoghq.com/v1alpha1/namespaces/")
            .to_owned();
        if let Some(code) = refuses(&place) {
            let status =
                json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"});
            return (code, status);
        }
        log.lock().unwrap().push((place, body.clone()));
        match body.get("kind") {
            Some(kind) if kind == "DatadogMetric" => (200, body.clone()),
            _ => (200, json!({"kind": "Status", "status": "Success"})),
        }
    });
    let metrics = DatadogMetrics::new(client, PREFIX);
    {
        let mut watch = std::pin::pin!(metrics.watch());
        while let Some(told) = watch.next().await {
            if matches!(told, MetricsWatched::Synced) {
                break;
            }
        }
    }
    (metrics, written)
}

fn places(written: &Written) -> Vec<String> {
    let written = written.lock().unwrap();
    written.iter().map(|(place, _)| place.clone()).collect()
}

fn read(object: Value) -> Object {
    Object::read(serde_json::from_value(object).unwrap(), PREFIX)
}

#[test]
fn what_an_object_defines_is_read_in_whichever_form_it_has() {
    let mut written = object("depth", " avg:depth{*} ");
    written["spec"]["maxAge"] = json!("15m");
    written["spec"]["timeWindow"] = json!("0s");
    written["metadata"]["annotations"] = json!({
        "metrics.example/hold": "5m",
        "metrics.example/always-active": "T",
        "else": "x",
    });
    let whole = read(written);
    assert_eq!(whole.problems, []);
    assert_eq!(
        whole.defined,
        Defined {
            metric: metric("depth"),
            uid: Some("uid-depth".into()),
            query: "avg:depth{*}".into(),
            generated_for: None,
            max_age: Some(std::time::Duration::from_secs(900)),
            time_window: None,
            is_always_active: true,
            annotations: Arc::new([("hold".to_owned(), "5m".to_owned())].into()),
        }
    );

    let mut strange = object("depth", "");
    strange["spec"] =
        json!({"query": 7, "maxAge": "soon", "timeWindow": [], "externalMetricName": "a"});
    strange["metadata"]["annotations"] = json!({"metrics.example/always-active": "maybe"});
    let strange = read(strange);
    let told: Vec<_> = strange.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "DatadogMetric shop/depth: spec.query is 7, and should be a text",
            "DatadogMetric shop/depth: spec.timeWindow is [], and should be a text",
            "DatadogMetric shop/depth: spec.maxAge is `soon`, and should be a span of time such as 90s or 10m",
            "DatadogMetric shop/depth: the annotation always-active is `maybe`, and should be true or false",
        ]
    );
    assert_eq!(strange.defined.query.as_ref(), "");
    assert!(!strange.defined.is_generated());
    for nonsense in [json!(null), json!(7), json!("x")] {
        let mut object = object("depth", "");
        object["spec"] = nonsense;
        assert_eq!(read(object).defined.query.as_ref(), "");
    }
}

/// What the watch tells, as lines.
fn line(told: MetricsWatched) -> String {
    match told {
        MetricsWatched::Changed(MetricsChange {
            defined, removed, ..
        }) => {
            let defined = defined.iter().map(|metric| format!("+{}", metric.query));
            let removed = removed.iter().map(|metric| format!("-{}", metric.query));
            defined.chain(removed).collect::<Vec<_>>().join(" ")
        }
        MetricsWatched::Synced => "synced".to_owned(),
        MetricsWatched::Failing(why) => why.to_string(),
    }
}

fn list(items: &[Value]) -> (u16, Value) {
    (
        200,
        json!({"metadata": {"resourceVersion": "7"}, "items": items}),
    )
}

fn status_of(code: u16) -> (u16, Value) {
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"});
    (code, status)
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_kind_has_none_of_them_and_says_so_once() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let (client, _) =
        api_server(
            move |_, _| match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0..=2 => status_of(404),
                _ => list(&[object("depth", "a")]),
            },
        );
    let watch = DatadogMetrics::new(client, PREFIX).watch();
    let told: Vec<_> = watch.take(3).map(line).collect().await;
    assert!(told[0].contains("datadogmetric-crd.yaml"), "{told:?}");
    assert_eq!(told[1..], ["synced", "+a"]);
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_told_once_and_a_status_is_no_news() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let (client, _) = api_server(move |_, _| {
        let with_status = |query: &str| {
            let mut object = object("depth", query);
            object["status"] = json!({"currentValue": "7"});
            object
        };
        let event = |kind: &str, object: Value| (200, json!({"type": kind, "object": object}));
        match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => list(&[object("depth", "a"), object("other", "o")]),
            1 => event("MODIFIED", with_status("a")),
            2 => event("MODIFIED", with_status("b")),
            3 => event("ERROR", status_of(410).1),
            // Gone while nobody watched.
            4 => list(&[object("depth", "b")]),
            _ => event("DELETED", with_status("b")),
        }
    });
    let watch = DatadogMetrics::new(client, PREFIX).watch();
    let told: Vec<_> = watch.take(6).map(line).collect().await;
    assert_eq!(told[..3], ["+a +o", "synced", "+b"]);
    assert_eq!(told[4..], ["-o", "-b"]);
}

#[tokio::test(start_paused = true)]
async fn turns_are_written_first_and_no_more_than_are_allowed() {
    let mut stood = object("b", "q");
    let (_, status) = status::status(
        &Value::Null,
        &MetricStanding {
            value: Some((1.into(), NOW - Duration::HOUR)),
            ..standing("b", 1)
        },
        NOW - Duration::HOUR,
    )
    .unwrap();
    stood["status"] = status;
    let (metrics, written) =
        watched(vec![object("a", "q"), stood, object("c", "q")], |_| None).await;
    let standings = ["a", "b", "c", "gone"].map(|name| standing(name, 7));
    let first = metrics.write(&standings, 2, NOW).await.unwrap();
    assert_eq!(first, MetricsWritten { writes: 2, left: 1 });
    let second = metrics.write(&standings, 2, NOW).await.unwrap();
    assert_eq!(second, MetricsWritten { writes: 1, left: 0 });
    // What was written is known.
    let third = metrics.write(&standings, 2, NOW).await.unwrap();
    assert_eq!(third, MetricsWritten::default());
    let status = |name: &str| format!("shop/datadogmetrics/{name}/status");
    assert_eq!(places(&written), [status("a"), status("c"), status("b")]);
    assert_eq!(written.lock().unwrap()[0].1["status"]["currentValue"], "7");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_written_keeps_no_other_from_it() {
    let objects = || ["a", "b", "c"].map(|name| object(name, "q")).to_vec();
    let standings = ["a", "b", "c"].map(|name| standing(name, 7));
    // Somebody has changed or deleted it.
    for code in [409, 404] {
        let refuses = move |path: &str| path.contains("/a/").then_some(code);
        let (metrics, written) = watched(objects(), refuses).await;
        let outcome = metrics.write(&standings, 9, NOW).await.unwrap();
        assert_eq!(outcome, MetricsWritten { writes: 2, left: 1 });
        assert_eq!(places(&written).len(), 2);
    }
    // A rule of the cluster forbids it.
    let refuses = |path: &str| path.contains("/a/").then_some(422);
    let (metrics, written) = watched(objects(), refuses).await;
    let why = metrics.write(&standings, 1, NOW).await.unwrap_err();
    assert_eq!(why.to_string(), "DatadogMetric shop/a cannot be written");
    metrics.write(&standings, 1, NOW).await.unwrap();
    metrics.write(&standings, 9, NOW).await.unwrap_err();
    let status = |name: &str| format!("shop/datadogmetrics/{name}/status");
    assert_eq!(places(&written), [status("b"), status("c")]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_told_and_an_api_server_that_fails_is_asked_no_further() {
    let objects = || ["a", "b"].map(|name| object(name, "q")).to_vec();
    let standings = ["a", "b"].map(|name| standing(name, 7));
    for (code, asked) in [(403, 2), (503, 1)] {
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let refuses = move |_: &str| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Some(code)
        };
        let (metrics, _) = watched(objects(), refuses).await;
        let why = metrics.write(&standings, 9, NOW).await.unwrap_err();
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), asked);
        let is_told = why
            .source
            .to_string()
            .contains("update on datadogmetrics/status");
        assert_eq!(is_told, code == 403, "{}", why.source);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_the_first_list() {
    let (client, asked) = api_server(|_, _| status_of(500));
    let metrics = DatadogMetrics::new(client, PREFIX);
    let generated = Generated {
        query: "q".into(),
        metric_name: "depth".into(),
    };
    let nothing = MetricsWritten::default();
    let outcome = metrics.write(&[standing("a", 7)], 9, NOW).await.unwrap();
    assert_eq!(outcome, nothing);
    let outcome = metrics.generate("shop", &[generated], 9, NOW).await;
    assert_eq!(outcome.unwrap(), nothing);
    assert_eq!(asked.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_tells_during_a_write_is_newer_than_its_answer() {
    let (metrics, _) = watched(vec![object("a", "q")], |_| None).await;
    let key = ("shop".into(), "a".into());
    let sent = metrics.state.lock().objects[&key].written.metadata.clone();
    let mut newer = object("a", "other");
    newer["metadata"]["resourceVersion"] = json!("9");
    metrics
        .state
        .lock()
        .objects
        .insert(key.clone(), read(newer));
    let answer = serde_json::from_value(object("a", "q")).unwrap();
    metrics.wrote(&sent, answer);
    let state = metrics.state.lock();
    let known = &state.objects[&key].written;
    assert_eq!(known.metadata.resource_version.as_deref(), Some("9"));
    assert_eq!(known.data["spec"]["query"], "other");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_by_a_plain_name_has_an_object_until_nobody_asks_for_three_hours() {
    let generated = |query: &str| Generated {
        query: query.into(),
        metric_name: "depth".into(),
    };
    let idle = |name: &str, since: time::OffsetDateTime| {
        let mut object = object(name, "old");
        object["spec"]["externalMetricName"] = json!("depth");
        let idle = MetricStanding {
            is_active: false,
            ..standing(name, 7)
        };
        object["status"] = status::status(&Value::Null, &idle, since).unwrap().1;
        object
    };
    let long_ago = NOW - Duration::hours(3);
    let objects = vec![
        idle(&generated_name("there"), long_ago),
        idle(&generated_name("unused"), long_ago),
        idle(&generated_name("lately"), long_ago + Duration::SECOND),
        // Somebody has written it.
        idle("by-hand", long_ago),
    ];
    let (metrics, written) = watched(objects, |_| None).await;
    let wanted = [generated("there"), generated("new")];
    let outcome = metrics.generate("shop", &wanted, 9, NOW).await.unwrap();
    assert_eq!(outcome, MetricsWritten { writes: 2, left: 0 });
    let unused = format!("shop/datadogmetrics/{}", generated_name("unused"));
    assert_eq!(places(&written), ["shop/datadogmetrics".to_owned(), unused]);
    let made = &written.lock().unwrap()[0].1;
    assert_eq!(made["metadata"]["name"], generated_name("new"));
    assert_eq!(
        made["spec"],
        json!({"query": "new", "externalMetricName": "depth"})
    );
}
