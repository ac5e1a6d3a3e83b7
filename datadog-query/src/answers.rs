//! What became of each query.

mod no_value;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use time::OffsetDateTime;

pub use self::no_value::NoValue;
use crate::{
    batch::Batch,
    error::Error,
    point::{Point, Reading, SeveralSeries, merge},
    query::Query,
    rate_limit::RateLimit,
    reply::{Reply, Series},
    said::one_line,
    window::Window,
};

/// What became of many queries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The value of each query that was asked, or why there is none.
    pub by_query: BTreeMap<Query, Result<Point, NoValue>>,
    /// The tightest of the rate limits that the calls told of.
    pub rate_limit: Option<RateLimit>,
    /// How many calls it took.
    pub calls: u32,
}

impl Answers {
    /// How long Datadog wants to be left alone, where it refused a call for
    /// being one too many; `untold`, where it did not say for how long.
    #[must_use]
    pub fn patience(&self, untold: Duration) -> Option<Duration> {
        let failures = self.by_query.values().filter_map(|answer| match answer {
            Err(NoValue::Failed(error)) if matches!(**error, Error::RateLimited { .. }) => {
                Some(error.retry_after().unwrap_or(untold))
            }
            _ => None,
        });
        failures.max()
    }

    /// Takes in what another round has brought.
    pub fn extend(&mut self, other: Self) {
        self.tighten(other.rate_limit.as_ref());
        self.by_query.extend(other.by_query);
        self.calls += other.calls;
    }

    /// Notes the answer to a batch.
    pub(crate) fn note(
        &mut self,
        batch: &Batch,
        reply: &Reply,
        reading: Reading,
        window: Window,
        now: OffsetDateTime,
    ) {
        self.tighten(reply.rate_limit.as_ref());
        match by_position(batch, &reply.series) {
            Some(positions) => {
                for (query, series) in batch.queries().iter().zip(positions) {
                    self.by_query
                        .insert(query.clone(), value(&series, reading, window, now));
                }
            }
            None => self.refuse(batch, &NoValue::Mismatched),
        }
    }

    /// Notes that a batch has no answer.
    pub(crate) fn note_failure(&mut self, batch: &Batch, error: Error, window: Window) {
        if let Error::RateLimited { limit, .. } = &error {
            self.tighten(limit.as_deref());
        }
        let why = match error {
            Error::NoData { .. } => NoValue::NoSeries {
                span: window.span(),
            },
            error => NoValue::Failed(Arc::new(error)),
        };
        self.refuse(batch, &why);
    }

    /// Notes that one query of a batch is bad, and nobody knows which.
    pub(crate) fn note_unsearched(&mut self, batch: &Batch, error: Error) {
        self.refuse(batch, &NoValue::Unsearched(Arc::new(error)));
    }

    fn refuse(&mut self, batch: &Batch, why: &NoValue) {
        for query in batch.queries() {
            self.by_query.insert(query.clone(), Err(why.clone()));
        }
    }

    /// Keeps the limit under which the fewest calls are left.
    fn tighten(&mut self, limit: Option<&RateLimit>) {
        let left = |limit: &RateLimit| limit.remaining.unwrap_or(u64::MAX);
        if let Some(limit) = limit
            && self
                .rate_limit
                .as_ref()
                .is_none_or(|known| left(limit) < left(known))
        {
            self.rate_limit = Some(limit.clone());
        }
    }
}

/// The series of each query, found by position and never by text: Datadog
/// rewrites the text. One series without a valid position means that no
/// position can be trusted, because a value under the wrong query is worse
/// than none. Only a query that was asked alone needs no position.
fn by_position<'a>(batch: &Batch, series: &'a [Series]) -> Option<Vec<Vec<&'a Series>>> {
    let alone = (batch.queries().len() == 1).then_some(0);
    let mut positions = vec![Vec::new(); batch.queries().len()];
    for one in series {
        positions.get_mut(one.query_index.or(alone)?)?.push(one);
    }
    Some(positions)
}

fn value(
    series: &[&Series],
    reading: Reading,
    window: Window,
    now: OffsetDateTime,
) -> Result<Point, NoValue> {
    match (series, reading.several) {
        ([], _) => Err(NoValue::NoSeries {
            span: window.span(),
        }),
        ([one], _) => Ok(reading.point(one, now)?),
        (all, SeveralSeries::Merged(aggregator)) => {
            Ok(merge(all, aggregator)?.point(&reading, now)?)
        }
        (all, SeveralSeries::Refused) => Err(NoValue::SeveralSeries {
            count: all.len(),
            scopes: all.iter().take(3).map(|one| one_line(&one.scope)).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{
        batch::{BatchLimits, batches},
        point::PointMode,
        query::Aggregator,
        reply::Slot,
    };

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:05:00 UTC);
    const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn query(text: &str) -> Query {
        Query::written(text).unwrap()
    }

    fn series(query_index: Option<usize>, value: f64, scope: &str) -> Series {
        Series {
            query_index,
            interval: Some(Duration::from_secs(30)),
            scope: scope.to_owned(),
            unit: None,
            points: vec![Slot {
                time: START,
                value: Some(value),
            }],
        }
    }

    fn noted<const N: usize>(
        queries: [&str; N],
        series: Vec<Series>,
    ) -> [Result<Point, NoValue>; N] {
        read(queries, series, Reading::default())
    }

    fn read<const N: usize>(
        queries: [&str; N],
        series: Vec<Series>,
        reading: Reading,
    ) -> [Result<Point, NoValue>; N] {
        let batch = batches(queries.map(query), BatchLimits::default())
            .0
            .remove(0);
        let mut answers = Answers::default();
        let reply = Reply {
            series,
            rate_limit: None,
        };
        answers.note(
            &batch,
            &reply,
            reading,
            Window::ending(NOW, Duration::from_secs(300)),
            NOW,
        );
        queries.map(|text| answers.by_query[&query(text)].clone())
    }

    fn value(value: f64) -> Result<Point, NoValue> {
        Ok(Point { time: START, value })
    }

    #[test]
    fn a_position_that_is_missing_is_a_query_without_data() {
        let none = Err(NoValue::NoSeries {
            span: Duration::from_secs(300),
        });
        assert_eq!(
            noted(["a{*}", "b{*}"], vec![series(Some(1), 2.0, "*")]),
            [none, value(2.0)]
        );
    }

    #[test]
    fn a_series_that_belongs_to_no_query_makes_every_answer_of_the_call_doubtful() {
        for stray in [None, Some(2)] {
            assert_eq!(
                noted(
                    ["a{*}", "b{*}"],
                    vec![series(Some(0), 1.0, "*"), series(stray, 2.0, "*")]
                ),
                [Err(NoValue::Mismatched), Err(NoValue::Mismatched)]
            );
        }
    }

    #[test]
    fn a_query_that_was_asked_alone_needs_no_position_but_allows_no_wrong_one() {
        assert_eq!(noted(["a{*}"], vec![series(None, 1.0, "*")]), [value(1.0)]);
        assert_eq!(
            noted(["a{*}"], vec![series(Some(1), 1.0, "*")]),
            [Err(NoValue::Mismatched)]
        );
    }

    #[test]
    fn of_several_series_none_is_the_value() {
        let hosts = ["host:a", "host:b", "host:c", "host:d"];
        let [refused] = noted(
            ["a{*} by {host}"],
            hosts
                .iter()
                .map(|host| series(Some(0), 1.0, host))
                .collect(),
        );
        let refused = refused.unwrap_err();
        let scopes = hosts[..3].iter().map(|host| (*host).to_owned()).collect();
        assert_eq!(refused, NoValue::SeveralSeries { count: 4, scopes });
        assert_eq!(
            refused.to_string(),
            "the query has 4 series (host:a; host:b; host:c; …): leave out its `by {…}`, narrow \
             its scope to one, or say how they are merged"
        );
    }

    #[test]
    fn several_series_are_merged_where_that_is_wanted() {
        let reading = Reading {
            several: SeveralSeries::Merged(Aggregator::Sum),
            ..Reading::default()
        };
        let hosts = ["host:a", "host:b"].map(|host| series(Some(0), 1.5, host));
        let both = read(["a{*} by {host}"], hosts.to_vec(), reading);
        assert_eq!(both, [value(3.0)]);
        let [one, mut other] = hosts;
        other.interval = Some(Duration::from_secs(60));
        let [refused] = read(["a{*} by {host}"], vec![one, other], reading);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "its series have buckets of 30 s and of 60 s, which are not merged: give the query a `.rollup(…)`"
        );
    }

    #[test]
    fn the_point_that_was_asked_for_is_the_value() {
        let mut one = series(Some(0), 1.0, "*");
        let time = NOW - Duration::from_secs(1);
        one.points.push(Slot {
            time,
            value: Some(2.0),
        });
        assert_eq!(noted(["a{*}"], vec![one.clone()]), [value(1.0)]);
        let reading = Reading {
            mode: PointMode::Last,
            ..Reading::default()
        };
        let last = Point { time, value: 2.0 };
        assert_eq!(read(["a{*}"], vec![one], reading), [Ok(last)]);
    }
}
