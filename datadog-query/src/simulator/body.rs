//! The bodies of the answers, field by field as the real server writes them.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use super::{
    asked::{Asked, Function},
    scenario::Series,
    series::Row,
    window::Window,
};
use crate::api_version::ApiVersion;

mod v2;

/// A status, a content type and a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) text: String,
}

impl Body {
    /// Anything in JSON.
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let text =
            serde_json::to_string(value).expect("texts, numbers and lists can always be written");
        Self {
            status,
            content_type: "application/json",
            text,
        }
    }

    /// A refusal of the application.
    pub(super) fn errors(status: StatusCode, errors: &[&str]) -> Self {
        Self::json(status, &json!({ "errors": errors }))
    }

    /// A refusal of the front proxy, which the application has never seen.
    pub(super) fn edge(status: StatusCode, error: &str) -> Self {
        #[derive(Serialize)]
        struct Edge<'a> {
            status: &'static str,
            code: u16,
            errors: [&'a str; 1],
            statuspage: &'static str,
            twitter: &'static str,
            email: &'static str,
        }
        let edge = Edge {
            status: "error",
            code: status.as_u16(),
            errors: [error],
            statuspage: "http://status.datadoghq.com",
            twitter: "http://twitter.com/datadogops",
            email: "support@datadoghq.com",
        };
        Self::json(status, &edge)
    }

    /// A page of a proxy that knows nothing of JSON.
    pub(super) fn page(status: StatusCode) -> Self {
        let text = format!(
            "<html>\n<head><title>{status}</title></head>\n<body>\n<center><h1>{status}</h1></center>\n\
             </body>\n</html>\n"
        );
        Self {
            status,
            content_type: "text/html",
            text,
        }
    }

    /// A failure behind HTTP 200.
    pub(super) fn status_error(version: Option<ApiVersion>, error: &str) -> Self {
        if version == Some(ApiVersion::V2) {
            return Self::error_beside_data(error);
        }
        #[derive(Serialize)]
        struct StatusError<'a> {
            status: &'static str,
            error: &'a str,
            res_type: &'static str,
            series: [(); 0],
            times: [(); 0],
            values: [(); 0],
        }
        let body = StatusError {
            status: "error",
            error,
            res_type: "time_series",
            series: [],
            times: [],
            values: [],
        };
        Self::json(StatusCode::OK, &body)
    }

    /// The facts about a metric that some series has.
    pub(super) fn metadata(series: &Series) -> Self {
        Self::json(
            StatusCode::OK,
            &json!({
                "description": null,
                "short_name": null,
                "integration": null,
                "statsd_interval": series.interval.as_secs(),
                "per_unit": null,
                "type": series.kind.name(),
                "unit": null,
            }),
        )
    }

    /// The answer to the queries of one call; `rows` holds the series of each.
    pub(super) fn time_series(
        text: &str,
        asked: &[Asked],
        rows: &[Vec<Row>],
        window: Window,
    ) -> Self {
        // Several queries share one time axis, and a series without a point at one of its
        // times has a null there. A query that is alone leaves its holes out.
        let axis = (asked.len() > 1).then(|| {
            rows.iter()
                .flatten()
                .flat_map(|row| row.points.keys().copied())
                .collect::<BTreeSet<_>>()
        });
        let series = asked
            .iter()
            .zip(rows)
            .enumerate()
            .flat_map(|(index, (asked, rows))| {
                let axis = axis.as_ref();
                rows.iter()
                    .map(move |row| TimeSeries::of(index, asked, row, axis))
            });
        let mut group_by: Vec<&str> = Vec::new();
        for key in asked.iter().flat_map(|asked| &asked.group) {
            if !group_by.contains(&key.as_str()) {
                group_by.push(key);
            }
        }
        let reply = Reply {
            status: "ok",
            resp_version: 1,
            series: series.collect(),
            to_date: window.to * 1000,
            query: text,
            message: "",
            res_type: "time_series",
            times: [],
            from_date: window.from * 1000,
            group_by,
            values: [],
        };
        Self::json(StatusCode::OK, &reply)
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// The fields of a recorded answer, in its order.
#[derive(Serialize)]
struct Reply<'a> {
    status: &'static str,
    resp_version: u8,
    series: Vec<TimeSeries<'a>>,
    to_date: i64,
    query: &'a str,
    message: &'static str,
    res_type: &'static str,
    times: [(); 0],
    from_date: i64,
    group_by: Vec<&'a str>,
    values: [(); 0],
}

#[derive(Serialize)]
struct TimeSeries<'a> {
    end: i64,
    attributes: Attributes,
    metric: &'a str,
    /// In seconds; the published description says milliseconds, every answer says seconds.
    interval: i64,
    tag_set: &'a [String],
    start: i64,
    length: usize,
    query_index: usize,
    aggr: Option<&'static str>,
    scope: &'a str,
    pointlist: Vec<(f64, Option<f64>)>,
    expression: &'a str,
    unit: Option<()>,
    display_name: &'a str,
}

#[derive(Serialize)]
struct Attributes {}

impl<'a> TimeSeries<'a> {
    fn of(
        query_index: usize,
        asked: &'a Asked,
        row: &'a Row,
        axis: Option<&BTreeSet<i64>>,
    ) -> Self {
        let points: Vec<_> = match axis {
            Some(axis) => axis
                .iter()
                .map(|time| (*time, row.points.get(time).copied()))
                .collect(),
            None => row
                .points
                .iter()
                .map(|(time, value)| (*time, Some(*value)))
                .collect(),
        };
        let edge = |point: Option<&(i64, _)>| point.map_or(0, |(time, _)| *time);
        Self {
            end: (edge(points.last()) + row.interval - 1) * 1000,
            attributes: Attributes {},
            metric: &asked.metric,
            interval: row.interval,
            tag_set: &row.tag_set,
            start: edge(points.first()) * 1000,
            length: points.len(),
            query_index,
            aggr: asked.aggregator.map(Function::name),
            scope: &row.scope,
            pointlist: points
                .into_iter()
                .map(|(time, value)| ((time * 1000) as f64, value))
                .collect(),
            expression: &row.expression,
            unit: None,
            display_name: &asked.metric,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn row(scope: &str, points: &[(i64, f64)]) -> Row {
        Row {
            scope: scope.to_owned(),
            expression: format!("avg:some.metric{{{scope}}}"),
            tag_set: vec!["host:one".to_owned()],
            interval: 1,
            points: points.iter().copied().collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn an_answer_has_the_fields_of_a_recorded_one() {
        // The shape of a recorded answer to `avg:…{bar:baz}by{host}` over 200 s in 2021.
        let expected = concat!(
            r#"{"status":"ok","resp_version":1,"series":[{"end":1700000060000,"attributes":{},"#,
            r#""metric":"some.metric","interval":1,"tag_set":["host:one"],"start":1700000000000,"#,
            r#""length":2,"query_index":0,"aggr":"avg","scope":"bar:baz,host:one","#,
            r#""pointlist":[[1700000000000.0,10.5],[1700000060000.0,11.0]],"#,
            r#""expression":"avg:some.metric{bar:baz,host:one}","unit":null,"#,
            r#""display_name":"some.metric"}],"to_date":1700000100000,"#,
            r#""query":"avg:some.metric{bar:baz}by{host}","message":"","res_type":"time_series","#,
            r#""times":[],"from_date":1699999900000,"group_by":["host"],"values":[]}"#,
        );
        let text = "avg:some.metric{bar:baz}by{host}";
        let rows = [vec![row(
            "bar:baz,host:one",
            &[(1_700_000_000, 10.5), (1_700_000_060, 11.0)],
        )]];
        let window = Window {
            from: 1_699_999_900,
            to: 1_700_000_100,
        };
        let body = Body::time_series(text, &Asked::all(text).unwrap(), &rows, window);
        assert_eq!(body.text, expected);
    }

    #[test]
    fn several_queries_share_their_times_and_have_nulls_in_the_holes() {
        let text = "avg:some.metric{a:b},avg:some.metric{c:d},avg:some.metric{e:f}";
        let rows = [
            vec![row("a:b", &[(1, 1.0), (3, 3.0)])],
            vec![],
            vec![row("e:f", &[(2, 2.0)])],
        ];
        let window = Window { from: 0, to: 9 };
        let body = Body::time_series(text, &Asked::all(text).unwrap(), &rows, window);
        let reply: serde_json::Value = serde_json::from_str(&body.text).unwrap();
        let points = |at: usize| {
            (
                &reply["series"][at]["query_index"],
                &reply["series"][at]["pointlist"],
            )
        };
        assert_eq!(
            points(0),
            (
                &json!(0),
                &json!([[1000.0, 1.0], [2000.0, null], [3000.0, 3.0]])
            )
        );
        assert_eq!(
            points(1),
            (
                &json!(2),
                &json!([[1000.0, null], [2000.0, 2.0], [3000.0, null]])
            )
        );
    }

    #[test]
    fn the_front_proxy_signs_its_refusals() {
        let expected = concat!(
            r#"{"status":"error","code":403,"errors":["Forbidden"],"#,
            r#""statuspage":"http://status.datadoghq.com","twitter":"http://twitter.com/datadogops","#,
            r#""email":"support@datadoghq.com"}"#,
        );
        assert_eq!(
            Body::edge(StatusCode::FORBIDDEN, "Forbidden").text,
            expected
        );
    }
}
