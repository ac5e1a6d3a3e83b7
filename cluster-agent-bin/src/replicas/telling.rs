//! Tells each object that asks what became of its metric.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
};

use k8s_adapter::{Demand, Events, Health, turn};
use metrics_store::{MetricReference, Origin, Reading, Store, Unready, Word};
use provider_api::{Clock as _, ExternalMetric, ObjectReference};
use time::{Duration, OffsetDateTime};

use crate::edge::WallClock;

/// How often it is looked at how the metrics stand. What is over before the next look is
/// nobody's concern.
const PERIOD: Duration = Duration::seconds(15);

/// Looks at all metrics, and tells of each that takes a turn. Never ends.
pub(super) async fn tell(events: &Events, store: &Store, clock: WallClock) -> Infallible {
    let mut looks = Looks::since(clock.now());
    loop {
        if store.is_synced() {
            looks.look(store, clock.now(), |notice, is_first| match is_first {
                true => events.tell_unless_told(notice),
                false => events.tell(notice),
            });
        }
        clock.sleep(PERIOD).await;
    }
}

/// How each metric stood for each object at the last look.
struct Looks {
    begun: OffsetDateTime,
    stood: HashMap<Demand, Health>,
}

impl Looks {
    fn since(begun: OffsetDateTime) -> Self {
        Self {
            begun,
            stood: HashMap::new(),
        }
    }

    /// `tell` is given each notice, and whether it is the first of its metric for its object. It
    /// says whether the notice was taken; what was not is told at the next look.
    fn look(
        &mut self,
        store: &Store,
        now: OffsetDateTime,
        mut tell: impl FnMut(k8s_adapter::Notice, bool) -> bool,
    ) {
        let mut stood = HashMap::with_capacity(self.stood.len());
        for word in store.words(now) {
            let Some(health) = health(&word, store.read(&word.metric, now), now) else {
                continue;
            };
            let metric = named(&word.metric);
            for asker in &told_of(&word) {
                let demand = Demand {
                    asker: asker.clone(),
                    metric: word.metric.clone(),
                };
                let before = self.stood.remove(&demand);
                let is_told = match turn(asker, None, &metric, before.as_ref(), &health) {
                    // The leader before has told it.
                    Some(_) if before.is_none() && self.is_old(&word) => true,
                    Some(notice) => tell(notice, before.is_none()),
                    None => true,
                };
                match before {
                    _ if is_told => _ = stood.insert(demand, health.clone()),
                    Some(before) => _ = stood.insert(demand, before),
                    None => {}
                }
            }
        }
        self.stood = stood;
    }

    /// Whether it was so before this replica led.
    fn is_old(&self, word: &Word) -> bool {
        let failure = word.told.as_ref().and_then(|told| told.failure.as_ref());
        failure.is_some_and(|failure| failure.since < self.begun)
    }
}

/// Those who ask, and the DatadogMetric that they refer to.
fn told_of(word: &Word) -> BTreeSet<ObjectReference> {
    let reference = MetricReference::in_name(word.metric.name());
    let object = reference.and_then(Result::ok).map(|it| it.object());
    word.askers.iter().cloned().chain(object).collect()
}

/// How a metric stands whose reading is this; nothing, as long as Datadog has not answered.
fn health(word: &Word, reading: Result<Reading, Unready>, now: OffsetDateTime) -> Option<Health> {
    let why = || match word.told.as_ref().and_then(|told| told.failure.as_ref()) {
        Some(failure) => failure.why.to_string(),
        None => "there is nothing newer".to_owned(),
    };
    Some(match reading {
        Ok(Reading {
            origin: Origin::Measured,
            ..
        }) => Health::Served,
        Ok(_) => Health::Held { why: why() },
        Err(
            Unready::Waiting(_)
            | Unready::NotSynced
            | Unready::NotDefined(_)
            | Unready::NotDemanded,
        ) => return None,
        // The next answer tells.
        Err(Unready::Unasked { heard, .. }) if now - heard <= Duration::MINUTE => return None,
        // The metric is named before.
        Err(Unready::Inexpressible(why)) => Health::Failing {
            why: why.to_string(),
        },
        Err(unready) => Health::Failing {
            why: unready.refusal(&word.metric).to_string(),
        },
    })
}

/// As an autoscaler writes it: its namespace is known to whoever reads.
fn named(metric: &ExternalMetric) -> String {
    match metric.selector().requirements() {
        [] => metric.name().to_string(),
        _ => format!("{}{{{}}}", metric.name(), metric.selector()),
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, sync::Arc};

    use datadog_query::{Aggregator, Point, Query, Rollup};
    use metrics_store::{Answer, Key, Namespaces, Policy, Template, Wishes};
    use provider_api::Selector;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);

    fn at(seconds: i64) -> OffsetDateTime {
        START + Duration::seconds(seconds)
    }

    /// A store in which two HPAs ask for one metric, and its query.
    fn store() -> (Store, Query) {
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup: Rollup(const { NonZeroU32::new(30).expect("not zero") }),
        };
        let policy = Policy::up_to(Duration::minutes(2), Duration::seconds(30));
        let store = Store::new(template, policy, Arc::new(|| START));
        let metric = ExternalMetric::new(
            "shop".parse().unwrap(),
            "queue.depth".parse().unwrap(),
            "queue=orders".parse().unwrap(),
        );
        for name in ["api", "web"] {
            let asker = ObjectReference {
                kind: "HorizontalPodAutoscaler".into(),
                namespace: "shop".into(),
                name: name.into(),
            };
            let metric = metric.clone();
            let key = Key { asker, metric };
            store.demand(key, &Wishes::default()).unwrap();
        }
        let [query] = <[Query; 1]>::try_from(store.queries()).unwrap();
        (store, query)
    }

    fn told(looks: &mut Looks, store: &Store, now: i64) -> Vec<String> {
        let mut told = Vec::new();
        looks.look(store, at(now), |notice, _| {
            told.push(format!("{}: {}", notice.about.name, notice.note));
            true
        });
        told.sort_unstable();
        told
    }

    fn value(second: i64) -> Answer {
        let time = at(second);
        Answer::Value(Point { time, value: 7.0 })
    }

    #[test]
    fn every_object_hears_of_a_turn_once_and_of_no_good_beginning() {
        let (store, query) = store();
        let mut looks = Looks::since(START);
        let nothing = [""; 0];
        assert_eq!(told(&mut looks, &store, 1), nothing);
        store.record(&query, value(0), at(31));
        assert_eq!(told(&mut looks, &store, 32), nothing);
        store.record(&query, Answer::UnknownMetric, at(61));
        assert_eq!(told(&mut looks, &store, 62), nothing, "it is young enough");
        let gone = |name: &str| {
            format!(
                "{name}: queue.depth{{queue=orders}} has no value: avg:queue.depth{{queue:orders}}.rollup(30): \
                 Datadog has no metric of this name: check its spelling"
            )
        };
        assert_eq!(told(&mut looks, &store, 121), [gone("api"), gone("web")]);
        assert_eq!(told(&mut looks, &store, 136), nothing);
        store.record(&query, value(120), at(151));
        let again =
            |name: &str| format!("{name}: queue.depth{{queue=orders}} has a new value again");
        assert_eq!(told(&mut looks, &store, 152), [again("api"), again("web")]);
    }

    #[test]
    fn a_value_that_has_run_out_is_told_once_it_is_known_why() {
        let (store, query) = store();
        let mut looks = Looks::since(START);
        store.record(&query, value(0), at(61));
        assert_eq!(told(&mut looks, &store, 121), [""; 0]);
        store.record(&query, value(0), at(122));
        let stopped = &told(&mut looks, &store, 123)[0];
        assert!(
            stopped.contains("check that the metric is still being sent"),
            "{stopped}"
        );
        // Nobody has asked for a while.
        store.record(&query, value(120), at(131));
        told(&mut looks, &store, 132);
        let unasked = &told(&mut looks, &store, 260)[0];
        assert!(
            unasked.contains("Datadog has answered last at"),
            "{unasked}"
        );
    }

    #[test]
    fn an_object_hears_in_one_sentence_that_what_it_refers_to_is_missing() {
        let (store, _) = store();
        let store = store.with_definitions(Namespaces::Any);
        store.defined();
        let metric = ExternalMetric::new(
            "shop".parse().unwrap(),
            "datadogmetric@shop:depth".parse().unwrap(),
            Selector::everything(),
        );
        let asker = MetricReference::new("shop", "web").unwrap().object();
        let missing = store.demand(Key { asker, metric }, &Wishes::default());
        assert!(missing.is_err());
        let mut looks = Looks::since(START);
        let note = "datadogmetric@shop:depth has no value: DatadogMetric shop/depth does not exist";
        assert_eq!(
            told(&mut looks, &store, 1),
            ["depth", "web"].map(|name| format!("{name}: {note}"))
        );
    }

    #[test]
    fn what_is_so_at_the_first_look_may_have_been_told_before_and_a_turn_was_not() {
        let (store, query) = store();
        let mut looks = Looks::since(START);
        let first = |looks: &mut Looks, now| {
            let mut told = Vec::new();
            looks.look(&store, at(now), |_, is_first| {
                told.push(is_first);
                true
            });
            told
        };
        store.record(&query, Answer::UnknownMetric, at(10));
        assert_eq!(first(&mut looks, 11), [true, true]);
        store.record(&query, value(11), at(41));
        assert_eq!(first(&mut looks, 42), [false, false]);
    }

    #[test]
    fn what_was_not_taken_is_told_again_and_what_the_leader_before_told_is_not() {
        let (store, query) = store();
        store.record(&query, Answer::UnknownMetric, at(10));
        let mut looks = Looks::since(START);
        looks.look(&store, at(11), |_, _| false);
        assert_eq!(told(&mut looks, &store, 26).len(), 2);
        let mut next = Looks::since(at(30));
        assert_eq!(told(&mut next, &store, 31), [""; 0]);
        store.record(&query, value(30), at(61));
        assert_eq!(told(&mut next, &store, 62).len(), 2);
    }
}
