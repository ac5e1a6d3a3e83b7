//! What other replicas tell.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::ExternalMetric;
use time::{Duration, OffsetDateTime};

use super::Ledger;
use crate::{MetricReference, Told, reference::in_one_writing};

/// What another replica has told.
#[derive(Debug)]
pub(super) struct Hearsay {
    /// What it asks Datadog, where it says so.
    query: Option<Arc<str>>,
    pub(super) told: Told,
}

/// Clocks of replicas may differ by so much. What is told of a later time is a slip.
const SLIP: Duration = Duration::MINUTE;

impl Hearsay {
    pub(super) fn is_of(&self, query: &Query) -> bool {
        let asked = self.query.as_deref();
        asked.is_none_or(|asked| asked == query.text())
    }
}

impl Ledger {
    /// Another replica tells this of `metric` at `now`, for which it asks Datadog `query`,
    /// where it says so. It counts if the metric means the same query here. A replica that
    /// has just started may be told before it knows who asks, and one may hear before another
    /// that a DatadogMetric has changed: then it counts once the metric means that query. Of a
    /// DatadogMetric it says nothing without its query, which may have been another.
    pub fn adopt(
        &mut self,
        metric: &ExternalMetric,
        query: Option<Arc<str>>,
        told: Told,
        now: OffsetDateTime,
    ) {
        let latest = now.saturating_add(SLIP);
        let time = told.last.as_ref().map_or(told.heard, |last| last.time);
        if told.heard.max(time) > latest {
            return;
        }
        if query.is_none() && MetricReference::in_name(metric.name()).is_some() {
            return;
        }
        let metric = in_one_writing(metric.clone());
        let hearsay = Hearsay { query, told };
        let demanded = self.demanded.get(&metric);
        let query = demanded.and_then(|demanded| demanded.query.as_ref().ok());
        let meant = query.filter(|query| hearsay.is_of(query));
        match meant.and_then(|query| self.known.get_mut(query)) {
            Some(known) => {
                known.hears(hearsay.told);
                self.hearsay.remove(&metric);
            }
            None => _ = self.hearsay.insert(metric, hearsay),
        }
    }

    /// Other replicas tell nothing of `metric` any longer. What counts here already, goes on
    /// counting.
    pub fn retract(&mut self, metric: &ExternalMetric) {
        self.hearsay.remove(&in_one_writing(metric.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Answer, Definition, Failure, Namespaces, Otherwise, Reason, Sample, Wishes, Word,
        ledger::tests::{at, down, key, ledger, metric, query, value},
    };

    #[test]
    fn a_replica_that_is_told_serves_the_value_and_says_the_same_of_what_has_none() {
        let mut leader = ledger()
            .demanding("shop/web", "shop/rps")
            .demanding("shop/web", "shop/gone")
            .recorded("rps", value(3.0, 0), 30)
            .recorded("gone", Answer::UnknownMetric, 30);
        let mut follower = ledger()
            .demanding("shop/web", "shop/rps")
            .demanding("shop/web", "shop/gone");
        for Word { metric, told, .. } in leader.words(at(40)) {
            follower.adopt(&metric, None, told.unwrap(), at(40));
        }
        for name in ["shop/rps", "shop/gone"] {
            assert_eq!(follower.told(name, 50), leader.told(name, 50), "{name}");
        }
        // Whoever has asked later knows better.
        let old = leader.words(at(40));
        leader.record(&query("rps"), value(4.0, 60), at(70));
        for Word { metric, told, .. } in old {
            leader.adopt(&metric, None, told.unwrap(), at(70));
        }
        assert_eq!(leader.told("shop/rps", 70), Ok(("4".to_owned(), at(60))));
    }

    #[test]
    fn a_replica_that_does_not_reach_datadog_takes_the_newer_value_of_another() {
        let mut ledger = ledger()
            .demanding("shop/web", "shop/rps")
            .recorded("rps", value(3.0, 0), 30)
            .recorded("rps", down(), 100);
        ledger.adopt(&metric("shop/rps"), None, heard(4, 60), at(101));
        assert_eq!(ledger.told("shop/rps", 101), Ok(("4".to_owned(), at(60))));
        let older = heard(3, 0);
        ledger.adopt(&metric("shop/rps"), None, older, at(102));
        assert_eq!(ledger.told("shop/rps", 102), Ok(("4".to_owned(), at(60))));
    }

    #[test]
    fn what_does_not_name_its_query_says_nothing_of_a_definition_whose_query_may_have_changed() {
        let asked = "shop/datadogmetric@shop:depth";
        let definition = Definition {
            query: Ok(query("m1")),
            wishes: Wishes::default(),
            max_age: None,
            window: None,
        };
        let reference = MetricReference::new("shop", "depth").unwrap();
        let mut ledger = ledger();
        ledger.read_definitions(Namespaces::Any);
        let mut ledger = ledger.demanding("shop/web", asked);
        ledger.adopt(&metric(asked), None, heard(3, 0), at(1));
        assert!(ledger.define(&reference, definition));
        ledger.adopt(&metric(asked), None, heard(3, 0), at(1));
        assert_eq!(ledger.waiting(at(1)), 1);
    }

    #[test]
    fn who_is_told_that_nobody_has_asked_has_yet_to_hear_from_somebody() {
        let zero = Wishes {
            on_no_data: Some(Otherwise::Value(0.into())),
            ..Wishes::default()
        };
        let mut ledger = ledger();
        ledger.demand(key("shop/web", "shop/rps"), &zero).unwrap();
        let nobody = Told {
            heard: at(100),
            last: None,
            failure: Some(Failure {
                reason: Reason::NotAsked,
                why: "Datadog has not answered since".into(),
                since: at(-300),
            }),
        };
        ledger.adopt(&metric("shop/rps"), None, nobody, at(101));
        for second in [101, 220, 221] {
            assert_eq!(ledger.waiting(at(second)), 1);
            assert!(ledger.read(&metric("shop/rps"), at(second)).is_err());
        }
    }

    #[test]
    fn a_failure_of_another_replica_does_not_take_away_a_newer_value_even_if_it_was_heard_later() {
        let failing = |last| Told {
            heard: at(100),
            last,
            failure: Some(Failure {
                reason: Reason::Unavailable,
                why: "Datadog is away".into(),
                since: at(90),
            }),
        };
        for last in [None, heard(3, 30).last] {
            let mut ledger =
                ledger()
                    .demanding("shop/web", "shop/rps")
                    .recorded("rps", value(4.0, 60), 95);
            ledger.adopt(&metric("shop/rps"), None, failing(last), at(101));
            assert_eq!(ledger.told("shop/rps", 180), Ok(("4".to_owned(), at(60))));
            // And then it says why there is none.
            assert_eq!(
                ledger.told("shop/rps", 181),
                Err("avg:rps{app:web}.rollup(30): Datadog is away; the last value is of 2026-01-02T03:01:00Z".to_owned())
            );
        }
    }

    #[test]
    fn a_value_that_is_too_old_for_one_who_asks_stays_with_another_whatever_is_told_first() {
        let patient = Wishes {
            max_age: Some(Duration::minutes(5)),
            ..Wishes::default()
        };
        let stopped = Told {
            heard: at(130),
            last: None,
            failure: Some(Failure {
                reason: Reason::NoData,
                why: "Datadog has nothing newer".into(),
                since: at(120),
            }),
        };
        let words = [("shop/rps", stopped), ("other/rps", heard(3, 0))];
        for order in [[0, 1], [1, 0]] {
            let mut ledger = ledger().demanding("shop/web", "shop/rps");
            ledger
                .demand(key("other/web", "other/rps"), &patient)
                .unwrap();
            for (name, told) in order.map(|place| words[place].clone()) {
                ledger.adopt(&metric(name), None, told, at(131));
            }
            assert_eq!(ledger.told("other/rps", 131), Ok(("3".to_owned(), at(0))));
            assert!(ledger.told("shop/rps", 131).is_err());
        }
    }

    fn heard(value: i64, second: i64) -> Told {
        Told {
            heard: at(second),
            last: Some(Sample {
                value: value.into(),
                time: at(second),
            }),
            failure: None,
        }
    }

    #[test]
    fn what_is_told_before_anybody_asks_counts_once_somebody_does() {
        let mut ledger = ledger();
        let (asked, gone) = (metric("shop/rps"), metric("shop/gone"));
        ledger.adopt(&asked, Some(query("rps").text().into()), heard(3, 0), at(1));
        ledger.adopt(&gone, None, heard(4, 0), at(1));
        ledger.retract(&gone);
        let usual = Wishes::default();
        // There is nothing new to ask Datadog.
        assert_eq!(
            ledger.demand(key("shop/web", "shop/rps"), &usual),
            Ok(false)
        );
        assert_eq!(
            ledger.demand(key("shop/web", "shop/gone"), &usual),
            Ok(true)
        );
        assert_eq!(ledger.told("shop/rps", 50), Ok(("3".to_owned(), at(0))));
        assert_eq!(ledger.waiting(at(50)), 1);
        // What was said of it is too old to count.
        assert_eq!(ledger.waiting(at(121)), 2);
    }

    #[test]
    fn what_is_told_of_another_query_or_of_the_future_does_not_count() {
        let mut ledger = ledger().demanding("shop/web", "shop/rps");
        let other = Some(query("other").text().into());
        ledger.adopt(&metric("shop/rps"), other.clone(), heard(3, 0), at(1));
        ledger.adopt(&metric("shop/rps"), None, heard(4, 62), at(1));
        let ahead = Told {
            heard: at(1),
            ..heard(4, 62)
        };
        ledger.adopt(&metric("shop/rps"), None, ahead, at(1));
        ledger.adopt(&metric("shop/late"), other, heard(5, 0), at(1));
        ledger
            .demand(key("shop/web", "shop/late"), &Wishes::default())
            .unwrap();
        assert_eq!(ledger.waiting(at(1)), 2);
        ledger.adopt(&metric("shop/rps"), None, heard(6, 61), at(1));
        assert_eq!(ledger.waiting(at(61)), 1);
    }

    #[test]
    fn what_is_told_of_a_definition_that_is_not_heard_of_yet_counts_once_it_is() {
        let asked = metric("shop/datadogmetric@shop:depth");
        let reference = MetricReference::new("shop", "depth").unwrap();
        let meaning = |name: &str| Definition {
            query: Ok(query(name)),
            wishes: Wishes::default(),
            max_age: None,
            window: None,
        };
        let mut ledger = ledger();
        ledger.read_definitions(Namespaces::Any);
        let mut ledger = ledger.demanding("shop/web", "shop/datadogmetric@shop:depth");
        for (name, number) in [("m1", 3), ("m2", 4)] {
            ledger.adopt(
                &asked,
                Some(query(name).text().into()),
                heard(number, 0),
                at(1),
            );
            assert!(!ledger.define(&reference, meaning(name)), "{name}");
            let told = ledger.told("shop/datadogmetric@shop:depth", 1);
            assert_eq!(told, Ok((number.to_string(), at(0))));
        }
    }
}
