//! What one replica keeps for the others, and what people see of it.

use serde_json::{Value, json};

use crate::support::{Scene, eventually, seconds};

const EVERYWHERE: [&str; 3] = ["first", "second", Scene::CLUSTER];

/// The entries of the ConfigMap, by key.
fn entries(scene: &Scene) -> Result<Vec<(String, String)>, String> {
    let map = scene
        .cp
        .kubectl(&["get", "configmap", "datadog-hpa", "--output=json"])
        .success()?;
    let map: Value = serde_json::from_str(&map).map_err(|why| why.to_string())?;
    let data = map["data"].as_object().into_iter().flatten();
    Ok(data
        .map(|(key, text)| (key.clone(), text.as_str().unwrap_or_default().to_owned()))
        .collect())
}

/// Waits until there is an entry for each of three shops, and nothing else.
#[track_caller]
fn whole(scene: &Scene) -> Vec<(String, String)> {
    eventually(seconds(60), "the ConfigMap has its entries", || {
        let entries = entries(scene)?;
        let good = |text: &str| text.contains("shop.clock") && text.contains("\"valid\":true");
        if entries.len() == 3 && entries.iter().all(|(_, text)| good(text)) {
            Ok(entries)
        } else {
            Err(format!("{entries:?}"))
        }
    })
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_config_map_that_is_deleted_or_emptied_or_full_of_nonsense_is_mended_and_no_read_fails() {
    let scene = Scene::with(3);
    let [first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);
    let good = whole(&scene);

    let kubectl = |arguments: &[&str]| scene.cp.kubectl(arguments).expect_success();
    kubectl(&["delete", "configmap", "datadog-hpa"]);
    whole(&scene);
    readers
        .lap("ConfigMap deleted")
        .is_right()
        .is_whole_at(&EVERYWHERE);

    kubectl(&[
        "patch",
        "configmap",
        "datadog-hpa",
        "--type=json",
        "--patch",
        r#"[{"op":"remove","path":"/data"}]"#,
    ]);
    whole(&scene);
    readers
        .lap("ConfigMap emptied")
        .is_right()
        .is_whole_at(&EVERYWHERE);

    let keys = good
        .iter()
        .map(|(key, _)| (key.clone(), json!("\u{1f980} {[no")));
    let mut nonsense: serde_json::Map<String, Value> = keys.collect();
    nonsense.insert("stranger".to_owned(), json!("{}"));
    let nonsense = json!({ "data": nonsense }).to_string();
    kubectl(&[
        "patch",
        "configmap",
        "datadog-hpa",
        "--type=merge",
        "--patch",
        &nonsense,
    ]);
    scene.goes_on(3);
    readers
        .lap("ConfigMap full of nonsense")
        .is_right()
        .is_whole_at(&EVERYWHERE);
    eventually(seconds(60), "the entries are good again", || {
        let entries = entries(&scene)?;
        let is_good = |key: &str| {
            let mut found = entries.iter().filter(|(other, _)| other == key);
            found.any(|(_, text)| text.contains("\"valid\":true"))
        };
        if good.iter().all(|(key, _)| is_good(key)) {
            Ok(())
        } else {
            Err(format!("{entries:?}"))
        }
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_metric_that_turns_bad_is_told_on_its_hpa_once_and_a_metric_that_is_well_is_not() {
    let scene = Scene::with(2);
    let [first, second] = scene.two();
    let told = |shop: u32| {
        let selector = format!("--field-selector=involvedObject.name=shop-{shop}");
        let events = scene
            .cp
            .kubectl(&["get", "events", &selector, "--output=json"])
            .success()?;
        let events: Value = serde_json::from_str(&events).map_err(|why| why.to_string())?;
        let ours = events["items"].as_array().into_iter().flatten();
        Ok::<Vec<String>, String>(
            ours.filter(|event| event["reportingComponent"] == "datadog-cluster-agent")
                .map(|event| event["reason"].as_str().unwrap_or_default().to_owned())
                .collect(),
        )
    };
    let readers = scene.read_both([&first, &second]);
    // Datadog forgets the second shop.
    scene.datadog.series(&scene.truth.series(1));
    let expect = |reasons: &[&str]| {
        eventually(seconds(120), "the HPA is told", || match told(1) {
            Ok(told) if told == reasons => Ok(()),
            other => Err(format!("{other:?}")),
        });
    };
    expect(&["ExternalMetricFailing"]);
    scene.goes_on(5);
    expect(&["ExternalMetricFailing"]);
    assert_eq!(told(0), Ok(Vec::new()));
    readers.lap("Datadog forgets a metric").is_right();
}
