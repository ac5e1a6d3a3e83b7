//! The values of many queries.

use futures_util::{StreamExt, stream::FuturesUnordered};
use time::OffsetDateTime;

use super::Client;
use crate::{
    answers::{Answers, NoValue},
    batch::{Batch, batches},
    exchange::Exchange,
    query::Query,
    window::Window,
};

impl<S: Exchange> Client<S> {
    /// The value of each query at `now`, or why there is none. Equal queries are asked once.
    ///
    /// The queries are cut into batches, which are asked at once; the exchange
    /// decides how many calls really run. Where a query spoils its batch, the
    /// batch is halved until the bad one is alone, so that its neighbours have
    /// their values from the same round. One bad query among n costs about
    /// 2 log₂ n calls more, and a round spends [`BatchLimits::searches`] on it at
    /// most. An error that blames no query is every query's of that batch.
    ///
    /// [`BatchLimits::searches`]: crate::BatchLimits::searches
    pub fn values<I: IntoIterator<Item = Query>>(
        &self,
        queries: I,
        window: Window,
        now: OffsetDateTime,
    ) -> impl Future<Output = Answers> + Send + use<S, I> {
        let client = self.clone();
        let limits = self.limits;
        let reading = self.reading;
        let mut searches = limits.searches;
        let (batches, too_long) = batches(queries, limits);
        async move {
            let mut answers = Answers::default();
            for query in too_long {
                let why = NoValue::TooLong {
                    characters: limits.cost(&query),
                    limit: limits.room(),
                };
                answers.by_query.insert(query, Err(why));
            }
            let ask = move |batch: Batch| {
                let reply = client.ask(&batch, window);
                async move { (batch, reply.await) }
            };
            let mut calls: FuturesUnordered<_> = batches.into_iter().map(&ask).collect();
            while let Some((batch, outcome)) = calls.next().await {
                answers.calls += 1;
                let error = match outcome {
                    Ok(reply) => {
                        answers.note(&batch, &reply, reading, window, now);
                        continue;
                    }
                    Err(error) => error,
                };
                match batch.halves().filter(|_| error.blames_a_query()) {
                    None => answers.note_failure(&batch, error, window),
                    Some((first, second)) if searches >= 2 => {
                        searches -= 2;
                        calls.extend([ask(first), ask(second)]);
                    }
                    Some(_) => answers.note_unsearched(&batch, error),
                }
            }
            answers
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        num::NonZeroUsize,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use bytes::Bytes;
    use futures_executor::block_on;
    use http::{Request, Response};
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::{
        batch::BatchLimits, endpoint::Endpoint, error::Error, exchange::ExchangeError, keys::Keys,
        point::Point, rate_limit::RateLimit,
    };

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:05:00 UTC);
    const NEWEST: OffsetDateTime = datetime!(2026-01-01 00:04:30 UTC);

    /// The queries of each call, in the order of the calls.
    type Calls = Arc<Mutex<Vec<Vec<String>>>>;

    /// Asks a Datadog that answers each call as told, 4 queries in each.
    fn values(
        queries: &[&str],
        answer: impl Fn(&[String]) -> Response<String> + Clone + Send,
    ) -> (Answers, Vec<Vec<String>>) {
        searched(queries, u32::MAX, answer)
    }

    fn searched(
        queries: &[&str],
        searches: u32,
        answer: impl Fn(&[String]) -> Response<String> + Clone + Send,
    ) -> (Answers, Vec<Vec<String>>) {
        let calls = Calls::default();
        let exchange = tower::service_fn({
            let calls = Arc::clone(&calls);
            move |request: Request<Bytes>| {
                let (_, query) = request.uri().query().unwrap().rsplit_once('=').unwrap();
                let query = percent_decode_str(query).decode_utf8().unwrap();
                let queries: Vec<_> = query.split(',').map(str::to_owned).collect();
                let response = answer(&queries).map(Bytes::from);
                calls.lock().unwrap().push(queries);
                async { Ok::<_, ExchangeError>(response) }
            }
        });
        let keys = Keys::new(&"api-key".into(), &"app-key".into()).unwrap();
        let limits = BatchLimits {
            queries: NonZeroUsize::new(4).unwrap(),
            characters: 400,
            searches,
            ..BatchLimits::default()
        };
        let client = Client::new(Endpoint::of_site("datadoghq.eu").unwrap(), keys, exchange)
            .with_limits(limits);
        let queries = queries.iter().map(|text| query(text));
        let window = Window::ending(NOW, Duration::from_secs(300));
        let answers = block_on(client.values(queries, window, NOW));
        let calls = calls.lock().unwrap().clone();
        (answers, calls)
    }

    fn query(text: &str) -> Query {
        Query::written(text).unwrap()
    }

    fn refused(status: u16, body: &str) -> Response<String> {
        Response::builder()
            .status(status)
            .body(body.to_owned())
            .unwrap()
    }

    /// Each query that is not bad has its own length as its value; a bad one
    /// spoils the call.
    fn spoilt_by_bad(queries: &[String]) -> Response<String> {
        if queries.iter().any(|query| query.starts_with("bad")) {
            return refused(400, r#"{"errors":["Error parsing query"]}"#);
        }
        // From the last to the first: the order of series promises nothing.
        let series: Vec<_> = queries
            .iter()
            .enumerate()
            .rev()
            .map(|(index, query)| {
                serde_json::json!({
                    "query_index": index, "interval": 30, "scope": "*",
                    "pointlist": [[NEWEST.unix_timestamp() * 1000, query.len()]],
                })
            })
            .collect();
        Response::new(serde_json::json!({ "status": "ok", "series": series }).to_string())
    }

    fn length(text: &str) -> (Query, Result<Point, NoValue>) {
        let value = u32::try_from(text.len()).unwrap().into();
        (
            query(text),
            Ok(Point {
                time: NEWEST,
                value,
            }),
        )
    }

    fn bad(text: &str) -> (Query, Result<Point, NoValue>) {
        let text_said = "Error parsing query".to_owned();
        let error = Error::InvalidQuery {
            status: 400,
            text: text_said,
        };
        (query(text), Err(NoValue::Failed(Arc::new(error))))
    }

    #[test]
    fn every_query_has_its_own_value_in_whatever_order_the_series_come() {
        let (answers, calls) = values(&["a{*}", "bb{*}", "a{*}", "ccc{*}"], spoilt_by_bad);
        let expected = BTreeMap::from(["a{*}", "bb{*}", "ccc{*}"].map(length));
        assert_eq!(
            answers,
            Answers {
                by_query: expected,
                rate_limit: None,
                calls: 1
            }
        );
        assert_eq!(calls, [["a{*}", "bb{*}", "ccc{*}"]]);
    }

    #[test]
    fn a_bad_query_does_not_take_its_neighbours_values() {
        let (answers, mut calls) = values(&["a{*}", "bb{*}", "bad{*}", "d{*}"], spoilt_by_bad);
        let expected = [
            length("a{*}"),
            length("bb{*}"),
            bad("bad{*}"),
            length("d{*}"),
        ];
        assert_eq!(answers.by_query, BTreeMap::from(expected));
        assert_eq!(answers.calls, 5);
        calls.sort();
        let expected: [&[_]; 5] = [
            &["a{*}", "bb{*}"],
            &["a{*}", "bb{*}", "bad{*}", "d{*}"],
            &["bad{*}"],
            &["bad{*}", "d{*}"],
            &["d{*}"],
        ];
        assert_eq!(calls, expected);
    }

    #[test]
    fn a_search_ends_with_the_calls_that_a_round_has_for_it() {
        let texts = ["a{*}", "b{*}", "bad{*}", "worse{*}"];
        let all_bad = |queries: &[String]| match queries {
            [one] if one == "b{*}" => spoilt_by_bad(queries),
            _ => refused(400, r#"{"errors":["Error parsing query"]}"#),
        };
        let (answers, calls) = searched(&texts, 5, all_bad);
        assert_eq!(calls.len(), 5, "{calls:?}");
        let told = |text: &str| {
            answers.by_query[&query(text)]
                .clone()
                .map(|point| point.value)
        };
        assert_eq!(told("b{*}"), Ok(4.0));
        assert_eq!(told("a{*}"), bad("a{*}").1.map(|point| point.value));
        for neighbour in ["bad{*}", "worse{*}"] {
            let why = told(neighbour).unwrap_err();
            assert!(!why.is_the_querys_own());
            assert_eq!(
                why.to_string(),
                "Datadog refused a call because of a query in it, and which one is not found yet: Datadog cannot run \
                 the query (HTTP 400: Error parsing query)"
            );
        }
    }

    #[test]
    fn a_bad_batch_does_not_touch_another() {
        let texts = ["a{*}", "b{*}", "c{*}", "d{*}", "bad{*}"];
        let (answers, calls) = values(&texts, spoilt_by_bad);
        assert_eq!(answers.by_query[&query("a{*}")], length("a{*}").1);
        assert_eq!(answers.by_query[&query("bad{*}")], bad("bad{*}").1);
        assert_eq!(calls.len(), 2);
    }

    #[test]
    fn what_is_no_querys_fault_is_asked_once_and_is_every_querys_error() {
        for (status, body) in [
            (429, ""),
            (500, ""),
            (403, r#"{"errors":["Forbidden"]}"#),
            (200, r#"{"status":"error","error":"Query timed out"}"#),
            (200, "not JSON"),
        ] {
            let (answers, calls) = values(&["a{*}", "b{*}"], |_| refused(status, body));
            assert_eq!(calls.len(), 1, "{status} {body}");
            let failures: Vec<_> = answers.by_query.into_values().collect();
            assert!(
                matches!(&failures[..], [Err(NoValue::Failed(a)), Err(NoValue::Failed(b))] if a == b)
            );
        }
    }

    #[test]
    fn the_wait_that_datadog_asks_for_is_told() {
        let (answers, _) = values(&["a{*}", "b{*}"], |_| {
            let mut response = refused(429, "");
            response
                .headers_mut()
                .insert("x-ratelimit-reset", "42".parse().unwrap());
            response
        });
        assert_eq!(
            answers.patience(Duration::ZERO),
            Some(Duration::from_secs(42))
        );
        assert_eq!(
            values(&["a{*}"], spoilt_by_bad).0.patience(Duration::ZERO),
            None
        );
    }

    #[test]
    fn a_call_without_any_data_leaves_each_query_without_a_series() {
        let (answers, calls) = values(&["a{*}", "b{*}"], |_| {
            refused(422, r#"{"errors":["Unprocessable Content"]}"#)
        });
        let none = NoValue::NoSeries {
            span: Duration::from_secs(300),
        };
        let expected = [
            (query("a{*}"), Err(none.clone())),
            (query("b{*}"), Err(none)),
        ];
        assert_eq!(answers.by_query, BTreeMap::from(expected));
        assert_eq!(calls.len(), 3);
    }

    #[test]
    fn a_query_that_fits_no_call_is_not_asked() {
        let long = format!("{}{{*}}", "m".repeat(400));
        let (answers, calls) = values(&["a{*}", &long], spoilt_by_bad);
        let too_long = NoValue::TooLong {
            characters: 400 + 9 + 16,
            limit: 400,
        };
        let expected = [length("a{*}"), (query(&long), Err(too_long))];
        assert_eq!(answers.by_query, BTreeMap::from(expected));
        assert_eq!(calls, [["a{*}"]]);
    }

    #[test]
    fn the_tightest_rate_limit_is_told() {
        let answer = |queries: &[String]| {
            let left = if queries.contains(&"e{*}".to_owned()) {
                "7"
            } else {
                "1200"
            };
            let mut response = spoilt_by_bad(queries);
            response
                .headers_mut()
                .insert("x-ratelimit-remaining", left.parse().unwrap());
            response
        };
        let (answers, _) = values(&["a{*}", "b{*}", "c{*}", "d{*}", "e{*}", "f{*}"], answer);
        let limit = RateLimit {
            remaining: Some(7),
            ..RateLimit::default()
        };
        assert_eq!((answers.rate_limit, answers.calls), (Some(limit), 2));
    }

    proptest! {
        #[test]
        fn only_bad_queries_are_without_a_value(
            names in prop::collection::btree_set("(bad)?[a-z]{1,6}", 0..20)
        ) {
            let texts: Vec<_> = names.iter().map(|name| format!("{name}{{*}}")).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            let (answers, _) = values(&texts, spoilt_by_bad);
            let expected = texts.iter().map(|text| if text.starts_with("bad") { bad(text) } else { length(text) });
            prop_assert_eq!(answers.by_query, expected.collect::<BTreeMap<_, _>>());
        }
    }
}
