//! The answer of version 2.

use std::{iter, time::Duration};

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use time::OffsetDateTime;

use super::{SCOPE, Series, Slot, instant, width::width};
use crate::{
    account::Account,
    batch::Batch,
    error::Error,
    unit::{self, Unit},
    window::Window,
};

/// The series of an answer with status 200, which alone is no success: an error may stand
/// beside the series. It does not tell whose it is, so it spoils the call, as in version 1.
pub(super) fn series(
    response: &Response<Bytes>,
    account: &Account,
    batch: &Batch,
    window: Window,
) -> Result<Vec<Series>, Error> {
    let body: Body = serde_json::from_slice(response.body())
        .map_err(|error| account.malformed(&error.to_string()))?;
    if body.errors.as_ref().is_some_and(is_said) {
        return Err(account.refusal(response, SCOPE));
    }
    let Some(Attributes {
        series,
        times,
        values,
    }) = body.data.map(|data| data.attributes)
    else {
        return Err(account.malformed("it holds no data"));
    };
    if values.len() != series.len() || values.iter().any(|row| row.len() != times.len()) {
        return Err(account.malformed("its series, times and values are not of one length"));
    }
    let series = iter::zip(series, values).map(|(raw, row)| {
        let slot = |(time, value): (&RawTime, _)| Slot {
            time: time.0,
            value,
        };
        Series {
            query_index: raw.query_index.and_then(|index| index.try_into().ok()),
            interval: None,
            scope: raw.group_tags.unwrap_or_default().join(","),
            unit: raw.unit,
            points: iter::zip(&times, row).map(slot).collect(),
        }
    });
    let mut series: Vec<_> = series.collect();
    let widths = widths(&series, batch, window);
    for one in &mut series {
        one.interval = one.query_index.and_then(|index| widths.get(index).copied());
    }
    Ok(series)
}

/// How wide the buckets of each query are.
fn widths(series: &[Series], batch: &Batch, window: Window) -> Vec<Duration> {
    let queries = batch.queries().iter().enumerate();
    let width = |(index, query)| {
        let its = series.iter().filter(|one| one.query_index == Some(index));
        width(query, window, its.map(|one| one.points.as_slice()))
    };
    queries.map(width).collect()
}

/// The body as it comes, as far as it is used.
#[derive(Deserialize)]
struct Body {
    data: Option<Data>,
    errors: Option<Value>,
}

#[derive(Deserialize)]
struct Data {
    attributes: Attributes,
}

/// A row of values for each series, and in each row a value for each time.
#[derive(Deserialize)]
struct Attributes {
    series: Vec<RawSeries>,
    times: Vec<RawTime>,
    values: Vec<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct RawSeries {
    query_index: Option<i64>,
    group_tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "unit::read")]
    unit: Option<Unit>,
}

struct RawTime(OffsetDateTime);

impl<'de> Deserialize<'de> for RawTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let milliseconds = Deserialize::deserialize(deserializer)?;
        instant(milliseconds).map(Self).map_err(D::Error::custom)
    }
}

/// Whether anything stands in the field for errors.
fn is_said(errors: &Value) -> bool {
    match errors {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(errors) => !errors.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::{
        batch::{BatchLimits, batches},
        endpoint::Endpoint,
        keys::Keys,
        query::Query,
    };

    /// The answer to these queries over an hour.
    fn read(body: impl Into<Bytes>, queries: &[&str]) -> Result<Vec<Series>, Error> {
        let account = Account {
            endpoint: Endpoint::of_site("datadoghq.eu").unwrap(),
            keys: Keys::new(&"api".into(), &"app".into()).unwrap(),
        };
        let queries = queries.iter().map(|text| Query::written(text).unwrap());
        let batch = batches(queries, BatchLimits::default()).0.remove(0);
        let hour = Duration::from_secs(3600);
        let window = Window::ending(datetime!(2024-04-01 14:20:01 UTC), hour);
        series(&Response::new(body.into()), &account, &batch, window)
    }

    fn slot(time: OffsetDateTime, value: impl Into<Option<f64>>) -> Slot {
        let value = value.into();
        Slot { time, value }
    }

    #[test]
    fn a_whole_answer_is_read() {
        // A recorded answer of 2024, with its unit from another one.
        let answer = read(
            r#"{"data":{"id":"0","type":"timeseries_response","attributes":{
                "series":[{"group_tags":[],"query_index":0,"unit":[{"family":"percentage",
                    "name":"percent","plural":"percent","scale_factor":1.0,"short_name":"%",
                    "id":17},null]}],
                "times":[1711977645000,1711977705000,1711980225000],"values":[[1,1,87]]}}}"#,
            &["avg:datadog.estimated_usage.metrics.custom{*}"],
        );
        let series = Series {
            query_index: Some(0),
            interval: Some(Duration::from_secs(60)),
            scope: String::new(),
            unit: Some(Unit {
                name: Some("percent".to_owned()),
                per: None,
            }),
            points: vec![
                slot(datetime!(2024-04-01 13:20:45 UTC), 1.0),
                slot(datetime!(2024-04-01 13:21:45 UTC), 1.0),
                slot(datetime!(2024-04-01 14:03:45 UTC), 87.0),
            ],
        };
        assert_eq!(answer, Ok(vec![series]));
    }

    #[test]
    fn each_series_has_its_own_row_of_values_and_its_own_width() {
        // The values stand first, as in the recorded answers of 2022.
        let answer = read(
            r#"{"data":{"type":"timeseries_response","attributes":{
                "values":[[null,2.5,null],[1,null,3]],
                "times":[1711980000000,1711980010000,1711980020000],
                "series":[{"group_tags":["host:a","zone:b"],"query_index":1,"unit":null},
                          {"group_tags":[],"query_index":0,"unit":null}]}}}"#,
            &["sum:a{*}", "sum:b{*} by {host,zone}.rollup(10)"],
        );
        let [zero, ten, twenty] =
            [0, 10, 20].map(|second| datetime!(2024-04-01 14:00 UTC) + Duration::from_secs(second));
        let series = |query_index, width, scope: &str, points: [Slot; 3]| Series {
            query_index: Some(query_index),
            interval: Some(Duration::from_secs(width)),
            scope: scope.to_owned(),
            unit: None,
            points: points.to_vec(),
        };
        let grouped = [slot(zero, None), slot(ten, 2.5), slot(twenty, None)];
        let other = [slot(zero, 1.0), slot(ten, None), slot(twenty, 3.0)];
        let expected = vec![
            series(1, 10, "host:a,zone:b", grouped),
            series(0, 20, "", other),
        ];
        assert_eq!(answer, Ok(expected));
    }

    #[test]
    fn an_answer_without_data_is_an_answer() {
        // Recorded in 2026.
        let body = r#"{"data":{"id":"0","type":"timeseries_response","attributes":
            {"series":[],"times":[],"values":[]}}}"#;
        assert_eq!(read(body, &["avg:a{*}"]), Ok(vec![]));
    }

    #[test]
    fn an_error_beside_the_series_spoils_them() {
        let with = |errors: &str| {
            let body = format!(
                r#"{{"errors":{errors},"data":{{"attributes":{{"series":[],"times":[],"values":[]}}}}}}"#
            );
            read(body, &["avg:a{*}"])
        };
        let text = "something of it failed".to_owned();
        let refused = Err(Error::InvalidQuery { status: 200, text });
        assert_eq!(with(r#""something of it failed""#), refused);
        assert_eq!(with(r#"["something of it failed"]"#), refused);
        assert!(matches!(
            with(r#""Query timed out""#),
            Err(Error::Server { status: 200, .. })
        ));
        for nothing in ["null", "[]", "\"\""] {
            assert_eq!(with(nothing), Ok(vec![]), "{nothing}");
        }
    }

    #[test]
    fn what_is_no_answer_of_datadog_is_malformed() {
        let attributes = |series: &str, times: &str, values: &str| {
            format!(
                r#"{{"data":{{"attributes":{{"series":[{series}],"times":[{times}],"values":[{values}]}}}}}}"#
            )
        };
        for body in [
            String::new(),
            "<html>log in to the guest network</html>".to_owned(),
            "null".to_owned(),
            "{}".to_owned(),
            r#"{"data":{}}"#.to_owned(),
            r#"{"status":"ok","series":[]}"#.to_owned(),
            // A value would stand under the time or the query of another.
            attributes("{}", "0", ""),
            attributes("", "0", "[1]"),
            attributes("{}", "0,1", "[1]"),
            attributes("{}", "0", "[1,2]"),
            attributes("{}", "1e300", "[1]"),
            attributes("{}", "0", "[NaN]"),
        ] {
            let answer = read(body.clone(), &["avg:a{*}"]);
            assert!(
                matches!(answer, Err(Error::Malformed { .. })),
                "{body}: {answer:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(body, &["avg:a{*}"]);
        }

        #[test]
        fn no_number_makes_it_panic(
            index: i64, times in any::<[f64; 2]>(), values in any::<[Option<f64>; 2]>(),
        ) {
            let body = serde_json::json!({ "data": { "attributes": {
                "series": [{ "query_index": index }], "times": times, "values": [values],
            }}});
            let _ = read(body.to_string(), &["avg:a{*}"]);
        }
    }
}
