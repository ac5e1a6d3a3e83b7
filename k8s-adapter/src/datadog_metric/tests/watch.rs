//! What is read, and told.

use super::*;

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

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_kind_has_none_of_them_and_says_so_once_each_time() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let answers = move |_: &str, _: &Value| {
        match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            3 => list(&[object("depth", "a")]),
            4 => (200, json!({"type": "ERROR", "object": status_of(410).1})),
            8 => list(&[object("depth", "b")]),
            // After it was there, that it is gone is told again.
            _ => status_of(404),
        }
    };
    let metrics = DatadogMetrics::new(api_server(answers).0, PREFIX);
    let told: Vec<_> = metrics.watch().take(6).map(line).collect().await;
    let absent = told[0].clone();
    assert!(absent.contains("datadogmetric-crd.yaml"), "{told:?}");
    assert_eq!(told[1..3], ["synced", "+a"]);
    assert_eq!(told[4..], [absent, "+b".to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_where_the_kind_is_gone() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let answers =
        move |_: &str, _: &Value| match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => list(&[object("a", "q")]),
            1 => (200, json!({"type": "ERROR", "object": status_of(410).1})),
            _ => status_of(404),
        };
    let (client, asked) = api_server(answers);
    let metrics = DatadogMetrics::new(client, PREFIX);
    // Until the kind is said to be gone.
    let _: Vec<_> = metrics.watch().take(4).collect().await;
    let before = asked.lock().unwrap().len();
    let written = metrics.write(&[standing("a", 7)], 9, NOW).await.unwrap();
    assert_eq!(written, MetricsWritten::default());
    assert_eq!(asked.lock().unwrap().len(), before);
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
