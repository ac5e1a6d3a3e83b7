//! The events that a stub of the API server is sent.

use std::{collections::BTreeSet, sync::Mutex as StdMutex};

use provider_api::ObjectReference;
use serde_json::Value;

use super::*;
use crate::{
    kind::HPA,
    testing::{NOW, api_server},
};

fn notice(name: &str, note: &str) -> Notice {
    Notice {
        about: ObjectReference {
            kind: HPA.name.into(),
            namespace: "shop".into(),
            name: name.into(),
        },
        uid: None,
        severity: Severity::Warning,
        reason: "ExternalMetricFailing",
        note: note.to_owned(),
    }
}

fn reporter() -> Reporter {
    Reporter {
        controller: "metrics-server".to_owned(),
        instance: "pod-1".to_owned(),
    }
}

/// What was written: the path's last part and the body.
type Written = Arc<StdMutex<Vec<(String, Value)>>>;

/// Tells as long as the test runs. The stub refuses to write while `refused` says so.
fn telling(
    refused: impl Fn(&Value) -> Option<u16> + Send + Sync + 'static,
) -> (Arc<Events>, Written) {
    telling_of(refused, |path| (!path.contains("gone")).then_some("1-2-3"))
}

/// The same, where the object that is looked up has this uid.
fn telling_of(
    refused: impl Fn(&Value) -> Option<u16> + Send + Sync + 'static,
    uid_of: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
) -> (Arc<Events>, Written) {
    let written = Written::default();
    let log = Arc::clone(&written);
    let (client, _) = api_server(move |path, body| {
        if path.starts_with("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers?") {
            let items = match uid_of(path) {
                None => json!([]),
                Some(uid) => json!([{"metadata": {"name": "nginxext", "uid": uid}}]),
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
    let events = Arc::new(Events::new(client, reporter(), Arc::new(|| NOW)));
    let runs = Arc::clone(&events);
    tokio::spawn(async move { runs.run().await });
    (events, written)
}

async fn settled() {
    // Paused time: nobody waits.
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_notice_is_an_event_on_the_autoscaler_and_again_is_a_series() {
    let (events, written) = telling(|_| None);
    assert!(events.tell(notice("nginxext", "no value")));
    assert!(events.tell(notice("nginxext", "no value")));
    assert!(events.tell(notice("nginxext", "another reason")));
    assert!(events.tell(notice("gone", "no value")));
    settled().await;
    let event = |note: &str| {
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": "nginxext-", "namespace": "shop"},
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
    assert!(events.tell(notice("nginxext", "no value")));
    assert!(events.tell(notice("nginxext", "no value")));
    settled().await;
    let written = written.lock().unwrap();
    let paths: Vec<_> = written.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["events", "events"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_made_anew_under_its_name_has_an_event_of_its_own() {
    let begun = Instant::now();
    let is_new = move || begun.elapsed() > Duration::from_secs(5);
    let (events, written) = telling_of(
        |_| None,
        move |_| Some(if is_new() { "4-5-6" } else { "1-2-3" }),
    );
    assert!(events.tell(notice("nginxext", "no value")));
    sleep(Duration::from_secs(10)).await;
    assert!(events.tell(notice("nginxext", "no value")));
    settled().await;
    let written = written.lock().unwrap();
    let uids: Vec<_> = written
        .iter()
        .map(|(_, event)| &event["regarding"]["uid"])
        .collect();
    assert_eq!(uids, ["1-2-3", "4-5-6"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_replica_has_told_is_told_once_and_again_when_it_happens_again() {
    let names = StdMutex::new(BTreeSet::new());
    let (events, written) = telling(move |event| {
        let name = event["metadata"]["name"].as_str()?;
        let is_new = names.lock().unwrap().insert(name.to_owned());
        (!is_new).then_some(409)
    });
    let of = |uid: &str, note: &str| Notice {
        uid: Some(uid.into()),
        ..notice("nginxext", note)
    };
    // Each replica tells as it begins.
    for _ in 0..2 {
        assert!(events.tell_unless_told(of("1", "no value")));
        sleep(SERIES).await;
    }
    assert!(events.tell_unless_told(of("1", "another reason")));
    assert!(events.tell_unless_told(of("2", "no value")));
    assert!(events.tell(of("1", "no value")));
    settled().await;
    let written = written.lock().unwrap();
    let told: Vec<_> = written
        .iter()
        .map(|(_, event)| format!("{}: {}", event["regarding"]["uid"], event["note"]))
        .collect();
    let expected = [
        r#""1": "no value""#,
        r#""1": "another reason""#,
        r#""2": "no value""#,
        r#""1": "no value""#,
    ];
    assert_eq!(told, expected);
    // Another version of this server gives it as well.
    let name = &written[0].1["metadata"]["name"];
    assert_eq!(name, "nginxext-8101e7ef1715c0a4");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_on_an_object_of_its_kind_and_needs_no_look_for_a_known_uid() {
    let (events, written) = telling(|_| None);
    let of_kind = |kind: &str| {
        let mut notice = notice("depth", "no value");
        notice.about.kind = kind.into();
        notice.uid = Some("4-5-6".into());
        notice
    };
    // The stub answers no look at these kinds.
    assert!(events.tell(of_kind("WatermarkPodAutoscaler")));
    assert!(events.tell(of_kind("DatadogMetric")));
    settled().await;
    let regarding: Vec<_> = written
        .lock()
        .unwrap()
        .iter()
        .map(|(_, event)| event["regarding"].clone())
        .collect();
    let expected = ["WatermarkPodAutoscaler", "DatadogMetric"].map(|kind| {
        json!({
            "apiVersion": "datadoghq.com/v1alpha1",
            "kind": kind,
            "namespace": "shop",
            "name": "depth",
            "uid": "4-5-6",
        })
    });
    assert_eq!(regarding, expected);
}

#[tokio::test(start_paused = true)]
async fn thousands_of_notices_at_once_are_a_hundred_events_and_all_that_is_taken_is_told() {
    let (events, written) = telling(|_| None);
    let mut taken = 0;
    for index in 0..5_000 {
        let notice = notice(&format!("hpa-{index}"), "no value");
        taken += usize::from(events.tell(notice));
        if index % 50 == 0 {
            settled().await;
        }
    }
    settled().await;
    assert_eq!((taken, written.lock().unwrap().len()), (100, 100));
    // Whoever tells again later is heard.
    sleep(PERIOD).await;
    assert!(events.tell(notice("hpa-100", "no value")));
    assert!(!events.tell(notice("hpa-101", "no value")));
    settled().await;
    assert_eq!(written.lock().unwrap().len(), 101);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_taken_than_finds_a_place_while_the_api_server_is_slow() {
    // Nobody runs them.
    let (client, _) = api_server(|_, _| (500, Value::Null));
    let events = Events::new(client, reporter(), Arc::new(|| NOW));
    let tell = || events.tell(notice("nginxext", "no value"));
    let mut taken = 0;
    for _ in 0..200 {
        taken += usize::from(tell());
        sleep(PERIOD).await;
    }
    assert_eq!(taken, BURST as usize);
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_does_not_keep_the_next_one_from_being_told() {
    let (events, written) = telling(|body| (body["note"] == "first").then_some(403));
    assert!(events.tell(notice("nginxext", "first")));
    assert!(events.tell(notice("nginxext", "second")));
    settled().await;
    assert_eq!(written.lock().unwrap()[0].1["note"], "second");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_a_while_hears_of_every_turn_and_in_their_order() {
    let begun = Instant::now();
    let is_away = move || begun.elapsed() < Duration::from_secs(20);
    let (events, written) = telling(move |_| is_away().then_some(503));
    assert!(events.tell(notice("nginxext", "no value")));
    assert!(events.tell(notice("nginxext", "a value again")));
    sleep(Duration::from_secs(60)).await;
    let written = written.lock().unwrap();
    let notes: Vec<_> = written.iter().map(|(_, event)| &event["note"]).collect();
    assert_eq!(notes, ["no value", "a value again"]);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_told_does_not_hold_up_the_rest_for_ever() {
    let (events, written) = telling(|body| (body["note"] == "first").then_some(500));
    assert!(events.tell(notice("nginxext", "first")));
    assert!(events.tell(notice("nginxext", "second")));
    sleep(Duration::from_secs(40)).await;
    assert_eq!(written.lock().unwrap()[0].1["note"], "second");
}

#[test]
fn a_long_note_is_cut_to_what_the_api_server_accepts() {
    assert_eq!(cut("short", LONGEST_NOTE), "short");
    let long = cut(&"é".repeat(1_000), LONGEST_NOTE);
    assert_eq!(long, format!("{}…", "é".repeat(510)));
    assert!(long.len() <= LONGEST_NOTE);
}

#[test]
fn the_name_of_an_event_begins_with_its_objects_as_the_api_server_accepts_it() {
    assert_eq!(name_begin("nginxext"), "nginxext-");
    assert_eq!(name_begin(&"a".repeat(253)), format!("{}-", "a".repeat(57)));
    let dotted = format!("{}.shop", "a".repeat(56));
    assert_eq!(name_begin(&dotted), format!("{}-", "a".repeat(56)));
}
