//! The plain maps: who asks for which metric, and what is known of its query.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use datadog_query::{NoValue, Point, Query};
use provider_api::{ExternalMetric, ObjectReference};
use time::OffsetDateTime;

use crate::{
    Cause, Due, Inexpressible, Key, Policy, Sample, State, Template, Unready, capitals::Capitals,
};

/// Who asks for which metric, and what is known of its query.
///
/// A query is asked and answered once, however many metrics of however many
/// autoscalers mean it; that is why what is known hangs on the query.
#[derive(Debug)]
pub struct Ledger {
    template: Template,
    policy: Policy,
    synced: bool,
    /// By the metric as the autoscalers write it.
    demanded: HashMap<ExternalMetric, Demanded>,
    capitals: Capitals,
    known: HashMap<Query, Known>,
}

#[derive(Debug)]
struct Demanded {
    askers: BTreeSet<ObjectReference>,
    query: Result<Query, Inexpressible>,
}

#[derive(Debug, Default)]
struct Known {
    state: State,
    /// The keys of `demanded` that mean this query.
    metrics: BTreeSet<ExternalMetric>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(template: Template, policy: Policy) -> Self {
        Self {
            template,
            policy,
            synced: false,
            demanded: HashMap::new(),
            capitals: Capitals::default(),
            known: HashMap::new(),
        }
    }

    /// `key.asker` asks for `key.metric`. Tells whether Datadog has yet to be asked
    /// for it.
    ///
    /// # Errors
    /// When the metric cannot be asked of Datadog. The demand stands all the
    /// same, and whoever reads the metric is told why it has no value.
    pub fn demand(&mut self, key: Key) -> Result<bool, Inexpressible> {
        let Key { asker, metric } = key;
        if let Some(demanded) = self.demanded.get_mut(&metric) {
            demanded.askers.insert(asker);
            return demanded.query.as_ref().map(|_| false).map_err(Clone::clone);
        }
        let query = self.template.query(&metric);
        let answer = match &query {
            Ok(query) => {
                let known = self.known.entry(query.clone()).or_default();
                known.metrics.insert(metric.clone());
                Ok(matches!(known.state, State::Waiting))
            }
            Err(why) => Err(why.clone()),
        };
        self.capitals.insert(&metric);
        self.demanded.insert(
            metric,
            Demanded {
                askers: BTreeSet::from([asker]),
                query,
            },
        );
        answer
    }

    /// `key.asker` asks for `key.metric` no longer. What nobody asks for is
    /// forgotten.
    pub fn withdraw(&mut self, key: &Key) {
        let Some(demanded) = self.demanded.get_mut(&key.metric) else {
            return;
        };
        demanded.askers.remove(&key.asker);
        if !demanded.askers.is_empty() {
            return;
        }
        self.capitals.remove(&key.metric);
        let query = self
            .demanded
            .remove(&key.metric)
            .and_then(|demanded| demanded.query.ok());
        if let Some(query) = query
            && let Entry::Occupied(mut known) = self.known.entry(query)
        {
            known.get_mut().metrics.remove(&key.metric);
            if known.get().metrics.is_empty() {
                known.remove();
            }
        }
    }

    /// All demands of the cluster are known: from now on a metric that nobody
    /// asks for is refused as unknown.
    pub fn synced(&mut self) {
        self.synced = true;
    }

    /// Whether all demands of the cluster are known.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Every query that somebody's metric means.
    pub fn queries(&self) -> Vec<Query> {
        self.known.keys().cloned().collect()
    }

    /// The queries that a round asks at `now`: those that travel together, and those that
    /// are asked alone, since they have spoilt a call. The others among these wait.
    pub fn due(&self, now: OffsetDateTime) -> (Vec<Query>, Vec<Query>) {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for (query, known) in &self.known {
            match known.state.due(now) {
                Due::Now => together.push(query.clone()),
                Due::Alone => alone.push(query.clone()),
                Due::Later => {}
            }
        }
        (together, alone)
    }

    /// The queries that Datadog has not answered yet.
    pub fn waiting(&self) -> Vec<Query> {
        let waiting = self
            .known
            .iter()
            .filter(|(_, known)| matches!(known.state, State::Waiting));
        waiting.map(|(query, _)| query.clone()).collect()
    }

    /// Datadog's answer to `query` at `now`; returns the turn it brought, where it
    /// brought one. An answer to a query that nobody means any longer is dropped:
    /// the object went while Datadog was asked.
    pub fn record(&mut self, query: &Query, answer: Answer, now: OffsetDateTime) -> Option<Turn> {
        let known = self.known.get_mut(query)?;
        let answer = match answer {
            Answer::Value(point) => Sample::try_from(point).map_err(Cause::from),
            Answer::NoValue(why) => Err(why.into()),
            Answer::UnknownMetric => Err(Cause::UnknownMetric),
        };
        let before = std::mem::take(&mut known.state);
        let was = before.cause().map(Cause::to_string);
        known.state = before.after(answer, now);
        let is = known.state.cause().map(Cause::to_string);
        if was == is {
            return None;
        }
        let askers = known
            .metrics
            .iter()
            .filter_map(|metric| self.demanded.get(metric));
        Some(Turn {
            askers: askers
                .flat_map(|demanded| demanded.askers.iter().cloned())
                .collect(),
            failing: is,
        })
    }

    /// The value of `metric` at `now`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&self, metric: &ExternalMetric, now: OffsetDateTime) -> Result<&Sample, Unready> {
        let demanded = self.meant_by(metric)?;
        let query = demanded
            .query
            .as_ref()
            .map_err(|why| Unready::Inexpressible(why.clone()))?;
        let state = self
            .known
            .get(query)
            .map_or(&State::Waiting, |known| &known.state);
        if let Some(sample) = self.policy.usable(state, now) {
            return Ok(sample);
        }
        let query = query.clone();
        Err(match state {
            State::Waiting => Unready::Waiting(query),
            State::Fresh(last) => Unready::Stale {
                query,
                last: last.clone(),
                max_age: self.policy.max_age(),
            },
            State::Failing { cause, last, .. } => Unready::Failing {
                query,
                cause: cause.clone(),
                last: last.clone(),
            },
        })
    }

    /// What a request for `metric` means.
    fn meant_by(&self, metric: &ExternalMetric) -> Result<&Demanded, Unready> {
        let in_capitals = self.capitals.meant_by(metric);
        let mut meant = std::iter::once(metric)
            .chain(in_capitals)
            .filter_map(|written| self.demanded.get_key_value(written));
        match (meant.next(), meant.next()) {
            (None, _) if self.synced => Err(Unready::NotDemanded),
            (None, _) => Err(Unready::NotSynced),
            (Some((_, demanded)), None) => Ok(demanded),
            (Some(first), Some(second)) => Err(Unready::Ambiguous(
                [first, second]
                    .into_iter()
                    .chain(meant)
                    .map(|(written, _)| written.name().clone())
                    .collect(),
            )),
        }
    }

    /// Every metric that somebody asks for, with those who ask.
    pub fn demands(&self) -> impl Iterator<Item = (&ExternalMetric, &BTreeSet<ObjectReference>)> {
        self.demanded
            .iter()
            .map(|(metric, demanded)| (metric, &demanded.askers))
    }
}

/// A query began to fail, fails for another reason, or recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The objects whose metrics mean the query.
    pub askers: BTreeSet<ObjectReference>,
    /// Why it fails now; nothing, when it has recovered.
    pub failing: Option<String>,
}

/// What Datadog answered to one query.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A value.
    Value(Point),
    /// No value, and why.
    NoValue(NoValue),
    /// No value, since there is no metric of that name.
    UnknownMetric,
}

impl From<Result<Point, NoValue>> for Answer {
    fn from(answer: Result<Point, NoValue>) -> Self {
        answer.map_or_else(Self::NoValue, Self::Value)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use datadog_query::{Aggregator, Rollup};
    use proptest::prelude::*;
    use time::{Duration, macros::datetime};

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        datetime!(2026-01-02 03:00 UTC) + Duration::seconds(seconds)
    }

    fn metric(text: &str) -> ExternalMetric {
        let (namespace, name) = text.split_once('/').unwrap();
        ExternalMetric::new(
            namespace.parse().unwrap(),
            name.parse().unwrap(),
            "app=web".parse().unwrap(),
        )
    }

    fn hpa(text: &str) -> ObjectReference {
        let (namespace, name) = text.split_once('/').unwrap();
        ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn key(asker: &str, asked: &str) -> Key {
        Key {
            asker: hpa(asker),
            metric: metric(asked),
        }
    }

    fn query(name: &str) -> Query {
        Query::written(&format!("avg:{name}{{app:web}}.rollup(30)")).unwrap()
    }

    fn value(value: f64, seconds: i64) -> Answer {
        Answer::Value(Point {
            time: at(seconds),
            value,
        })
    }

    /// A synced ledger that keeps values for 120 s.
    fn ledger() -> Ledger {
        let rollup = Rollup(NonZeroU32::new(30).unwrap());
        let policy = Policy::up_to(Duration::seconds(120), Duration::seconds(30));
        let mut ledger = Ledger::new(
            Template {
                aggregator: Aggregator::Avg,
                rollup,
            },
            policy,
        );
        ledger.synced();
        ledger
    }

    impl Ledger {
        fn demanding(mut self, asker: &str, asked: &str) -> Self {
            self.demand(key(asker, asked)).unwrap();
            self
        }

        fn recorded(mut self, name: &str, answer: Answer, seconds: i64) -> Self {
            self.record(&query(name), answer, at(seconds));
            self
        }

        /// What an HPA reads: the value and its time, or the message.
        fn told(&self, asked: &str, seconds: i64) -> Result<(String, OffsetDateTime), String> {
            let metric = metric(asked);
            let sample = self
                .read(&metric, at(seconds))
                .map_err(|why| why.refusal(&metric).to_string())?;
            Ok((sample.value.to_string(), sample.time))
        }
    }

    #[test]
    fn a_value_is_served_with_its_own_time_until_it_is_too_old() {
        let ledger =
            ledger()
                .demanding("shop/web", "shop/rps")
                .recorded("rps", value(12.5, 10), 40);
        assert_eq!(
            ledger.told("shop/rps", 40),
            Ok(("12500m".to_owned(), at(10)))
        );
        assert_eq!(
            ledger.told("shop/rps", 130),
            Ok(("12500m".to_owned(), at(10)))
        );
        assert_eq!(
            ledger.told("shop/rps", 131),
            Err("avg:rps{app:web}.rollup(30): the newest value is of 2026-01-02T03:00:10Z, and only values up to 120 s \
                 old are served; check that the metric is still being sent, or raise \
                 DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE"
                .to_owned())
        );
    }

    #[test]
    fn a_failed_refresh_does_not_take_away_a_value_that_is_young_enough() {
        let several = NoValue::NoSeries {
            span: Duration::seconds(300).unsigned_abs(),
        };
        let ledger = ledger()
            .demanding("shop/web", "shop/rps")
            .recorded("rps", value(12.0, 10), 40)
            .recorded("rps", Answer::NoValue(several), 70);
        assert_eq!(ledger.told("shop/rps", 100), Ok(("12".to_owned(), at(10))));
        let refusal = ledger.told("shop/rps", 131).unwrap_err();
        assert!(
            refusal.ends_with("; the last value is of 2026-01-02T03:00:10Z"),
            "{refusal}"
        );
    }

    #[test]
    fn a_metric_of_another_namespace_is_not_served() {
        let ledger = ledger()
            .demanding("shop/web", "shop/rps")
            .recorded("rps", value(1.0, 0), 0);
        assert!(
            ledger
                .told("other/rps", 0)
                .unwrap_err()
                .contains("no HorizontalPodAutoscaler in namespace other")
        );
    }

    #[test]
    fn a_metric_is_not_called_unknown_before_the_first_sync() {
        let mut ledger = ledger();
        ledger.synced = false;
        let asked = metric("shop/rps");
        assert!(matches!(
            ledger.read(&asked, at(0)),
            Err(Unready::NotSynced)
        ));
        ledger.synced();
        assert!(matches!(
            ledger.read(&asked, at(0)),
            Err(Unready::NotDemanded)
        ));
    }

    #[test]
    fn equal_queries_of_several_autoscalers_are_asked_once_and_known_at_once() {
        let mut ledger =
            ledger()
                .demanding("shop/web", "shop/rps")
                .recorded("rps", value(3.0, 0), 0);
        assert_eq!(
            ledger.demand(key("other/web", "other/rps")),
            Ok(false),
            "Datadog has been asked already"
        );
        assert_eq!(ledger.queries(), [query("rps")]);
        assert_eq!(ledger.told("other/rps", 0), Ok(("3".to_owned(), at(0))));
    }

    #[test]
    fn a_demand_stays_as_long_as_one_object_asks() {
        let mut ledger = ledger()
            .demanding("shop/web", "shop/rps")
            .demanding("shop/api", "shop/rps");
        ledger.withdraw(&key("shop/web", "shop/rps"));
        assert_eq!(ledger.queries(), [query("rps")]);
        ledger.withdraw(&key("shop/api", "shop/rps"));
        assert_eq!(ledger.queries(), []);
        assert!(
            ledger.record(&query("rps"), value(1.0, 0), at(0)).is_none(),
            "it went while Datadog was asked"
        );
    }

    #[test]
    fn a_turn_is_told_once_and_names_who_asks() {
        let missing = || Answer::UnknownMetric;
        let mut ledger = ledger().demanding("shop/web", "shop/rps");
        let turn = ledger.record(&query("rps"), missing(), at(0)).unwrap();
        assert_eq!(turn.askers, BTreeSet::from([hpa("shop/web")]));
        assert_eq!(
            turn.failing.as_deref(),
            Some("Datadog has no metric of this name: check its spelling")
        );
        assert_eq!(ledger.record(&query("rps"), missing(), at(30)), None);
        assert_eq!(
            ledger
                .record(&query("rps"), value(1.0, 60), at(60))
                .unwrap()
                .failing,
            None
        );
        assert_eq!(ledger.record(&query("rps"), value(2.0, 90), at(90)), None);
    }

    #[test]
    fn a_name_with_capitals_is_served_to_whoever_asks_in_small_letters() {
        let ledger = ledger().demanding("shop/web", "shop/Queue.Depth").recorded(
            "Queue.Depth",
            value(3.0, 0),
            0,
        );
        for asked in ["shop/queue.depth", "shop/Queue.Depth"] {
            assert_eq!(
                ledger.told(asked, 0),
                Ok(("3".to_owned(), at(0))),
                "{asked}"
            );
        }
    }

    #[test]
    fn names_that_differ_in_capitals_alone_are_refused_as_long_as_both_are_asked_for() {
        let mut ledger = ledger()
            .demanding("shop/web", "shop/Queue.Depth")
            .demanding("shop/api", "shop/queue.depth")
            .recorded("queue.depth", value(3.0, 0), 0);
        assert_eq!(
            ledger.told("shop/queue.depth", 0),
            Err("external metric shop/queue.depth{app=web}: HorizontalPodAutoscalers in namespace shop ask for `queue.depth` and `Queue.Depth`, and Kubernetes asks for each in small letters: let all of them write one name".to_owned())
        );
        ledger.withdraw(&key("shop/web", "shop/Queue.Depth"));
        assert_eq!(
            ledger.told("shop/queue.depth", 0),
            Ok(("3".to_owned(), at(0)))
        );
    }

    #[test]
    fn a_number_that_kubernetes_would_misread_is_no_value() {
        let ledger = ledger()
            .demanding("shop/web", "shop/rps")
            .recorded("rps", value(1e18, 0), 0);
        let refusal = ledger.told("shop/rps", 0).unwrap_err();
        assert!(
            refusal.starts_with("avg:rps{app:web}.rollup(30): "),
            "{refusal}"
        );
    }

    #[derive(Clone, Debug)]
    enum Event {
        Demand(u8, u8),
        Withdraw(u8, u8),
        Value(u8, i64),
        Missing(u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..3u8, 0..3u8).prop_map(|(asker, asked)| Event::Demand(asker, asked)),
            (0..3u8, 0..3u8).prop_map(|(asker, asked)| Event::Withdraw(asker, asked)),
            (0..3u8, 0..1000i64).prop_map(|(asked, value)| Event::Value(asked, value)),
            (0..3u8).prop_map(Event::Missing),
        ]
    }

    proptest! {
        /// The ledger against a list of demands and the last value of each name.
        #[test]
        fn only_what_is_demanded_is_known_and_the_last_value_is_the_one_served(
            events in prop::collection::vec((event(), 0..40i64), 0..60)
        ) {
            let mut ledger = ledger();
            let mut demands = BTreeSet::new();
            let mut values: HashMap<u8, (i64, i64)> = HashMap::new();
            let mut now = 0;
            for (event, passed) in events {
                now += passed;
                match event {
                    Event::Demand(asker, asked) => {
                        demands.insert((asker, asked));
                        ledger.demand(key(&format!("shop/{asker}"), &format!("shop/m{asked}"))).unwrap();
                    }
                    Event::Withdraw(asker, asked) => {
                        demands.remove(&(asker, asked));
                        ledger.withdraw(&key(&format!("shop/{asker}"), &format!("shop/m{asked}")));
                    }
                    Event::Value(asked, number) => {
                        values.insert(asked, (number, now));
                        ledger.record(&query(&format!("m{asked}")), value(number as f64, now), at(now));
                    }
                    Event::Missing(asked) => {
                        ledger.record(&query(&format!("m{asked}")), Answer::UnknownMetric, at(now));
                    }
                }
                let demanded: BTreeSet<u8> = demands.iter().map(|(_, asked)| *asked).collect();
                values.retain(|asked, _| demanded.contains(asked));
                for asked in 0..3 {
                    let served = ledger.told(&format!("shop/m{asked}"), now).ok();
                    let expected = values.get(&asked).filter(|(_, time)| now - time <= 120);
                    let expected = expected.map(|(number, time)| (number.to_string(), at(*time)));
                    // Quantities print thousands with a suffix.
                    let expected = expected.map(|(number, time)| (number.replace("1000", "1k"), time));
                    prop_assert_eq!(served, expected);
                }
                prop_assert_eq!(ledger.queries().len(), demanded.len());
            }
        }
    }
}
