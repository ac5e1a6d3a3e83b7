//! Clocks that are wrong.

use crate::support::{Scene, Skew, seconds};

const EVERYWHERE: [&str; 3] = ["first", "second", Scene::CLUSTER];

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_clock_that_is_five_minutes_fast_or_slow_harms_no_read_whoever_leads() {
    let scene = Scene::with(2);
    let skew = Skew::build(scene.cp.folder());
    for off in ["300", "-300"] {
        let [mut first, mut second] = scene.two_with(&skew.by(off));
        let readers = scene.read_both([&first, &second]);
        scene.goes_on(5);
        readers
            .lap(&format!("leader's clock {off} s off"))
            .is_right()
            .is_whole_at(&EVERYWHERE);
        // The other way round.
        scene.service.remove(&first);
        assert!(first.stop(seconds(30)).success(), "{}", first.log());
        drop(readers);
        let mut third = scene.replica("third", &skew.by(off));
        third.ready(seconds(30));
        let readers = scene.read(&[("second", &second), ("third", &third)]);
        scene.leads("second", seconds(20));
        scene.goes_on(5);
        readers
            .lap(&format!("follower's clock {off} s off"))
            .is_right()
            .is_whole_at(&["second", "third", Scene::CLUSTER]);
        for agent in [&mut third, &mut second] {
            scene.service.remove(agent);
            assert!(agent.stop(seconds(30)).success(), "{}", agent.log());
        }
    }
}
