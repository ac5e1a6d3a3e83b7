//! The call of version 2.

use bytes::Bytes;
use serde::Serialize;

use crate::{batch::Batch, query::Query, window::Window};

/// `POST` to here.
pub(super) const PATH: &str = "/api/v2/query/timeseries";

/// The body of a call. It holds no formulas: each query is answered under its position.
pub(super) fn body(batch: &Batch, window: Window) -> Bytes {
    let queries = batch.queries().iter().map(MetricsQuery::of).collect();
    let attributes = Attributes {
        from: milliseconds(window.from()),
        to: milliseconds(window.to()),
        queries,
    };
    let data = Data {
        kind: "timeseries_request",
        attributes,
    };
    json(&Call { data }).into()
}

/// How many bytes of a body a query takes.
pub(crate) fn cost(query: &Query) -> usize {
    const COMMA: usize = 1;
    json(&MetricsQuery::of(query)).len() + COMMA
}

#[derive(Serialize)]
struct Call<'a> {
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: Attributes<'a>,
}

/// There is no `interval` in it, so that a bucket is as wide as the query tells, or as wide
/// as Datadog makes it by itself.
#[derive(Serialize)]
struct Attributes<'a> {
    from: i64,
    to: i64,
    queries: Vec<MetricsQuery<'a>>,
}

#[derive(Serialize)]
struct MetricsQuery<'a> {
    data_source: &'static str,
    query: &'a str,
}

impl<'a> MetricsQuery<'a> {
    fn of(query: &'a Query) -> Self {
        Self {
            data_source: "metrics",
            query: query.text(),
        }
    }
}

fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers and lists can always be written")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::batch::{BatchLimits, batches};

    fn batch(texts: &[&str]) -> Batch {
        let queries = texts.iter().map(|text| Query::written(text).unwrap());
        batches(queries, BatchLimits::default()).0.remove(0)
    }

    #[test]
    fn a_batch_is_a_list_of_queries_over_milliseconds() {
        let window = Window::ending(datetime!(2026-01-01 00:05:00 UTC), Duration::from_secs(300));
        let expected = concat!(
            r#"{"data":{"type":"timeseries_request","attributes":{"#,
            r#""from":1767225600000,"to":1767225900000,"queries":["#,
            r#"{"data_source":"metrics","query":"avg:a{b:c}"},"#,
            r#"{"data_source":"metrics","query":"top(b{*}, 1, \"max\", 'desc') / 2"}]}}}"#,
        );
        let texts = ["avg:a{b:c}", r#"top(b{*}, 1, "max", 'desc') / 2"#];
        assert_eq!(body(&batch(&texts), window), expected);
    }

    #[test]
    fn a_query_costs_what_it_adds_to_a_body() {
        let window = Window::ending(datetime!(2026-01-01 00:05:00 UTC), Duration::from_secs(300));
        let length = |texts: &[&str]| body(&batch(texts), window).len();
        let second = r#"outliers(b{*}, "MAD", 3)"#;
        assert_eq!(
            length(&["a{*}", second]) - length(&["a{*}"]),
            cost(&Query::written(second).unwrap())
        );
    }
}
