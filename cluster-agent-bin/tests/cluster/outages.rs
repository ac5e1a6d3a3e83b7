//! What both replicas need goes away and comes back, while everything is read all the time.

use serde_json::json;

use crate::support::{Agent, Scene, eventually, seconds};

const EVERYWHERE: [&str; 3] = ["first", "second", Scene::CLUSTER];

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn when_the_api_server_or_etcd_has_been_away_values_are_served_again_soon() {
    let mut scene = Scene::with(3);
    let [first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);

    scene.cp.stop_apiserver();
    // Whoever leads, and whoever no longer knows, goes on asking, and lets in whom the API
    // server let in, for longer than its answers are remembered.
    scene.goes_on(10);
    readers
        .lap("API server away")
        .is_right()
        .is_whole_at(&["first", "second"]);
    scene.cp.start_apiserver();
    // The follower looks for what is kept after a pause, which has grown meanwhile.
    served_everywhere(&scene, [&first, &second]);
    readers.lap("API server restarted").is_right();
    scene.goes_on(2);
    readers
        .lap("API server is back")
        .is_right()
        .is_whole_at(&EVERYWHERE);

    scene.cp.stop_etcd();
    scene.goes_on(3);
    scene.cp.start_etcd();
    served_everywhere(&scene, [&first, &second]);
    readers.lap("etcd restarted").is_right();
    eventually(seconds(60), "somebody leads", || scene.leader());
    scene.goes_on(2);
    readers
        .lap("etcd is back")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_watch_that_is_too_old_for_the_api_server_begins_anew() {
    let mut scene = Scene::with(2);
    let (link, kubeconfig) = scene.link_to_cluster();
    let [first, second] =
        ["first", "second"].map(|name| scene.replica(name, &[("KUBECONFIG", &kubeconfig)]));
    let readers = scene.read_both([&first, &second]);
    let seen = scene
        .cp
        .field("hpa/shop-0", "{.metadata.resourceVersion}")
        .expect("it is there");

    // An API server that has just started knows nothing of what was before.
    link.sever();
    scene.ask_for(2..3);
    scene.cp.stop_apiserver();
    scene.cp.start_apiserver();
    let watch = format!(
        "/apis/autoscaling/v2/horizontalpodautoscalers?watch=1&timeoutSeconds=1&resourceVersion={seen}"
    );
    let watched = scene.cp.kubectl(&["get", "--raw", &watch]);
    let told = watched.stdout + &watched.stderr;
    assert!(told.contains("too old resource version"), "{told}");

    link.mend();
    eventually(seconds(60), "an HPA made meanwhile is served", || {
        scene.served_at(&first.url(), 2)?;
        scene.served_at(&second.url(), 2)
    });
    readers.lap("watch too old").is_right();
    scene.goes_on(2);
    readers
        .lap("watch begun anew")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_datadog_that_is_away_at_the_start_is_waited_for() {
    let scene = Scene::failing(3, &json!([{ "answer": "hang_up" }]));
    let mut both = ["first", "second"].map(|name| scene.replica(name, &[]));
    for agent in &mut both {
        agent.ready(seconds(45));
    }
    // The API server looks every half minute whether somebody answers who did not at first.
    eventually(seconds(60), "the refusal says why", || {
        match scene.served(0) {
            Err(why) if why.contains("no answer from") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    scene.datadog.faults(&json!([]));
    let readers = scene.read_both([&both[0], &both[1]]);
    scene.goes_on(3);
    readers
        .lap("Datadog away at the start")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn values_outlive_a_bad_datadog_until_they_are_too_old_and_come_back_with_it() {
    let scene = Scene::with(3);
    let [first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);

    scene
        .datadog
        .faults(&json!([{ "answer": { "slow": "2s" } }]));
    scene.goes_on(4);
    readers
        .lap("Datadog slow")
        .is_right()
        .is_whole_at(&EVERYWHERE);
    scene
        .datadog
        .faults(&json!([{ "answer": "malformed", "route": "query" }]));
    scene.goes_on(4);
    readers
        .lap("Datadog answers nonsense")
        .is_right()
        .is_whole_at(&EVERYWHERE);

    // Half as long again as a value lives.
    scene.datadog.faults(&json!([{ "answer": "bad_gateway" }]));
    eventually(seconds(90), "the values are too old", || {
        match scene.served(0) {
            Err(why) if why.contains("HTTP") => Ok(why),
            other => Err(format!("{other:?}")),
        }
    });
    let lap = readers.lap("Datadog away for longer than a value lives");
    lap.is_right();
    let gap = lap.at("first").longest_gap;
    assert!(gap < seconds(30), "refused too early: {lap}");

    scene.datadog.faults(&json!([]));
    served_everywhere(&scene, [&first, &second]);
    readers.lap("Datadog comes back").is_right();
    scene.goes_on(2);
    readers
        .lap("Datadog is back")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

/// Waits until a value is served at both replicas and through the API server.
#[track_caller]
fn served_everywhere(scene: &Scene, both: [&Agent; 2]) {
    eventually(seconds(60), "the values are back", || {
        for agent in both {
            scene.served_at(&agent.url(), 0)?;
        }
        scene.served(0)
    });
}
