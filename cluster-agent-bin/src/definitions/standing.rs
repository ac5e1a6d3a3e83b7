//! What the status of each DatadogMetric says, and which are made for plain names.

use std::collections::HashMap;

use k8s_adapter::{Defined, Generated, MetricFailure, MetricStanding};
use metrics_store::{Origin, Reason, Standing, Subject};
use provider_api::ObjectReference;

/// What autoscalers ask for by a plain name.
pub(super) fn wanted(standings: &[Standing]) -> Vec<Generated> {
    let wanted = standings.iter().filter_map(|standing| {
        let (Subject::Name(name), Ok(query)) = (&standing.subject, &standing.query) else {
            return None;
        };
        Some(Generated {
            query: query.text().into(),
            metric_name: name.as_str().into(),
        })
    });
    wanted.collect()
}

/// What is told of each object.
pub(super) fn told(standings: &[Standing], defined: &[Defined]) -> Vec<MetricStanding> {
    let mut by_query = HashMap::new();
    let mut by_reference = HashMap::new();
    for standing in standings {
        match (&standing.subject, &standing.query) {
            (Subject::Name(_), Ok(query)) => _ = by_query.insert(query.text(), standing),
            (Subject::Name(_), Err(_)) => {}
            (Subject::Definition(reference), _) => {
                by_reference.insert((reference.namespace(), reference.name()), standing);
            }
        }
    }
    let told = defined.iter().filter_map(|defined| {
        let metric = &defined.metric;
        let referred = by_reference.get(&(&*metric.namespace, &*metric.name));
        // What was generated stands as what it was generated for.
        let named = by_query
            .get(&*defined.query)
            .filter(|_| defined.is_generated());
        let standing = named.or(referred)?;
        Some(stands(metric, standing))
    });
    told.collect()
}

fn stands(metric: &ObjectReference, standing: &Standing) -> MetricStanding {
    let askers = standing.askers.iter().filter(|asker| *asker != metric);
    let last = standing.told.as_ref().and_then(|told| told.last.as_ref());
    MetricStanding {
        metric: metric.clone(),
        askers: askers.cloned().collect(),
        is_active: !standing.askers.is_empty(),
        value: last.map(|sample| (sample.value, sample.time)),
        is_served: standing.reading.is_some(),
        failure: failure(standing),
    }
}

fn failure(standing: &Standing) -> Option<MetricFailure> {
    let failure = |reason: Reason, message: String| MetricFailure {
        reason: reason.word().to_owned(),
        message,
    };
    if let Err(why) = &standing.query {
        return Some(failure(Reason::InvalidQuery, why.to_string()));
    }
    let told = standing.told.as_ref()?.failure.as_ref()?;
    let why = &told.why;
    match standing.reading.as_ref().map(|reading| reading.origin) {
        Some(Origin::Measured) => None,
        Some(Origin::Held) => {
            let message = format!("the last value is held: {why}");
            Some(failure(told.reason, message))
        }
        Some(_) => {
            let message = format!("the value that is stated for this case is served: {why}");
            Some(failure(told.reason, message))
        }
        None => Some(failure(told.reason, why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datadog_query::Query;
    use metrics_store::{Failure, MetricReference, Reading, Sample, Told};
    use time::{OffsetDateTime, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);

    fn object(kind: &str, name: &str) -> ObjectReference {
        ObjectReference {
            kind: kind.into(),
            namespace: "shop".into(),
            name: name.into(),
        }
    }

    fn defined(name: &str, query: &str, generated_for: Option<&str>) -> Defined {
        Defined {
            metric: object("DatadogMetric", name),
            uid: None,
            query: query.into(),
            generated_for: generated_for.map(Into::into),
            max_age: None,
            time_window: None,
            is_always_active: false,
            annotations: Arc::default(),
        }
    }

    fn sample() -> Sample {
        Sample {
            value: 7.into(),
            time: NOW,
        }
    }

    fn standing(subject: Subject, query: &str, askers: &[&ObjectReference]) -> Standing {
        Standing {
            subject,
            query: Ok(Query::written(query).unwrap()),
            askers: askers.iter().map(|asker| (*asker).clone()).collect(),
            told: Some(Told {
                heard: NOW,
                last: Some(sample()),
                failure: None,
            }),
            reading: Some(Reading {
                sample: sample(),
                origin: Origin::Measured,
            }),
        }
    }

    fn of(name: &str) -> Subject {
        Subject::Definition(MetricReference::new("shop", name).unwrap())
    }

    #[test]
    fn each_object_stands_as_it_is_referred_to_and_a_generated_one_as_its_query() {
        const QUERY: &str = "avg:depth{*}.rollup(30)";
        let hpa = object("HorizontalPodAutoscaler", "web");
        let always = object("DatadogMetric", "always");
        let generated = k8s_adapter::generated_name(QUERY);
        let idle = Standing {
            told: None,
            reading: None,
            ..standing(of(&generated), QUERY, &[])
        };
        let name = Subject::Name("depth".parse().unwrap());
        let standings = [
            idle,
            standing(name, QUERY, &[&hpa]),
            standing(of("always"), "avg:a{*}", &[&always, &hpa]),
        ];
        assert_eq!(
            wanted(&standings),
            [Generated {
                query: QUERY.into(),
                metric_name: "depth".into(),
            }]
        );
        let objects = [
            defined(&generated, QUERY, Some("depth")),
            defined("always", "avg:a{*}", None),
        ];
        let told = told(&standings, &objects);
        for told in &told {
            let seen = (told.is_active, told.is_served, told.value);
            assert_eq!(seen, (true, true, Some((7.into(), NOW))));
            assert_eq!(told.askers, std::slice::from_ref(&hpa));
            assert_eq!(told.failure, None);
        }
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_query_that_cannot_be_asked_and_a_value_that_is_held_say_why() {
        let wrong = Standing {
            query: Err("spec.query is empty".into()),
            told: None,
            reading: None,
            ..standing(of("a"), "avg:a{*}", &[])
        };
        let why = |standing: &Standing| {
            let failure = failure(standing).unwrap();
            (failure.reason, failure.message)
        };
        let invalid = ("InvalidQuery".to_owned(), "spec.query is empty".to_owned());
        assert_eq!(why(&wrong), invalid);

        let failing = |origin: Option<Origin>| Standing {
            told: Some(Told {
                heard: NOW,
                last: Some(sample()),
                failure: Some(Failure {
                    reason: Reason::Unavailable,
                    why: "no answer".into(),
                    since: NOW,
                }),
            }),
            reading: origin.map(|origin| Reading {
                sample: sample(),
                origin,
            }),
            ..standing(of("a"), "avg:a{*}", &[])
        };
        for (origin, message) in [
            (None, "no answer"),
            (Some(Origin::Held), "the last value is held: no answer"),
            (
                Some(Origin::StatedOnError),
                "the value that is stated for this case is served: no answer",
            ),
        ] {
            let expected = ("Unavailable".to_owned(), message.to_owned());
            assert_eq!(why(&failing(origin)), expected);
        }
        // It is young enough to count.
        assert_eq!(failure(&failing(Some(Origin::Measured))), None);
    }
}
