//! The bodies of version 2.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Body;
use crate::simulator::series::Row;

/// What the server has said since 2024; before, it said plain JSON.
const CONTENT_TYPE: &str = "application/vnd.api+json";

impl Body {
    /// The answer to the queries of one call; `rows` holds the series of each.
    pub(in crate::simulator) fn time_series_v2(rows: &[Vec<Row>]) -> Self {
        let times: BTreeSet<i64> = rows
            .iter()
            .flatten()
            .flat_map(|row| row.points.keys().copied())
            .collect();
        let mut attributes = Attributes {
            times: times.iter().map(|time| time * 1000).collect(),
            ..Attributes::default()
        };
        for (query_index, rows) in rows.iter().enumerate() {
            for row in rows {
                attributes.series.push(TimeSeries {
                    group_tags: &row.tag_set,
                    query_index,
                    unit: None,
                });
                let values = times.iter().map(|time| row.points.get(time));
                attributes
                    .values
                    .push(values.map(|value| number(value.copied())).collect());
            }
        }
        Self::of_data(&Reply {
            data: Data::of(attributes),
            errors: None,
        })
    }

    /// A failure that is told beside what there is, which here is nothing.
    pub(super) fn error_beside_data(error: &str) -> Self {
        Self::of_data(&Reply {
            data: Data::of(Attributes::default()),
            errors: Some(error),
        })
    }

    /// The refusal of these routes when they fail themselves.
    pub(in crate::simulator) fn internal_server_error() -> Self {
        let error = json!({ "status": "500", "title": "Internal Server Error" });
        Self::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "errors": [error] }),
        )
    }

    fn of_data(reply: &Reply<'_>) -> Self {
        Self {
            content_type: CONTENT_TYPE,
            ..Self::json(StatusCode::OK, reply)
        }
    }
}

/// The fields of a recorded answer, in its order.
#[derive(Serialize)]
struct Reply<'a> {
    data: Data<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a str>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: Attributes<'a>,
}

#[derive(Default, Serialize)]
struct Attributes<'a> {
    series: Vec<TimeSeries<'a>>,
    times: Vec<i64>,
    values: Vec<Vec<Value>>,
}

#[derive(Serialize)]
struct TimeSeries<'a> {
    group_tags: &'a [String],
    query_index: usize,
    unit: Option<()>,
}

impl<'a> Data<'a> {
    fn of(attributes: Attributes<'a>) -> Self {
        Self {
            id: "0",
            kind: "timeseries_response",
            attributes,
        }
    }
}

/// A whole number is written without a fraction here.
fn number(value: Option<f64>) -> Value {
    /// The whole numbers below it are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Some(value) if value.fract() == 0.0 && value.abs() < EXACT => Value::from(value as i64),
        value => Value::from(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tags: &[&str], points: &[(i64, f64)]) -> Row {
        Row {
            scope: "*".to_owned(),
            expression: "avg:some.metric{*}".to_owned(),
            tag_set: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            interval: 1,
            points: points.iter().copied().collect(),
        }
    }

    #[test]
    fn an_answer_has_the_fields_of_a_recorded_one() {
        // The shape of a recorded answer of 2024.
        let expected = concat!(
            r#"{"data":{"id":"0","type":"timeseries_response","attributes":{"series":["#,
            r#"{"group_tags":["host:a"],"query_index":0,"unit":null},"#,
            r#"{"group_tags":[],"query_index":2,"unit":null}],"#,
            r#""times":[1711977645000,1711977705000],"values":[[1,87.5],[null,3]]}}}"#,
        );
        let rows = [
            vec![row(
                &["host:a"],
                &[(1_711_977_645, 1.0), (1_711_977_705, 87.5)],
            )],
            vec![],
            vec![row(&[], &[(1_711_977_705, 3.0)])],
        ];
        assert_eq!(Body::time_series_v2(&rows).text, expected);
    }

    #[test]
    fn no_data_is_three_empty_lists() {
        // Recorded in 2026.
        let expected = r#"{"data":{"id":"0","type":"timeseries_response","attributes":{"series":[],"times":[],"values":[]}}}"#;
        assert_eq!(Body::time_series_v2(&[vec![]]).text, expected);
    }

    #[test]
    fn a_failure_stands_beside_the_data() {
        let expected = concat!(
            r#"{"data":{"id":"0","type":"timeseries_response","attributes":"#,
            r#"{"series":[],"times":[],"values":[]}},"errors":"Query timed out"}"#,
        );
        assert_eq!(Body::error_beside_data("Query timed out").text, expected);
    }
}
