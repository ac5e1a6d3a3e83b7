//! Two replicas, of which the one that asks Datadog fails, while everything is read all the
//! time.

use crate::support::{Scene, eventually, seconds};

const BOTH: [&str; 2] = ["first", "second"];
const EVERYWHERE: [&str; 3] = ["first", "second", Scene::CLUSTER];

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn when_the_leader_is_killed_the_other_replica_answers_every_read_and_leads() {
    let scene = Scene::with(3);
    let [mut first, mut second] = scene.two();
    let readers = scene.read_both([&first, &second]);

    first.kill();
    scene.service.remove(&first);
    scene.leads("second", seconds(20));
    second.line(seconds(30), "this replica leads");
    let lap = readers.lap("leader killed");
    lap.is_right().is_whole_at(&["second"]);
    // What was on its way to the first, until the Service knew. Nobody waits for an election.
    let gap = lap.at(Scene::CLUSTER).longest_gap;
    assert!(gap < seconds(5), "{lap}");
    scene.goes_on(3);
    readers
        .lap("the other leads")
        .is_right()
        .is_whole_at(&["second", Scene::CLUSTER]);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_leader_that_wakes_up_finds_another_and_follows_it() {
    let scene = Scene::with(3);
    let [mut first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);

    first.pause();
    scene.leads("second", seconds(20));
    scene.goes_on(2);
    readers
        .lap("leader paused")
        .is_right()
        .is_whole_at(&["second"]);

    first.resume();
    first.line(seconds(20), "second leads");
    eventually(seconds(20), "it is ready", || first.readiness());
    // The reads that were sent to it while it slept are answered now.
    readers.lap("leader wakes up").is_right();
    scene.goes_on(4);
    let lap = readers.lap("leader awake");
    lap.is_right().is_whole_at(&EVERYWHERE);
    assert_eq!(scene.leader(), Ok("second".to_owned()), "{}", first.log());
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_leader_that_does_not_reach_the_api_server_gives_way_and_comes_back_as_a_follower() {
    let scene = Scene::with(3);
    let (link, kubeconfig) = scene.link_to_cluster();
    let [mut first, second] = scene.two_with(&[("KUBECONFIG", &kubeconfig)]);
    let readers = scene.read_both([&first, &second]);

    link.silence();
    scene.leads("second", seconds(20));
    scene.goes_on(10);
    let lap = readers.lap("leader cut off from the API server");
    lap.is_right().is_whole_at(&EVERYWHERE);

    link.mend();
    first.line(seconds(60), "second leads");
    eventually(seconds(60), "the first serves again", || {
        scene.served_at(&first.url(), 0)
    });
    readers.lap("the same, while it comes back").is_right();
    scene.goes_on(3);
    readers
        .lap("the same, when it is back")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_leader_that_does_not_reach_datadog_gives_way_and_no_read_fails() {
    let scene = Scene::with(3);
    let (link, url) = scene.link_to_datadog();
    let [first, second] = scene.two_with(&[("DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT", &url)]);
    let readers = scene.read_both([&first, &second]);

    link.sever();
    scene.leads("second", seconds(60));
    scene.goes_on(3);
    let lap = readers.lap("leader cut off from Datadog");
    lap.is_right().is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn replicas_are_rolled_one_after_another_and_no_read_through_the_service_fails() {
    let scene = Scene::with(3);
    let [first, second] = scene.two();
    let readers = scene.read(&[]);

    let (mut old, mut new) = (vec![first, second], Vec::new());
    for name in ["third", "fourth"] {
        let mut next = scene.replica(name, &[]);
        next.ready(seconds(30));
        new.push(next);
        let mut gone = old.remove(0);
        scene.service.remove(&gone);
        assert!(gone.stop(seconds(30)).success(), "{}", gone.log());
    }
    eventually(seconds(20), "a new replica leads", || {
        match scene.leader()?.as_str() {
            "third" | "fourth" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    scene.goes_on(3);
    readers
        .lap("two replicas rolled")
        .is_right()
        .is_whole_at(&[Scene::CLUSTER]);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_lease_that_is_deleted_comes_back_and_no_read_fails() {
    let scene = Scene::with(3);
    let [first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);
    let lease = ["delete", "lease", "datadog-leader-election"];
    for _ in 0..3 {
        scene.cp.kubectl(&lease).expect_success();
        eventually(seconds(20), "somebody leads", || {
            match scene.leader()?.as_str() {
                name if BOTH.contains(&name) => Ok(()),
                other => Err(other.to_owned()),
            }
        });
    }
    scene.goes_on(3);
    readers
        .lap("Lease deleted three times")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn without_a_permission_on_leases_each_replica_asks_and_says_so() {
    let scene = Scene::with(2);
    let role = scene
        .cp
        .kubectl(&["get", "role", "dca", "--output=json"])
        .expect_success();
    let mut role: serde_json::Value = serde_json::from_str(&role).expect("kubectl writes JSON");
    let rules = role["rules"].as_array_mut().expect("a Role has rules");
    rules.retain(|rule| rule["apiGroups"][0] != "coordination.k8s.io");
    scene.cp.apply(&role.to_string());

    let [mut first, mut second] = BOTH.map(|name| scene.replica(name, &[]));
    for agent in [&mut first, &mut second] {
        agent.ready(seconds(40));
        let told = agent.line(seconds(30), "each replica asks Datadog");
        assert!(told.contains("WARN"), "{told}");
        assert!(agent.log().contains("leases"), "{}", agent.log());
    }
    let readers = scene.read_both([&first, &second]);
    scene.goes_on(6);
    readers
        .lap("no permission on Leases")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}
