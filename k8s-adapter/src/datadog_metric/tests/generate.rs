//! What is made and removed.

use super::*;

/// A generated object that nobody has asked for since then.
fn idle(name: &str, since: OffsetDateTime) -> Value {
    let mut object = object(name, "old");
    object["spec"]["externalMetricName"] = json!("depth");
    let idle = MetricStanding {
        is_active: false,
        ..standing(name, 7)
    };
    object["status"] = status::status(&Value::Null, &idle, since).unwrap().1;
    object
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_by_a_plain_name_has_an_object_until_nobody_asks_for_three_hours() {
    let generated = |query: &str| Generated {
        query: query.into(),
        metric_name: "depth".into(),
    };
    let long_ago = NOW - Duration::hours(3);
    let mut always_active = idle(&generated_name("always"), long_ago);
    // Its status does not say so yet.
    always_active["metadata"]["annotations"] = json!({"metrics.example/always-active": "true"});
    let objects = vec![
        idle(&generated_name("there"), long_ago),
        idle(&generated_name("unused"), long_ago),
        idle(&generated_name("lately"), long_ago + Duration::SECOND),
        // Somebody has written it.
        idle("by-hand", long_ago),
        always_active,
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

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_keeps_nothing_from_being_removed() {
    let generated = |query: &str| Generated {
        query: query.into(),
        metric_name: "depth".into(),
    };
    let long_ago = NOW - Duration::hours(3);
    let unused = ["1", "2", "3"].map(|query| idle(&generated_name(query), long_ago));
    let wanted = ["4", "5", "6"].map(generated);
    for code in [403, 404, 409, 422, 500, 503] {
        let asked = Written::default();
        let log = Arc::clone(&asked);
        let refuses = move |path: &str| {
            log.lock().unwrap().push((path.to_owned(), Value::Null));
            (path == "shop/datadogmetrics").then_some(code)
        };
        let (metrics, written) = watched(unused.to_vec(), refuses).await;
        let outcome = metrics.generate("shop", &wanted, 2, NOW).await;
        match code {
            409 => assert_eq!(outcome.unwrap(), MetricsWritten { writes: 1, left: 5 }),
            _ => drop(outcome.unwrap_err()),
        }
        assert_eq!(places(&asked).len(), 2);
        assert_eq!(places(&written).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_made_keeps_no_other_from_being_made() {
    let wanted = ["4", "5"].map(|query| Generated {
        query: query.into(),
        metric_name: "depth".into(),
    });
    let tried = std::sync::atomic::AtomicBool::new(false);
    let refuses = move |_: &str| {
        let is_first = !tried.swap(true, std::sync::atomic::Ordering::Relaxed);
        is_first.then_some(422)
    };
    let (metrics, written) = watched(Vec::new(), refuses).await;
    let why = metrics.generate("shop", &wanted, 1, NOW).await.unwrap_err();
    metrics.generate("shop", &wanted, 1, NOW).await.unwrap();
    let made = written.lock().unwrap()[0].1["metadata"]["name"].clone();
    assert_ne!(made, *why.name);
}
