//! A hundred thousand demands at once: what the first list of a cluster costs in time and
//! memory, what is told of them, and what reading costs meanwhile.

mod cluster;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use cluster::{NOW, metric};
use datadog_query::{Point, Query};
use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use metrics_store::{Answer, Definition, Key, MetricReference, Namespaces, Store, Wishes};
use provider_api::{ExternalMetric, ObjectReference, Selector};
use time::Duration;

/// Counts what is allocated, beside the time.
#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const DEMANDS: usize = 100_000;

fn main() {
    divan::main();
}

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Each of fifty thousand HPAs asks for two metrics of its own.
    Own,
    /// Each is alone in its namespace and asks for two metrics, which mean the same two queries
    /// everywhere.
    Shared,
    /// All are of one namespace and ask for one DatadogMetric, with two selectors.
    One,
}

const SHAPES: [Shape; 3] = [Shape::Own, Shape::Shared, Shape::One];

impl Shape {
    fn metric(self, number: usize) -> ExternalMetric {
        let named = |namespace: &str, name: &str, selector: Selector| {
            ExternalMetric::new(
                namespace.parse().expect("letters"),
                name.parse().expect("letters"),
                selector,
            )
        };
        match self {
            Self::Own => metric(number),
            Self::Shared => {
                let name = ["orders", "returns"][number % 2];
                let namespace = format!("shop-{}", number / 2);
                named(&namespace, name, Selector::everything())
            }
            Self::One => {
                let selector = ["app=web", "app=api"][number % 2];
                let selector = selector.parse().expect("a selector");
                named("shop", &reference().to_string(), selector)
            }
        }
    }

    fn keys(self) -> Vec<Key> {
        let key = |number: usize| {
            let metric = self.metric(number);
            let asker = ObjectReference {
                kind: "HorizontalPodAutoscaler".into(),
                namespace: metric.namespace().as_str().into(),
                name: format!("web-{}", number / 2).into(),
            };
            Key { asker, metric }
        };
        (0..DEMANDS).map(key).collect()
    }

    /// A store in which all ask, and nothing is answered.
    fn demanded(self) -> Store {
        let store = empty();
        demand(&store, self.keys());
        store
    }

    /// A store in which everything is answered.
    fn answered(self) -> Store {
        let store = self.demanded();
        for query in store.queries() {
            store.record(&query, value(), NOW - Duration::seconds(5));
        }
        store
    }
}

fn reference() -> MetricReference {
    MetricReference::new("shop", "depth").expect("letters")
}

fn value() -> Answer {
    Answer::Value(Point {
        time: NOW - Duration::seconds(45),
        value: 27.5,
    })
}

fn empty() -> Store {
    let store = cluster::store(0).with_definitions(Namespaces::Any);
    let query = Query::written("avg:queue.depth{*}.rollup(30)");
    let definition = Definition {
        query: Ok(query.expect("a query")),
        wishes: Wishes::default(),
        max_age: None,
        window: None,
    };
    store.define(&reference(), definition);
    store.defined();
    store
}

fn demand(store: &Store, keys: Vec<Key>) {
    let usual = Wishes::default();
    for key in keys {
        store.demand(key, &usual).expect("Datadog has words for it");
    }
}

#[divan::bench(args = SHAPES, sample_count = 5, sample_size = 1)]
fn the_first_list(bencher: Bencher<'_, '_>, shape: Shape) {
    bencher
        .with_inputs(|| (empty(), shape.keys()))
        .bench_values(|(store, keys)| {
            demand(&store, keys);
            store
        });
}

#[divan::bench(args = SHAPES, sample_count = 5, sample_size = 1)]
fn a_list_of_what_is_known(bencher: Bencher<'_, '_>, shape: Shape) {
    let store = shape.demanded();
    bencher
        .with_inputs(|| shape.keys())
        .bench_values(|keys| demand(&store, keys));
}

#[divan::bench(args = SHAPES, sample_count = 5, sample_size = 1)]
fn all_go(bencher: Bencher<'_, '_>, shape: Shape) {
    bencher
        .with_inputs(|| (shape.answered(), shape.keys()))
        .bench_values(|(store, keys)| {
            for key in &keys {
                store.withdraw(key);
            }
            assert_eq!(store.queries(), []);
            (store, keys)
        });
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn all_words(bencher: Bencher<'_, '_>, shape: Shape) {
    let store = shape.answered();
    bencher.bench(|| store.words(NOW));
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn all_standings(bencher: Bencher<'_, '_>, shape: Shape) {
    let store = shape.answered();
    bencher.bench(|| store.standings(NOW));
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn a_definition_changes(bencher: Bencher<'_, '_>, shape: Shape) {
    let store = shape.answered();
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        let query = Query::written(&format!("avg:queue.depth{{version:{number}}}"));
        let definition = Definition {
            query: Ok(query.expect("a query")),
            wishes: Wishes::default(),
            max_age: None,
            window: None,
        };
        store.define(&reference(), definition)
    });
}

/// One read, by nobody else, for what it allocates.
#[divan::bench(args = SHAPES, sample_count = 100, sample_size = 10_000)]
fn a_read(bencher: Bencher<'_, '_>, shape: Shape) {
    let store = shape.answered();
    let metric = shape.metric(7);
    bencher.bench(|| store.read(black_box(&metric), NOW).ok());
}

/// One read of any of them, by one of eight threads.
#[divan::bench(args = SHAPES, threads = 8, sample_count = 500, sample_size = 100)]
fn a_read_of_eight(bencher: Bencher<'_, '_>, shape: Shape) {
    read(bencher, &shape.answered(), shape);
}

/// The same, while answers are recorded as fast as a hundred thousand queries are answered
/// within half a minute.
#[divan::bench(args = SHAPES, threads = 8, sample_count = 500, sample_size = 100)]
fn a_read_of_eight_beside_a_refresh(bencher: Bencher<'_, '_>, shape: Shape) {
    let pace = std::time::Duration::from_secs(30) / 100_000;
    let store = shape.answered();
    let queries = store.queries();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for query in queries.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                store.record(query, value(), NOW);
                thread::park_timeout(pace);
            }
        });
        read(bencher, &store, shape);
        done.store(true, Ordering::Relaxed);
    });
}

/// The metric has just been read from a request, and the store is read anywhere.
fn read(bencher: Bencher<'_, '_>, store: &Store, shape: Shape) {
    bencher
        .counter(ItemsCount::new(1_usize))
        .with_inputs(|| shape.metric(fastrand::usize(..DEMANDS)))
        .bench_refs(|metric| store.read(metric, NOW).ok());
}
