//! ConfigMaps as they come, and what is told of them.

use serde_json::{Value, json};

use super::*;
use crate::kept::{
    testing::{demand, fresh, place},
    text,
};

fn map(name: &str, version: u32, updated: &str, metrics: &[KeptMetric]) -> Value {
    let data: BTreeMap<_, _> = metrics
        .iter()
        .map(|metric| (key(metric), text::print(metric)))
        .collect();
    json!({
        "metadata": {
            "name": name,
            "resourceVersion": version.to_string(),
            "annotations": {"custom-metrics.datadoghq.com/last-updated": updated},
        },
        "data": data,
    })
}

fn key(metric: &KeptMetric) -> String {
    format!("external_metric-{}", metric.demand.asker.name)
}

fn object(map: Value) -> ConfigMap {
    serde_json::from_value(map).unwrap()
}

/// What was told, as lines.
fn lines(change: &KeptChange) -> Vec<String> {
    let changed = change.changed.iter().map(|metric| {
        let value = metric.known.value().unwrap().value;
        format!("{} {value}", metric.demand.asker.name)
    });
    let removed = change.removed.iter();
    let removed = removed.map(|demand| format!("- {}", demand.asker.name));
    let unreadable = change.unreadable.iter().map(ToString::to_string);
    changed.chain(removed).chain(unreadable).collect()
}

fn objects() -> KeptObjects {
    KeptObjects::new(place())
}

#[test]
fn what_changes_is_told_and_the_rest_is_not() {
    let mut objects = objects();
    let [a, b] = ["a", "b"].map(|asker| fresh(asker, "m", "1"));
    let mut apply = |version, updated: &str, metrics: &[KeptMetric]| {
        lines(&objects.apply(&object(map("datadog-hpa", version, updated, metrics))))
    };
    assert_eq!(apply(1, "t1", &[a.clone(), b.clone()]), ["a 1", "b 1"]);
    assert_eq!(apply(2, "t2", &[a.clone(), fresh("b", "m", "2")]), ["b 2"]);
    // An event that comes late.
    assert_eq!(apply(1, "t1", &[a.clone(), b]), [""; 0]);
    assert_eq!(apply(3, "t3", &[a]), ["- b"]);
}

#[test]
fn what_a_hand_takes_away_is_not_withdrawn() {
    let mut objects = objects();
    let a = [fresh("a", "m", "1")];
    objects.apply(&object(map("datadog-hpa", 1, "t1", &a)));
    // Emptied: the time of the last write is as it was.
    let emptied = objects.apply(&object(map("datadog-hpa", 2, "t1", &[])));
    assert_eq!(lines(&emptied), [""; 0]);
    assert_eq!(objects.metrics().count(), 0);
    // Replaced by one that somebody has at home.
    objects.apply(&object(map("datadog-hpa", 2, "t2", &a)));
    let mut bare = map("datadog-hpa", 2, "", &[]);
    bare["metadata"]["annotations"] = Value::Null;
    assert_eq!(lines(&objects.apply(&object(bare))), [""; 0]);
    assert_eq!(objects.metrics().count(), 0);
    // Deleted, and made anew by a write that has more to say.
    objects.delete(&object(map("datadog-hpa", 3, "t1", &[])));
    let made = objects.apply(&object(map("datadog-hpa", 4, "t4", &a)));
    assert_eq!(lines(&made), ["a 1"]);
}

#[test]
fn an_event_on_an_object_that_was_deleted_meanwhile_and_made_anew_comes_late() {
    let mut objects = objects();
    let a = [fresh("a", "m", "1")];
    objects.apply(&object(map("datadog-hpa", 4, "t4", &a)));
    objects.delete(&object(map("datadog-hpa", 3, "t1", &[])));
    assert_eq!(objects.metrics().count(), 1);
}

#[test]
fn an_entry_that_goes_to_another_config_map_is_not_withdrawn() {
    let mut objects = objects();
    let [a, b] = ["a", "b"].map(|asker| fresh(asker, "m", "1"));
    objects.apply(&object(map("datadog-hpa", 1, "t1", &[a, b.clone()])));
    objects.apply(&object(map("datadog-hpa-2", 2, "t2", &[b])));
    let left = objects.apply(&object(map("datadog-hpa", 3, "t2", &[])));
    assert_eq!(lines(&left), ["- a"]);
}

#[test]
fn nonsense_is_told_once_and_spoils_nothing_else() {
    let mut objects = objects();
    let a = fresh("a", "m", "1");
    let mut spoilt = map("datadog-hpa", 1, "t1", std::slice::from_ref(&a));
    spoilt["data"]["external_metric-b"] = "{}".into();
    spoilt["data"]["note"] = "of somebody else".into();
    let told = objects.apply(&object(spoilt.clone()));
    let nonsense = "the entry external_metric-b of ConfigMap datadog-hpa counts for nothing";
    assert_eq!(lines(&told), ["a 1", nonsense]);
    spoilt["metadata"]["resourceVersion"] = "2".into();
    assert_eq!(lines(&objects.apply(&object(spoilt.clone()))), [""; 0]);
    spoilt["metadata"]["resourceVersion"] = "3".into();
    spoilt["data"]["external_metric-b"] = "[]".into();
    assert_eq!(lines(&objects.apply(&object(spoilt))), [nonsense]);
}

#[test]
fn a_list_of_a_part_says_nothing_of_the_other() {
    let mut objects = objects();
    let maps = [
        object(map("datadog-hpa", 1, "t1", &[fresh("a", "m", "1")])),
        object(map("datadog-hpa-2", 2, "t2", &[fresh("b", "m", "1")])),
        object(map("datadog-hpa-x", 3, "t3", &[fresh("c", "m", "1")])),
    ];
    let mut listed = |part, maps: &[ConfigMap]| {
        let read = maps.iter().filter_map(|map| objects.read(map)).collect();
        let change = lines(&objects.reset(part, read));
        let kept: Vec<_> = objects
            .metrics()
            .map(|metric| metric.demand.clone())
            .collect();
        (change, kept)
    };
    let one = |asker: &str| demand(asker, "m");
    assert_eq!(
        listed(Part::First, &maps),
        (vec!["a 1".to_owned()], vec![one("a")])
    );
    assert_eq!(
        listed(Part::Further, &maps),
        (vec!["b 1".to_owned()], vec![one("a"), one("b")])
    );
    // The list of a part in which there is nothing any more.
    assert_eq!(listed(Part::Further, &[]), (vec![], vec![one("a")]));
}
