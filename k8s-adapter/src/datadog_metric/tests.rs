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

#[tokio::test(start_paused = true)]
async fn a_definition_is_told_once_and_a_status_is_no_news() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let (client, _) = api_server(move |_, _| {
        let with_status = |query: &str| {
            let mut object = object("depth", query);
            object["status"] = json!({"currentValue": "7"});
            object
        };
        let list = |items: Value| json!({"metadata": {"resourceVersion": "7"}, "items": items});
        let event = |kind: &str, object: Value| json!({"type": kind, "object": object});
        match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => (
                404,
                json!({"kind": "Status", "status": "Failure", "code": 404, "message": "no"}),
            ),
            1 => (200, list(json!([object("depth", "a")]))),
            2 => (200, event("MODIFIED", with_status("a"))),
            3 => (200, event("MODIFIED", with_status("b"))),
            _ => (200, event("DELETED", with_status("b"))),
        }
    });
    let told: Vec<_> = DatadogMetrics::new(client, PREFIX)
        .watch()
        .take(5)
        .map(|told| match told {
            MetricsWatched::Changed(MetricsChange {
                defined, removed, ..
            }) => {
                let defined = defined.iter().map(|metric| format!("+{}", metric.query));
                let removed = removed.iter().map(|metric| format!("-{}", metric.query));
                defined.chain(removed).collect::<Vec<_>>().join(" ")
            }
            MetricsWatched::Synced => "synced".to_owned(),
            MetricsWatched::Failing(why) => why.to_string(),
        })
        .collect()
        .await;
    assert!(told[0].contains("datadogmetric-crd.yaml"), "{told:?}");
    assert_eq!(told[1..], ["+a", "synced", "+b", "-b"]);
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
async fn an_object_that_somebody_has_changed_waits_and_a_missing_permission_is_told() {
    let objects = || vec![object("a", "q"), object("b", "q")];
    let standings = ["a", "b"].map(|name| standing(name, 7));
    let (metrics, written) = watched(objects(), |path| path.contains("/a/").then_some(409)).await;
    let outcome = metrics.write(&standings, 9, NOW).await.unwrap();
    assert_eq!(outcome, MetricsWritten { writes: 1, left: 1 });
    assert_eq!(places(&written), ["shop/datadogmetrics/b/status"]);

    let (metrics, _) = watched(objects(), |_| Some(403)).await;
    let why = metrics.write(&standings, 9, NOW).await.unwrap_err();
    assert_eq!(why.to_string(), "DatadogMetric shop/a cannot be written");
    assert!(
        why.source
            .to_string()
            .contains("update on datadogmetrics/status"),
        "{}",
        why.source
    );
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
