//! The events that a stub of the API server is sent.

use std::sync::Mutex as StdMutex;

use provider_api::ObjectReference;
use serde_json::Value;

use super::*;
use crate::testing::{NOW, api_server};

fn notice(name: &str, note: &str) -> Notice {
    Notice {
        about: ObjectReference {
            kind: HPA.name.into(),
            namespace: "shop".into(),
            name: name.into(),
        },
        severity: Severity::Warning,
        reason: "ExternalMetricFailing",
        note: note.to_owned(),
    }
}

/// What was written: the path's last part and the body.
type Written = Arc<StdMutex<Vec<(String, Value)>>>;

/// Tells as long as the test runs. The stub refuses to write while `refused` says so.
fn telling(
    refused: impl Fn(&Value) -> Option<u16> + Send + Sync + 'static,
) -> (Arc<Events>, Written) {
    let written = Written::default();
    let log = Arc::clone(&written);
    let (client, _) = api_server(move |path, body| {
        if path.starts_with("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers?") {
            let gone = path.contains("gone");
            let items = match gone {
                true => json!([]),
                false => json!([{"metadata": {"name": "nginxext", "uid": "1-2-3"}}]),
            };
            return (200, json!({"metadata": {}, "items": items}));
        }
        assert!(
            path.starts_with("/apis/events.k8s.io/v1/namespaces/shop/events"),
            "{path}"
        );
        if let Some(code) = refused(body) {
            return (
                code,
                json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"}),
            );
        }
        let mut log = log.lock().unwrap();
        let last = path
            .trim_end_matches('?')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        log.push((last.to_owned(), body.clone()));
        let mut made = body.clone();
        made["metadata"]["name"] = json!(format!("event-{}", log.len()));
        made["eventTime"] = json!("2026-06-01T12:00:00.000000Z");
        (200, made)
    });
    let reporter = Reporter {
        controller: "metrics-server".to_owned(),
        instance: "pod-1".to_owned(),
    };
    let events = Arc::new(Events::new(client, reporter, Arc::new(|| NOW)));
    let runs = Arc::clone(&events);
    tokio::spawn(async move { runs.run().await });
    (events, written)
}

async fn settled() {
    // Paused time: nobody waits.
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_notice_is_an_event_on_the_autoscaler_and_again_is_a_series() {
    let (events, written) = telling(|_| None);
    events.tell(notice("nginxext", "no value"));
    events.tell(notice("nginxext", "no value"));
    events.tell(notice("nginxext", "another reason"));
    events.tell(notice("gone", "no value"));
    settled().await;
    let event = |note: &str| {
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": "nginxext.", "namespace": "shop"},
            "eventTime": "2026-06-01T12:00:00.000000Z",
            "type": "Warning",
            "reason": "ExternalMetricFailing",
            "action": "ReadExternalMetric",
            "note": note,
            "reportingController": "metrics-server",
            "reportingInstance": "pod-1",
            "regarding": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "namespace": "shop",
                "name": "nginxext",
                "uid": "1-2-3",
            },
        })
    };
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-06-01T12:00:00.000000Z"}});
    assert_eq!(
        *written.lock().unwrap(),
        [
            ("events".to_owned(), event("no value")),
            ("event-1".to_owned(), series),
            ("events".to_owned(), event("another reason")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_deleted_is_made_anew() {
    let (events, written) = telling(|body| body["metadata"].is_null().then_some(404));
    events.tell(notice("nginxext", "no value"));
    events.tell(notice("nginxext", "no value"));
    settled().await;
    let written = written.lock().unwrap();
    let paths: Vec<_> = written.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["events", "events"]);
}

#[tokio::test(start_paused = true)]
async fn thousands_of_notices_at_once_are_a_hundred_events() {
    let (events, written) = telling(|_| None);
    for index in 0..5_000 {
        events.tell(notice(&format!("hpa-{index}"), "no value"));
        if index % 50 == 0 {
            settled().await;
        }
    }
    settled().await;
    assert_eq!(written.lock().unwrap().len(), 100);
    assert_eq!(events.dropped.load(Ordering::Relaxed), 4_900);
    // The log has been told.
    tokio::time::sleep(COUNTED).await;
    settled().await;
    assert_eq!(events.dropped.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_does_not_keep_the_next_one_from_being_told() {
    let (events, written) = telling(|body| (body["note"] == "first").then_some(403));
    events.tell(notice("nginxext", "first"));
    events.tell(notice("nginxext", "second"));
    settled().await;
    assert_eq!(written.lock().unwrap()[0].1["note"], "second");
}

#[test]
fn a_long_note_is_cut_to_what_the_api_server_accepts() {
    assert_eq!(cut("short", LONGEST_NOTE), "short");
    let long = cut(&"é".repeat(1_000), LONGEST_NOTE);
    assert_eq!(long, format!("{}…", "é".repeat(510)));
    assert!(long.len() <= LONGEST_NOTE);
}
