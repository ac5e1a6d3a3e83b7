//! Who asks for what now, and what changed.

use std::collections::{BTreeMap, btree_map::Entry};

use provider_api::ObjectReference;

use crate::{Asked, Circumstances, Demand, Problem};

/// All objects that ask for metrics, as far as events have told.
///
/// It is plain data: an event goes in, what it changes comes out. Demands are
/// kept by the object that asks, so the end of one object, or a new list of one
/// kind of object, never withdraws what another asks for.
#[derive(Clone, Debug, Default)]
pub struct DemandIndex {
    by_asker: BTreeMap<ObjectReference, Asked>,
}

/// What an event changed, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Demands that were not there before, or not so.
    pub added: Vec<Asking>,
    /// Demands that are there no longer.
    pub removed: Vec<Demand>,
    /// Problems that were not told before, so that an object whose status
    /// changes every few seconds does not repeat them.
    pub problems: Vec<Problem>,
}

/// A demand, and how its object asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The demand.
    pub demand: Demand,
    /// How its object asks.
    pub circumstances: Circumstances,
}

impl Change {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.problems.is_empty()
    }
}

impl DemandIndex {
    /// An object is new, or has changed.
    pub fn apply(&mut self, asked: Asked) -> Change {
        match self.by_asker.entry(asked.asker.clone()) {
            Entry::Occupied(mut known) => {
                let before = known.insert(asked);
                change(&[before], &[known.get()])
            }
            Entry::Vacant(new) => change(&[], &[new.insert(asked)]),
        }
    }

    /// An object is gone.
    pub fn delete(&mut self, asker: &ObjectReference) -> Change {
        let before: Vec<_> = self.by_asker.remove(asker).into_iter().collect();
        change(&before, &[])
    }

    /// These are all the objects of one kind. Objects of other kinds stay.
    pub fn reset(&mut self, kind: &str, asked: impl IntoIterator<Item = Asked>) -> Change {
        let (before, mut now): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.by_asker)
                .into_iter()
                .partition(|(asker, _)| asker.kind.as_ref() == kind);
        let before: Vec<_> = before.into_values().collect();
        now.extend(asked.into_iter().map(|asked| (asked.asker.clone(), asked)));
        self.by_asker = now;
        let now: Vec<_> = self
            .by_asker
            .values()
            .filter(|asked| asked.asker.kind.as_ref() == kind)
            .collect();
        change(&before, &now)
    }

    /// All demands, sorted by the object that asks.
    pub fn demands(&self) -> impl Iterator<Item = &Demand> {
        self.by_asker.values().flat_map(|asked| &asked.demands)
    }
}

/// Both sorted by the object that asks.
fn change(before: &[Asked], now: &[&Asked]) -> Change {
    let demanded: BTreeMap<_, _> = before.iter().flat_map(askings).collect();
    let demands: BTreeMap<_, _> = now.iter().copied().flat_map(askings).collect();
    // Found by its object: in a cluster of which every object has a problem, a list is no
    // comparison of each with each.
    let is_told = |problem: &Problem| {
        let known = before.binary_search_by(|asked| asked.asker.cmp(&problem.asker));
        known.is_ok_and(|place| before[place].problems.contains(problem))
    };
    let problems = now.iter().flat_map(|asked| &asked.problems);
    Change {
        added: demands
            .iter()
            .filter(|(demand, circumstances)| demanded.get(*demand) != Some(circumstances))
            .map(|(demand, circumstances)| Asking {
                demand: (*demand).clone(),
                circumstances: (*circumstances).clone(),
            })
            .collect(),
        removed: demanded
            .keys()
            .filter(|demand| !demands.contains_key(*demand))
            .map(|&demand| demand.clone())
            .collect(),
        problems: problems
            .filter(|problem| !is_told(problem))
            .cloned()
            .collect(),
    }
}

fn askings(asked: &Asked) -> impl Iterator<Item = (&Demand, &Circumstances)> {
    let demands = asked.demands.iter();
    demands.map(|demand| (demand, &asked.circumstances))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};
    use provider_api::{ExternalMetric, Selector};

    use super::*;
    use crate::{InvalidLabelSelector, Unservable};

    fn object(kind: &str, name: &str) -> ObjectReference {
        ObjectReference {
            kind: kind.into(),
            namespace: "shop".into(),
            name: name.into(),
        }
    }

    fn demand(asker: &ObjectReference, metric: &str) -> Demand {
        let (namespace, name) = ("shop".parse().unwrap(), metric.parse().unwrap());
        Demand {
            asker: asker.clone(),
            metric: ExternalMetric::new(namespace, name, Selector::everything()),
        }
    }

    fn asked(asker: &ObjectReference, metrics: &[&str]) -> Asked {
        let demands = metrics.iter().map(|metric| demand(asker, metric)).collect();
        Asked {
            asker: asker.clone(),
            circumstances: Circumstances::default(),
            demands,
            problems: vec![],
        }
    }

    fn problem(asker: &ObjectReference, operator: &str) -> Problem {
        Problem {
            asker: asker.clone(),
            name: "x".to_owned(),
            field: "spec.metrics[0].external.metric".to_owned(),
            why: Unservable::Selector(InvalidLabelSelector::Operator {
                key: "k".to_owned(),
                operator: operator.to_owned(),
            }),
        }
    }

    fn asking(demand: &Demand) -> Asking {
        Asking {
            demand: demand.clone(),
            circumstances: Circumstances::default(),
        }
    }

    fn added(demands: &[Demand]) -> Change {
        Change {
            added: demands.iter().map(asking).collect(),
            ..Change::default()
        }
    }

    fn removed(demands: &[Demand]) -> Change {
        Change {
            removed: demands.to_vec(),
            ..Change::default()
        }
    }

    #[test]
    fn a_changed_object_withdraws_what_it_no_longer_asks_for() {
        let mut index = DemandIndex::default();
        let hpa = object("Hpa", "a");
        assert_eq!(
            index.apply(asked(&hpa, &["x", "y"])),
            added(&[demand(&hpa, "x"), demand(&hpa, "y")])
        );
        assert_eq!(index.apply(asked(&hpa, &["y", "x"])), Change::default());
        let changed = Change {
            added: vec![asking(&demand(&hpa, "z"))],
            removed: vec![demand(&hpa, "x")],
            problems: vec![],
        };
        assert_eq!(index.apply(asked(&hpa, &["y", "z"])), changed);
        assert_eq!(
            index.delete(&hpa),
            removed(&[demand(&hpa, "y"), demand(&hpa, "z")])
        );
        assert_eq!(index.delete(&hpa), Change::default());
    }

    #[test]
    fn an_object_that_asks_otherwise_than_before_asks_anew_and_withdraws_nothing() {
        let mut index = DemandIndex::default();
        let hpa = object("Hpa", "a");
        index.apply(asked(&hpa, &["x"]));
        let circumstances = Circumstances {
            is_at_zero: true,
            ..Circumstances::default()
        };
        let idle = Asked {
            circumstances: circumstances.clone(),
            ..asked(&hpa, &["x"])
        };
        let change = Change {
            added: vec![Asking {
                demand: demand(&hpa, "x"),
                circumstances,
            }],
            ..Change::default()
        };
        assert_eq!(index.apply(idle.clone()), change);
        assert_eq!(index.apply(idle), Change::default());
    }

    #[test]
    fn a_metric_stays_demanded_while_any_object_asks_for_it() {
        let mut index = DemandIndex::default();
        let (a, b) = (object("Hpa", "a"), object("Hpa", "b"));
        index.apply(asked(&a, &["x"]));
        index.apply(asked(&b, &["x"]));
        assert_eq!(index.delete(&a), removed(&[demand(&a, "x")]));
        assert_eq!(index.demands().collect::<Vec<_>>(), [&demand(&b, "x")]);
    }

    #[test]
    fn a_new_list_of_one_kind_withdraws_nothing_of_another() {
        let mut index = DemandIndex::default();
        let (hpa, other) = (object("Hpa", "a"), object("Other", "a"));
        index.apply(asked(&hpa, &["x"]));
        index.apply(asked(&other, &["x"]));
        assert_eq!(index.reset("Hpa", []), removed(&[demand(&hpa, "x")]));
        assert_eq!(index.demands().collect::<Vec<_>>(), [&demand(&other, "x")]);
    }

    #[test]
    fn a_problem_is_told_once_until_it_changes_or_its_object_comes_anew() {
        let hpa = object("Hpa", "a");
        let problem = |operator: &str| problem(&hpa, operator);
        let broken = |operator| Asked {
            problems: vec![problem(operator)],
            ..asked(&hpa, &[])
        };
        let told = |operator| Change {
            problems: vec![problem(operator)],
            ..Change::default()
        };
        let mut index = DemandIndex::default();
        assert_eq!(index.apply(broken("Gt")), told("Gt"));
        assert_eq!(index.apply(broken("Gt")), Change::default());
        assert_eq!(index.reset("Hpa", [broken("Gt")]), Change::default());
        assert_eq!(index.apply(broken("Lt")), told("Lt"));
        index.delete(&hpa);
        assert_eq!(index.apply(broken("Lt")), told("Lt"));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Apply(Asked),
        Delete(ObjectReference),
        Reset(&'static str, Vec<Asked>),
    }

    fn event() -> impl Strategy<Value = Event> {
        let kind = || prop_oneof![Just("Hpa"), Just("Other")];
        let metrics = || vec(prop_oneof![Just("x"), Just("y"), Just("z")], 0..3);
        let name = || prop_oneof![Just("a"), Just("b"), Just("c")];
        let problems = || vec(prop_oneof![Just("Gt"), Just("Lt")], 0..2);
        let some = move |kind: &'static str| {
            (name(), metrics(), problems()).prop_map(move |(name, metrics, problems)| {
                let asker = object(kind, name);
                let problems = problems.iter().map(|operator| problem(&asker, operator));
                Asked {
                    problems: problems.collect(),
                    ..asked(&asker, &metrics)
                }
            })
        };
        prop_oneof![
            kind().prop_flat_map(some).prop_map(Event::Apply),
            (kind(), name()).prop_map(|(kind, name)| Event::Delete(object(kind, name))),
            kind().prop_flat_map(move |kind| {
                vec(some(kind), 0..3).prop_map(move |list| Event::Reset(kind, list))
            }),
        ]
    }

    proptest! {
        /// The reference keeps a list of objects and compares all demands before and after.
        #[test]
        fn whoever_adds_up_the_changes_has_what_the_objects_ask_for(events in vec(event(), 0..20)) {
            let mut index = DemandIndex::default();
            let mut objects: Vec<Asked> = Vec::new();
            for event in events {
                let demands = |objects: &[Asked]| -> BTreeSet<Demand> {
                    objects.iter().flat_map(|asked| asked.demands.clone()).collect()
                };
                let problems = |objects: &[Asked]| -> Vec<Problem> {
                    objects.iter().flat_map(|asked| asked.problems.clone()).collect()
                };
                let (before, mut told) = (demands(&objects), problems(&objects));
                let change = match event {
                    Event::Apply(asked) => {
                        objects.retain(|known| known.asker != asked.asker);
                        objects.push(asked.clone());
                        index.apply(asked)
                    }
                    Event::Delete(asker) => {
                        objects.retain(|known| known.asker != asker);
                        index.delete(&asker)
                    }
                    Event::Reset(kind, list) => {
                        objects.retain(|known| known.asker.kind.as_ref() != kind);
                        for asked in list.clone() {
                            objects.retain(|known| known.asker != asked.asker);
                            objects.push(asked);
                        }
                        index.reset(kind, list)
                    }
                };
                let after = demands(&objects);
                for problem in &change.problems {
                    prop_assert!(!told.contains(problem), "told again: {problem}");
                }
                told.extend(change.problems);
                for problem in problems(&objects) {
                    prop_assert!(told.contains(&problem), "not told: {problem}");
                }
                let added: Vec<_> = change.added.into_iter().map(|asking| asking.demand).collect();
                prop_assert_eq!(added, after.difference(&before).cloned().collect::<Vec<_>>());
                prop_assert_eq!(change.removed, before.difference(&after).cloned().collect::<Vec<_>>());
                let indexed: BTreeSet<_> = index.demands().cloned().collect();
                prop_assert_eq!(indexed, after);
            }
        }
    }
}
