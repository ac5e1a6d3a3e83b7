//! The ledger against a reference that knows no indices: it looks through everything for
//! every question.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use time::Duration;

use super::{
    tests::{at, hpa, key, ledger, metric, query, value},
    *,
};
use crate::{Definition, Failure, Reason, Sample, Subject, Told, known::Ages};

/// Two metrics by name, whose queries are the first two, and two by reference.
const METRICS: [&str; 4] = [
    "shop/m0",
    "shop/m1",
    "shop/datadogmetric@shop:d2",
    "shop/datadogmetric@other:d3",
];
/// The usual maximum age.
const MAX_AGE: i64 = 120;

#[derive(Clone, Debug)]
enum Event {
    /// An HPA asks for the metric, and may wish this maximum age.
    Demand(u8, usize, Option<i64>),
    Withdraw(u8, usize),
    Define(usize, Defined),
    Undefine(usize),
    /// Datadog answers with a value that was measured so long ago,
    Value(usize, i64, i64),
    /// or has no such metric.
    Missing(usize),
    /// Another replica tells this of the query, or of one that it does not name.
    Adopt(usize, Option<usize>, Hearsay),
    Retract(usize),
}

/// What another replica heard so long ago: that there is no such metric, or this value; or both,
/// where it had one before. The value was measured so long before.
#[derive(Clone, Copy, Debug)]
struct Hearsay {
    ago: i64,
    is_missing: bool,
    last: Option<(i64, i64)>,
}

fn hearsay() -> impl Strategy<Value = Hearsay> {
    let last = (0..900_i64, prop_oneof![Just(0), 0..100_i64]);
    let parts = (
        -5..200_i64,
        any::<bool>(),
        prop::option::weighted(0.8, last),
    );
    parts.prop_map(|(ago, is_missing, last)| Hearsay {
        ago,
        is_missing: is_missing || last.is_none(),
        last,
    })
}

/// What a DatadogMetric says: its query, where it has one, its maximum age and its window.
#[derive(Clone, Copy, Debug)]
struct Defined {
    query: Option<usize>,
    max_age: Option<i64>,
    window: Option<i64>,
}

fn defined() -> impl Strategy<Value = Defined> {
    let parts = (
        prop::option::weighted(0.8, 0..3_usize),
        prop::option::of(prop::sample::select(vec![100, 150])),
        prop::option::of(prop::sample::select(vec![60, 170, 200_000])),
    );
    parts.prop_map(|(query, max_age, window)| Defined {
        query,
        max_age,
        window,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let queries = 0..3_usize;
    prop_oneof![
        4 => (0..3_u8, 0..4_usize, prop::option::of(prop::sample::select(vec![90, 160])))
            .prop_map(|(asker, asked, wished)| Event::Demand(asker, asked, wished)),
        2 => (0..3_u8, 0..4_usize).prop_map(|(asker, asked)| Event::Withdraw(asker, asked)),
        2 => (2..4_usize, defined()).prop_map(|(asked, defined)| Event::Define(asked, defined)),
        1 => (2..4_usize).prop_map(Event::Undefine),
        2 => (queries.clone(), 0..900_i64, 0..150_i64)
            .prop_map(|(query, value, age)| Event::Value(query, value, age)),
        1 => queries.clone().prop_map(Event::Missing),
        3 => (0..4_usize, prop::option::of(queries), hearsay())
            .prop_map(|(asked, query, hearsay)| Event::Adopt(asked, query, hearsay)),
        1 => (0..4_usize).prop_map(Event::Retract),
    ]
}

/// What was heard last of a query, and when; and the last value with its time.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    at: i64,
    is_missing: bool,
    last: Option<(i64, i64)>,
}

impl Heard {
    /// This is heard besides, from whomever: the later answer counts, and the newer value.
    fn besides(&mut self, other: Self) {
        let is_later = other.at > self.at;
        if is_later {
            (self.at, self.is_missing) = (other.at, other.is_missing);
        }
        // Of one time, what was said of it later.
        let newness = |last: Option<(i64, i64)>, is_later| last.map(|(time, _)| (time, is_later));
        if newness(other.last, is_later) > newness(self.last, !is_later) {
            self.last = other.last;
        }
    }
}

#[derive(Debug, PartialEq)]
enum Served {
    Value(i64, i64),
    Nobody,
    Inexpressible,
    Waiting,
    Refused,
}

#[derive(Debug, Default)]
struct Model {
    demands: BTreeMap<(usize, u8), Option<i64>>,
    definitions: BTreeMap<usize, Defined>,
    heard: BTreeMap<usize, Heard>,
    hearsay: BTreeMap<usize, (Option<usize>, Heard)>,
}

impl Model {
    fn query(&self, asked: usize) -> Option<usize> {
        match asked {
            0 | 1 => Some(asked),
            _ => self.definitions.get(&asked)?.query,
        }
    }

    /// The age up to which a value of the metric counts for the most careful who asks.
    fn max_age(&self, asked: usize) -> i64 {
        let defined = self.definitions.get(&asked);
        let usual = defined
            .and_then(|defined| defined.max_age)
            .unwrap_or(MAX_AGE);
        let of_it = self
            .demands
            .iter()
            .filter(|((other, _), _)| *other == asked);
        let ages = of_it.map(|(_, wished)| wished.unwrap_or(usual));
        ages.min().unwrap_or(usual)
    }

    /// What the metrics of a query say of its age.
    fn ages(&self, query: usize) -> Ages {
        let demanded = self.demanded().into_iter();
        let meaning: Vec<_> = demanded
            .filter(|asked| self.query(*asked) == Some(query))
            .collect();
        let ages = || meaning.iter().map(|asked| self.max_age(*asked));
        let definitions = meaning.iter().map(|asked| self.definitions.get(asked));
        let windows = definitions.filter_map(|defined| defined?.window);
        let windows = windows.map(|window| window.min(24 * 60 * 60));
        Ages {
            max_age: Duration::seconds(ages().min().unwrap()),
            look_back: Duration::seconds(ages().chain(windows).max().unwrap()),
        }
    }

    fn demanded(&self) -> BTreeSet<usize> {
        self.demands.keys().map(|(asked, _)| *asked).collect()
    }

    fn queries(&self) -> BTreeSet<usize> {
        let demanded = self.demanded().into_iter();
        demanded.filter_map(|asked| self.query(asked)).collect()
    }

    fn after(&mut self, event: &Event, now: i64) {
        let before = self.queries();
        match *event {
            Event::Demand(asker, asked, wished) => {
                self.demands.insert((asked, asker), wished);
            }
            Event::Withdraw(asker, asked) => _ = self.demands.remove(&(asked, asker)),
            Event::Define(asked, defined) => _ = self.definitions.insert(asked, defined),
            Event::Undefine(asked) => _ = self.definitions.remove(&asked),
            Event::Value(query, value, age) if before.contains(&query) => {
                let heard = self.heard.entry(query).or_default();
                let newest = heard
                    .last
                    .filter(|(time, _)| now - age < *time && *time <= now);
                (heard.at, heard.is_missing) = (now, false);
                heard.last = newest.or(Some((now - age, value)));
            }
            Event::Missing(query) if before.contains(&query) => {
                let heard = self.heard.entry(query).or_default();
                (heard.at, heard.is_missing) = (now, true);
            }
            Event::Value(..) | Event::Missing(_) => {}
            // What lies a minute ahead is a slip; none of these does.
            // What a definition asked for then is not known.
            Event::Adopt(2.., None, _) => {}
            Event::Adopt(asked, query, hearsay) => {
                let at = now - hearsay.ago;
                let heard = Heard {
                    at,
                    is_missing: hearsay.is_missing,
                    last: hearsay.last.map(|(value, before)| (at - before, value)),
                };
                self.hearsay.insert(asked, (query, heard));
            }
            Event::Retract(asked) => _ = self.hearsay.remove(&asked),
        }
        let after = self.queries();
        self.heard
            .retain(|query, _| before.contains(query) && after.contains(query));
        for asked in self.demanded() {
            let (Some(query), Some((of, heard))) =
                (self.query(asked), self.hearsay.get(&asked).copied())
            else {
                continue;
            };
            if of.is_some_and(|of| of != query) {
                continue;
            }
            self.hearsay.remove(&asked);
            let known = self.heard.entry(query).or_insert(heard);
            known.besides(heard);
        }
    }

    fn served(&self, asked: usize, now: i64) -> Served {
        if !self.demanded().contains(&asked) {
            return Served::Nobody;
        }
        let Some(query) = self.query(asked) else {
            return Served::Inexpressible;
        };
        match self.heard.get(&query) {
            None => Served::Waiting,
            Some(Heard {
                last: Some((time, value)),
                ..
            }) if now - time <= self.max_age(asked) => Served::Value(*value, *time),
            Some(_) => Served::Refused,
        }
    }

    fn waiting(&self, now: i64) -> usize {
        let says_nothing = |asked: &usize| match self.served(*asked, now) {
            Served::Waiting => true,
            Served::Refused => {
                let heard = self.query(*asked).and_then(|query| self.heard.get(&query));
                let age = self.max_age(*asked);
                // Whoever answered while the value was young, or too long ago, says nothing of now.
                heard.is_some_and(|heard| {
                    let was_young = heard.last.is_some_and(|(time, _)| heard.at - time <= age);
                    !heard.is_missing && (was_young || now - heard.at > age)
                })
            }
            _ => false,
        };
        self.demanded()
            .iter()
            .filter(|asked| says_nothing(asked))
            .count()
    }
}

fn reference(asked: usize) -> MetricReference {
    let written = metric(METRICS[asked]);
    MetricReference::in_name(written.name()).unwrap().unwrap()
}

fn apply(ledger: &mut Ledger, event: &Event, now: i64) {
    let text = |query: usize| query_of(query).text().into();
    match *event {
        Event::Demand(asker, asked, wished) => {
            let wishes = Wishes {
                max_age: wished.map(Duration::seconds),
                ..Wishes::default()
            };
            _ = ledger.demand(key(&format!("shop/{asker}"), METRICS[asked]), &wishes);
        }
        Event::Withdraw(asker, asked) => {
            ledger.withdraw(&key(&format!("shop/{asker}"), METRICS[asked]));
        }
        Event::Define(asked, defined) => {
            let query = defined.query.map(query_of);
            let definition = Definition {
                query: query.ok_or("it is empty".into()),
                wishes: Wishes::default(),
                max_age: defined.max_age.map(Duration::seconds),
                window: defined.window.map(Duration::seconds),
            };
            ledger.define(&reference(asked), definition);
        }
        Event::Undefine(asked) => ledger.undefine(&reference(asked)),
        Event::Value(query, number, age) => {
            let answer = value(number as f64, now - age);
            ledger.record(&query_of(query), answer, at(now));
        }
        Event::Missing(query) => {
            ledger.record(&query_of(query), Answer::UnknownMetric, at(now));
        }
        Event::Adopt(asked, query, hearsay) => {
            let heard = now - hearsay.ago;
            let last = hearsay.last.map(|(value, before)| Sample {
                value: value.into(),
                time: at(heard - before),
            });
            let failure = hearsay.is_missing.then(|| Failure {
                reason: Reason::UnknownMetric,
                why: "it is misspelt".into(),
                since: at(heard),
            });
            let told = Told {
                heard: at(heard),
                last,
                failure,
            };
            ledger.adopt(&metric(METRICS[asked]), query.map(text), told, at(now));
        }
        Event::Retract(asked) => ledger.retract(&metric(METRICS[asked])),
    }
}

fn query_of(number: usize) -> Query {
    query(&format!("m{number}"))
}

fn served(ledger: &Ledger, asked: usize, now: i64) -> Served {
    match ledger.read(&metric(METRICS[asked]), at(now)) {
        Ok(reading) => {
            let Sample { value, time } = reading.sample;
            let value = i64::try_from(value.nanos() / 1_000_000_000).unwrap();
            Served::Value(value, (time - at(0)).whole_seconds())
        }
        Err(Unready::NotDemanded) => Served::Nobody,
        Err(Unready::Inexpressible(_)) => Served::Inexpressible,
        Err(Unready::Waiting(_)) => Served::Waiting,
        Err(Unready::Stale { .. } | Unready::Unasked { .. } | Unready::Failing { .. }) => {
            Served::Refused
        }
        Err(why) => panic!("{why:?}"),
    }
}

proptest! {
    #[test]
    fn after_any_history_each_metric_has_what_was_heard_last_of_the_query_that_it_means_now(
        events in prop::collection::vec((event(), prop_oneof![9 => 0..60_i64, 1 => -200..0_i64]), 0..60)
    ) {
        let (mut ledger, mut model, mut now) = (ledger(), Model::default(), 0);
        ledger.read_definitions(Namespaces::Any);
        ledger.defined();
        for (event, passed) in &events {
            now += passed;
            apply(&mut ledger, event, now);
            model.after(event, now);
            for (asked, name) in METRICS.iter().enumerate() {
                prop_assert_eq!(served(&ledger, asked, now), model.served(asked, now), "{}", name);
            }
            let queries: BTreeSet<_> = ledger.queries().into_iter().collect();
            prop_assert_eq!(queries, model.queries().into_iter().map(query_of).collect());
            for query in model.queries() {
                let known = &ledger.known[&query_of(query)];
                prop_assert_eq!(known.ages(), Some(model.ages(query)));
            }
            for demanded in ledger.demanded.values() {
                let there = ledger.known.get_index(demanded.place).map(|(query, _)| query);
                prop_assert!(demanded.query.as_ref().is_ok_and(|query| Some(query) == there) || demanded.query.is_err());
            }
            prop_assert_eq!(ledger.waiting(at(now)), model.waiting(now));

            let standings = ledger.standings(at(now));
            let defined: BTreeMap<_, _> = standings.into_iter().filter_map(|standing| {
                let Subject::Definition(reference) = standing.subject else { return None };
                Some((reference, standing.askers))
            }).collect();
            let expected = model.definitions.keys().map(|asked| {
                let of_it = model.demands.keys().filter(|(other, _)| other == asked);
                let askers = of_it.map(|(_, asker)| hpa(&format!("shop/{asker}"))).collect();
                (reference(*asked), askers)
            });
            prop_assert_eq!(defined, expected.collect());
        }
    }
}
