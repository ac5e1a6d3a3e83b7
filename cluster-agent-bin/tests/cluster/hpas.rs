//! HPAs come, change and go, while everything that others ask for is read all the time.

use crate::support::{Scene, Truth, eventually, seconds};

const EVERYWHERE: [&str; 3] = ["first", "second", Scene::CLUSTER];

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn hpas_that_are_renamed_or_changed_or_lose_their_namespace_disturb_no_other() {
    let scene = Scene::with(3);
    scene
        .cp
        .kubectl(&["create", "namespace", "short"])
        .expect_success();
    scene.cp.apply(&Truth::hpa("guest", "short", 1).to_string());
    let [first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);

    scene
        .cp
        .apply(&Truth::hpa("renamed", "default", 0).to_string());
    scene
        .cp
        .kubectl(&["delete", "hpa", "shop-0"])
        .expect_success();
    scene.cp.apply(&Truth::hpa("guest", "short", 4).to_string());
    scene
        .cp
        .apply(&Truth::hpa("changing", "default", 0).to_string());
    scene
        .cp
        .apply(&Truth::hpa("changing", "default", 3).to_string());
    eventually(seconds(60), "what an HPA changed to is served", || {
        scene.served(3)
    });
    // It goes through the aggregated APIs: none may stand in its way.
    scene
        .cp
        .kubectl(&["delete", "namespace", "short", "--timeout=30s"])
        .expect_success();
    scene.goes_on(2);
    readers
        .lap("HPAs renamed, changed, deleted")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn five_hundred_hpas_at_once_are_served_and_disturb_no_other() {
    const ALL: u32 = 500;
    let scene = Scene::with(3);
    let [first, second] = scene.two();
    let readers = scene.read_both([&first, &second]);
    scene.datadog.series(&scene.truth.series(ALL));
    scene.ask_for(3..ALL);
    eventually(seconds(60), "all are served at both", || {
        for shop in 0..ALL {
            scene.served_at(&first.url(), shop)?;
            scene.served_at(&second.url(), shop)?;
        }
        Ok::<_, String>(())
    });
    readers
        .lap("500 HPAs at once")
        .is_right()
        .is_whole_at(&EVERYWHERE);
}
