//! What is written into a status, and when.

use kube_runtime::watcher::Event;

use super::{super::watch::Watch, *};
use crate::ApiError;

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
async fn a_status_that_is_not_there_again_and_again_is_told_with_the_mend() {
    let objects = ["a", "b"].map(|name| object(name, "q")).to_vec();
    let standings = ["a", "b"].map(|name| standing(name, 7));
    let (metrics, _) = watched(objects, |_| Some(404)).await;
    let left = MetricsWritten { writes: 0, left: 2 };
    assert_eq!(metrics.write(&standings, 9, NOW).await.unwrap(), left);
    let why = metrics.write(&standings, 9, NOW).await.unwrap_err();
    assert_eq!(
        why.source.to_string(),
        "the API server serves no status of a DatadogMetric that it lists: see that their \
         CustomResourceDefinition has the subresource status, as that of datadogmetric-crd.yaml has"
    );
}

#[tokio::test(start_paused = true)]
async fn turns_that_are_refused_for_ever_keep_no_refresh_from_its_turn() {
    let mut stood = object("z", "q");
    let old = MetricStanding {
        value: Some((1.into(), NOW - Duration::HOUR)),
        ..standing("z", 1)
    };
    let hour_ago = NOW - Duration::HOUR;
    stood["status"] = status::status(&Value::Null, &old, hour_ago).unwrap().1;
    let refuses = |path: &str| (!path.contains("/z/")).then_some(422);
    let (metrics, written) =
        watched(vec![object("a", "q"), object("b", "q"), stood], refuses).await;
    let standings = ["a", "b", "z"].map(|name| standing(name, 7));
    metrics.write(&standings, 2, NOW).await.unwrap_err();
    let later = NOW + Duration::seconds(5);
    metrics.write(&standings, 2, later).await.unwrap_err();
    assert_eq!(places(&written), ["shop/datadogmetrics/z/status"]);
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
    let target = outcome::Target::of(&metrics.state.lock().objects[&key].written);
    let mut newer = object("a", "other");
    newer["metadata"]["resourceVersion"] = json!("9");
    metrics
        .state
        .lock()
        .objects
        .insert(key.clone(), read(newer));
    let answer = serde_json::from_value(object("a", "q")).unwrap();
    metrics.wrote(&target, answer);
    let state = metrics.state.lock();
    let known = &state.objects[&key].written;
    assert_eq!(known.metadata.resource_version.as_deref(), Some("9"));
    assert_eq!(known.data["spec"]["query"], "other");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_what_has_changed_meanwhile_does_not_count() {
    let (metrics, _) = watched(vec![object("a", "q")], |_| None).await;
    let key: Key = ("shop".into(), "a".into());
    let mut older = read(object("a", "q")).written;
    let refused = |object: &DynamicObject| {
        let why = ApiError::Refused {
            code: 409,
            message: "no".to_owned(),
        };
        let mut outcome = outcome::Outcome::leaving(0);
        let target = outcome::Target::of(object);
        metrics.failed(target, why, &mut outcome, NOW).unwrap();
        metrics.state.lock().refused.contains_key(&key)
    };
    assert!(refused(&older));
    metrics.state.lock().refused.clear();
    // The watch was faster.
    older.metadata.resource_version = Some("0".to_owned());
    assert!(!refused(&older));
}

#[tokio::test(start_paused = true)]
async fn a_value_is_not_shown_as_that_of_a_query_that_has_come_in_place_of_its_own() {
    let waiting = MetricStanding {
        value: None,
        is_served: false,
        ..standing("a", 7)
    };
    let older = MetricStanding {
        value: Some((9.into(), NOW - Duration::minutes(5))),
        ..standing("a", 9)
    };
    let conditions = |object: &Value| {
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let status = conditions.iter().map(|it| it["status"].as_str().unwrap());
        status.collect::<Vec<_>>().join(" ")
    };
    let (metrics, written) = watched(vec![object("a", "one")], |_| None).await;
    let mut watch = Watch::default();
    let mut told = |object: Value| {
        let object = serde_json::from_value(object).unwrap();
        watch.step(&metrics, Ok(Event::Apply(object)));
    };
    let last = || written.lock().unwrap().last().unwrap().1.clone();
    metrics.write(&[standing("a", 7)], 9, NOW).await.unwrap();
    assert_eq!(conditions(&last()), "True True True False");

    let mut redefined = last();
    redefined["spec"]["query"] = json!("other");
    told(redefined.clone());
    // Another change before it is written.
    redefined["metadata"]["annotations"] = json!({"note": "by hand"});
    told(redefined);
    let later = NOW + Duration::MINUTE;
    let one = MetricsWritten { writes: 1, left: 0 };
    let standings = [waiting];
    assert_eq!(metrics.write(&standings, 9, later).await.unwrap(), one);
    assert_eq!(conditions(&last()), "True Unknown False False");
    assert_eq!(last()["status"]["currentValue"], "");
    let nothing = MetricsWritten::default();
    assert_eq!(metrics.write(&standings, 9, later).await.unwrap(), nothing);

    // The buckets of the next query are wider, so that its value is older.
    metrics.write(&[standing("a", 7)], 9, later).await.unwrap();
    let mut redefined = last();
    redefined["spec"]["query"] = json!("wider");
    told(redefined);
    metrics.write(&[older], 9, later).await.unwrap();
    assert_eq!(conditions(&last()), "True True True False");
    assert_eq!(last()["status"]["currentValue"], "9");
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_knows_that_the_leader_has_written_of_the_new_query() {
    let (metrics, written) = watched(vec![object("a", "one")], |_| None).await;
    let mut watch = Watch::default();
    let mut stood = object("a", "other");
    for status in [None, Some(standing("a", 7))] {
        if let Some(standing) = status {
            stood["status"] = status::status(&Value::Null, &standing, NOW).unwrap().1;
        }
        let object = serde_json::from_value(stood.clone()).unwrap();
        watch.step(&metrics, Ok(Event::Apply(object)));
    }
    metrics.write(&[standing("a", 7)], 9, NOW).await.unwrap();
    assert_eq!(places(&written), [""; 0]);
}
