//! Writes that are made, and what is kept then.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use time::Duration;

use super::*;
use crate::{
    kept::{
        Failure, KeptChange, KeptObjects, Known,
        testing::{Cluster, demand, fresh, kept, place, value},
    },
    testing::NOW,
};

const POLICY: KeptPolicy = KeptPolicy {
    tolerance: 0.0,
    refresh_age: Duration::seconds(60),
};

fn cluster() -> Cluster {
    Cluster::holding(KeptObjects::new(place()))
}

/// A cluster of ConfigMaps that hold few entries.
fn cluster_of_small_objects() -> Cluster {
    let size = Size {
        room: 1_000,
        most: 1_300,
    };
    Cluster::holding(KeptObjects::of_size(place(), size))
}

#[test]
fn the_first_write_makes_the_config_map_even_of_nothing() {
    let mut cluster = cluster();
    assert_eq!(cluster.write(&[], POLICY, NOW), ["create datadog-hpa 0"]);
    assert_eq!(cluster.write(&[], POLICY, NOW), [""; 0]);
    let wanted = [fresh("a", "m", "1"), fresh("b", "m", "2")];
    assert_eq!(cluster.write(&wanted, POLICY, NOW), ["patch datadog-hpa 2"]);
    assert_eq!(cluster.write(&wanted, POLICY, NOW), [""; 0]);
    let wanted = [fresh("b", "m", "3")];
    assert_eq!(cluster.write(&wanted, POLICY, NOW), ["patch datadog-hpa 2"]);
    assert_eq!(cluster.objects.metrics().collect::<Vec<_>>(), [&wanted[0]]);
}

#[test]
fn what_waits_for_its_first_value_keeps_what_is_kept() {
    let mut cluster = cluster();
    let known = [fresh("a", "m", "1"), kept("b", "m", Known::Waiting)];
    cluster.write(&known, POLICY, NOW);
    let started = ["a", "b"].map(|asker| kept(asker, "m", Known::Waiting));
    assert_eq!(cluster.write(&started, POLICY, NOW), [""; 0]);
    assert_eq!(
        cluster.objects.metrics().collect::<Vec<_>>(),
        known.iter().collect::<Vec<_>>()
    );
}

#[test]
fn metrics_of_one_autoscaler_that_differ_in_labels_are_kept_apart() {
    let mut cluster = cluster();
    let wanted = ["m{q=a}", "m{q=b}", "m"].map(|metric| fresh("nginxext", metric, "1"));
    cluster.write(&wanted, POLICY, NOW);
    // So are those whose names and namespaces make one key.
    let mut twin = fresh("x", "m", "7");
    twin.demand.asker.namespace = "shop-nginxext".into();
    let mut wanted = wanted.to_vec();
    wanted.extend([fresh("nginxext-x", "m", "8"), twin]);
    assert_eq!(cluster.write(&wanted, POLICY, NOW), ["patch datadog-hpa 2"]);
    assert_eq!(cluster.objects.metrics().count(), 5);
    assert_eq!(cluster.write(&wanted, POLICY, NOW), [""; 0]);
}

#[test]
fn what_a_hand_has_spoilt_is_written_anew_and_what_others_keep_there_stays() {
    let mut cluster = cluster();
    let wanted = [fresh("a", "m", "1"), fresh("b", "m", "2")];
    cluster.write(&wanted, POLICY, NOW);
    let mut map = cluster.maps[&FIRST].clone();
    map.data = Some(BTreeMap::from([
        (
            "external_metric-horizontal-shop-a-m".to_owned(),
            "{".to_owned(),
        ),
        ("external_metrics-are-nice".to_owned(), "yes".to_owned()),
        ("note".to_owned(), "by hand".to_owned()),
    ]));
    cluster.maps.insert(FIRST, map.clone());
    cluster.objects.apply(&map);
    assert_eq!(cluster.write(&wanted, POLICY, NOW), ["patch datadog-hpa 2"]);
    assert_eq!(
        cluster.objects.metrics().collect::<Vec<_>>(),
        wanted.iter().collect::<Vec<_>>()
    );
    let data = cluster.maps[&FIRST].data.iter().flatten();
    let data: Vec<_> = data.map(|(key, text)| (&**key, &**text)).collect();
    let theirs = [("external_metrics-are-nice", "yes"), ("note", "by hand")];
    assert_eq!(data[2..], theirs);
}

#[test]
fn of_two_entries_on_one_demand_the_newer_one_stays() {
    let mut cluster = cluster();
    cluster.write(&[], POLICY, NOW);
    let at = |age| {
        let time = NOW - Duration::seconds(age);
        kept("a", "m", Known::Fresh(value("1", time)))
    };
    let mut map = cluster.maps[&FIRST].clone();
    let entries = [30, 10, 20].map(|age| (format!("external_metric-{age}"), text::print(&at(age))));
    map.data = Some(entries.into());
    cluster.maps.insert(FIRST, map.clone());
    cluster.objects.apply(&map);
    let started = [kept("a", "m", Known::Waiting)];
    assert_eq!(
        cluster.write(&started, POLICY, NOW),
        ["patch datadog-hpa 2"]
    );
    assert_eq!(cluster.objects.metrics().collect::<Vec<_>>(), [&at(10)]);
}

#[test]
fn a_full_config_map_is_continued_and_an_entry_stays_where_it_is() {
    let mut cluster = cluster_of_small_objects();
    let mut wanted: Vec<_> = (0..12)
        .map(|number| fresh(&format!("hpa-{number:02}"), "m", "1"))
        .collect();
    assert_eq!(
        cluster.write(&wanted, POLICY, NOW),
        [
            "create datadog-hpa 5",
            "create datadog-hpa-2 5",
            "create datadog-hpa-3 2"
        ]
    );
    // One that comes goes where there is room, whatever its name.
    wanted.push(fresh("hpa-00a", "m", "1"));
    assert_eq!(
        cluster.write(&wanted, POLICY, NOW),
        ["patch datadog-hpa-3 1"]
    );
    // One that changes is written where it is.
    wanted[0] = fresh("hpa-00", "m", "2");
    assert_eq!(cluster.write(&wanted, POLICY, NOW), ["patch datadog-hpa 1"]);
    // One that goes makes room.
    wanted.remove(7);
    wanted.push(fresh("hpa-99", "m", "1"));
    assert_eq!(
        cluster.write(&wanted, POLICY, NOW),
        ["patch datadog-hpa-2 2"]
    );
}

#[test]
fn what_outgrows_its_config_map_is_written_elsewhere_before_it_is_taken_away() {
    let mut cluster = cluster_of_small_objects();
    let mut wanted: Vec<_> = (0..5)
        .map(|number| fresh(&format!("hpa-{number:02}"), "m", "1"))
        .collect();
    cluster.write(&wanted, POLICY, NOW);
    let failure = Failure::new(&"x".repeat(450), NOW);
    wanted[0].known = Known::Missing(failure);
    let changes = cluster.objects.changes(&wanted, POLICY, NOW);
    let places: Vec<_> = changes
        .objects
        .iter()
        .map(|change| change.place.get())
        .collect();
    assert_eq!(places, [2, 1]);
    cluster.write(&wanted, POLICY, NOW);
    assert_eq!(cluster.objects.metrics().count(), 5);
}

#[test]
fn a_config_map_that_stays_empty_is_deleted_and_the_first_never() {
    let mut cluster = cluster_of_small_objects();
    let wanted: Vec<_> = (0..12)
        .map(|number| fresh(&format!("hpa-{number:02}"), "m", "1"))
        .collect();
    cluster.write(&wanted, POLICY, NOW);
    assert_eq!(
        cluster.write(&wanted[10..], POLICY, NOW),
        ["patch datadog-hpa 5", "patch datadog-hpa-2 5"]
    );
    assert_eq!(
        cluster.write(&wanted[10..], POLICY, NOW),
        ["delete datadog-hpa-2"]
    );
    assert_eq!(cluster.write(&wanted[10..], POLICY, NOW), [""; 0]);
}

#[test]
fn what_is_larger_than_any_config_map_is_told_and_spoils_no_other() {
    let mut cluster = cluster_of_small_objects();
    let labels: Vec<_> = (0..200).map(|number| format!("l{number}=x")).collect();
    let metric = format!("m{{{}}}", labels.join(","));
    let wanted = [fresh("a", &metric, "1"), fresh("b", "m", "2")];
    let changes = cluster.objects.changes(&wanted, POLICY, NOW);
    assert_eq!(changes.too_large, [demand("a", &metric)]);
    cluster.write(&wanted, POLICY, NOW);
    assert_eq!(cluster.objects.metrics().collect::<Vec<_>>(), [&wanted[1]]);
}

#[test]
fn a_steady_state_of_5000_metrics_takes_few_writes() {
    let policy = KeptPolicy {
        tolerance: 0.01,
        refresh_age: Duration::minutes(1),
    };
    let mut cluster = cluster();
    // Each metric has a new value every 30 s, all at other times, and every second one moves.
    let wanted = |second: i64| -> Vec<KeptMetric> {
        let metric = |number: i64| {
            let round = (second + number) / 30;
            let moves = if number % 2 == 0 { round } else { 0 };
            let time = NOW + Duration::seconds(round * 30 - number % 30);
            let known = Known::Fresh(value(&(1_000 + moves * 100).to_string(), time));
            kept(
                &format!("nginxext-{number}"),
                "nginx.net.request_per_s",
                known,
            )
        };
        (0..5_000).map(metric).collect()
    };
    let seconds = (0..60).step_by(5);
    cluster.write(&wanted(0), policy, NOW);
    let writes: usize = seconds
        .map(|second| {
            let now = NOW + Duration::seconds(second);
            cluster.write(&wanted(second), policy, now).len()
        })
        .sum();
    assert!(cluster.maps.len() > 1);
    assert!(writes > 0 && writes < 60, "{writes} writes in a minute");
}

fn wanted() -> impl Strategy<Value = Vec<KeptMetric>> {
    let known = prop_oneof![
        (0..100_i64, 0..60_i64).prop_map(|(number, age)| Known::Fresh(value(
            &number.to_string(),
            NOW - Duration::seconds(age)
        ))),
        (0..400_usize).prop_map(|long| Known::Missing(Failure::new(&"x".repeat(long), NOW))),
        Just(Known::Waiting),
    ];
    let metric = (0..15_u8, prop_oneof![Just("m"), Just("m{a=b}")], known)
        .prop_map(|(asker, metric, known)| kept(&format!("hpa-{asker}"), metric, known));
    vec(metric, 0..30)
}

proptest! {
    /// Somebody watches, and adds up what is told.
    #[test]
    fn after_a_write_what_is_wanted_is_kept_and_nothing_is_lost_on_the_way(
        rounds in vec(wanted(), 1..6),
    ) {
        let mut cluster = cluster_of_small_objects();
        let mut follower = KeptObjects::new(place());
        let mut followed: BTreeMap<Demand, Known> = BTreeMap::new();
        for (round, wanted) in rounds.into_iter().enumerate() {
            let now = NOW + Duration::minutes(2 * i64::try_from(round).unwrap());
            // The time of a value, and of a failure, is that of its round.
            let by_demand: BTreeMap<Demand, KeptMetric> = wanted
                .into_iter()
                .map(|mut metric| {
                    match &mut metric.known {
                        Known::Fresh(value) => value.time += now - NOW,
                        Known::Missing(failure) => *failure = Failure::new(failure.why(), now),
                        _ => {}
                    }
                    (metric.demand.clone(), metric)
                })
                .collect();
            let stay: Vec<Demand> = followed
                .keys()
                .filter(|demand| by_demand.contains_key(demand))
                .cloned()
                .collect();
            let mut expected: BTreeMap<Demand, Known> = BTreeMap::new();
            for metric in by_demand.values() {
                let known = match (&metric.known, followed.get(&metric.demand)) {
                    (Known::Waiting, Some(before)) => before.clone(),
                    (known, _) => known.clone(),
                };
                expected.insert(metric.demand.clone(), known);
            }
            let wanted: Vec<_> = by_demand.into_values().collect();
            // A reason whose words stay and whose numbers change is not written again.
            for _ in 0..2 {
                for change in cluster.objects.changes(&wanted, POLICY, now).objects {
                    let is_gone = matches!(change.write, Write::Delete(_));
                    let map = cluster.make(&change, now);
                    let KeptChange { changed, removed, unreadable } = if is_gone {
                        follower.delete(&map);
                        KeptChange::default()
                    } else {
                        follower.apply(&map)
                    };
                    prop_assert!(unreadable.is_empty());
                    for metric in changed {
                        followed.insert(metric.demand, metric.known);
                    }
                    for demand in removed {
                        followed.remove(&demand);
                    }
                    for demand in &stay {
                        prop_assert!(followed.contains_key(demand), "lost {demand:?}");
                    }
                    let largest = cluster.maps.values().map(|map| {
                        map.data.iter().flatten().map(|(key, text)| key.len() + text.len()).sum::<usize>()
                    }).max();
                    prop_assert!(largest <= Some(1_300), "{largest:?}");
                }
            }
            prop_assert_eq!(cluster.objects.changes(&wanted, POLICY, now).objects, vec![]);
            let kept: BTreeMap<_, _> = cluster
                .objects
                .metrics()
                .map(|metric| (metric.demand.clone(), metric.known.clone()))
                .collect();
            prop_assert_eq!(cluster.objects.metrics().count(), kept.len());
            prop_assert_eq!(&kept, &expected);
            prop_assert_eq!(&followed, &expected);
        }
    }
}
