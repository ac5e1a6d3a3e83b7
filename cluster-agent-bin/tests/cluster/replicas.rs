//! Two replicas, of which the one that asks Datadog fails, while everything is read all the
//! time.

use std::time::Duration;

use crate::support::{Agent, Scene, eventually, is, seconds};

/// Within this time another replica leads: a Lease's duration, a retry period, and the time
/// that a busy machine takes.
const SUCCESSION: Duration = seconds(20);

#[track_caller]
fn leads(scene: &Scene, name: &str) {
    eventually(SUCCESSION, &format!("{name} leads"), || {
        scene.leader().and_then(is(name))
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn when_the_leader_is_killed_the_other_replica_answers_every_read_and_leads() {
    let scene = Scene::with(3);
    let [mut first, mut second] = scene.two();
    let readers = scene.read(&[("first", &first), ("second", &second)]);

    first.kill();
    scene.service.remove(&first);
    leads(&scene, "second");
    second.line(seconds(1), "this replica leads");
    goes_on(&second, &scene);
    let lap = readers.lap("leader killed");
    lap.is_right().is_whole_at(&["second"]);
    assert!(lap.at(Scene::CLUSTER).failures() <= 2, "{lap}");
}

/// Waits until a replica that leads has asked Datadog a few times.
#[track_caller]
fn goes_on(agent: &Agent, scene: &Scene) {
    let before = scene.datadog.calls().len();
    eventually(seconds(30), "Datadog is asked", || {
        match scene.datadog.calls().len() - before {
            5.. => Ok(()),
            few => Err(format!("{few} calls: {}", agent.log())),
        }
    });
}
