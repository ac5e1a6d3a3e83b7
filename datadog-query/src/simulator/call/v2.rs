//! The body of `POST /api/v2/query/timeseries`.

use serde::Deserialize;

use super::QueryCall;
use crate::{
    api_version::ApiVersion,
    simulator::{asked::Asked, window::Window},
};

pub(super) fn read(body: &[u8]) -> QueryCall {
    let invalid = |why: &str| Err(format!("API input validation failed: {why}"));
    let call = match serde_json::from_slice::<Body>(body) {
        Ok(Body { data }) if data.kind == "timeseries_request" => Ok(data.attributes),
        Ok(_) => invalid(r#"Invalid type. Expected "timeseries_request"."#),
        Err(error) => invalid(&error.to_string()),
    };
    let version = ApiVersion::V2;
    match call {
        Ok(call) => QueryCall {
            version,
            texts: call.queries.iter().map(|one| one.query.clone()).collect(),
            window: Window::of_milliseconds(call.from, call.to),
            asked: call.asked(),
        },
        Err(why) => QueryCall {
            version,
            texts: Vec::new(),
            window: Err(why.clone()),
            asked: Err(why),
        },
    }
}

#[derive(Deserialize)]
struct Body {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "type")]
    kind: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    from: i64,
    to: i64,
    /// The width of a bucket that is wished for, in milliseconds.
    interval: Option<u32>,
    queries: Vec<MetricsQuery>,
    #[serde(default)]
    formulas: Vec<Formula>,
}

#[derive(Deserialize)]
struct MetricsQuery {
    data_source: String,
    query: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Formula {
    formula: String,
}

impl Attributes {
    /// What is to be answered, in this order: the queries, or the formulas if there are
    /// any. Of formulas only those are known that are the name of a query.
    fn asked(&self) -> Result<Vec<Asked>, String> {
        let queries = self.queries.iter().map(|one| self.read(one));
        let queries = queries.collect::<Result<Vec<_>, _>>()?;
        if self.formulas.is_empty() {
            return Ok(queries);
        }
        let formulas = self.formulas.iter().map(|Formula { formula }| {
            let mut named = self.queries.iter().zip(&queries);
            named
                .find(|(query, _)| query.name.as_ref() == Some(formula))
                .map(|(_, asked)| asked.clone())
                .ok_or_else(|| format!("the formula {formula:?} is the name of no query"))
        });
        formulas.collect()
    }

    fn read(&self, one: &MetricsQuery) -> Result<Asked, String> {
        if one.data_source != "metrics" {
            return Err(format!(
                "the data source {:?} is not simulated",
                one.data_source
            ));
        }
        let mut asked = Asked::one(&one.query).map_err(|refused| refused.to_string())?;
        if let Some(milliseconds) = self.interval {
            let seconds = milliseconds.div_ceil(1000).max(1);
            asked.modifiers.width.get_or_insert(seconds);
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(attributes: &Value) -> QueryCall {
        let body = json!({ "data": { "type": "timeseries_request", "attributes": attributes } });
        read(body.to_string().as_bytes())
    }

    fn metrics(query: &str) -> Value {
        json!({ "data_source": "metrics", "query": query, "name": query.get(..1) })
    }

    /// The text and the width of each query that is to be answered.
    fn asked(attributes: &Value) -> Result<Vec<(String, Option<u32>)>, String> {
        let asked = call(attributes).asked?;
        let parts = asked.into_iter().map(|one| (one.text, one.modifiers.width));
        Ok(parts.collect())
    }

    #[test]
    fn a_window_is_of_milliseconds_and_its_end_is_outside() {
        for (from, to, expected) in [
            (1000, 3000, Ok(Window { from: 1, to: 2 })),
            (1001, 3001, Ok(Window { from: 2, to: 3 })),
            (
                3000,
                3000,
                Err("query end is not after query start".to_owned()),
            ),
        ] {
            let attributes = json!({ "from": from, "to": to, "queries": [metrics("a{*}")] });
            assert_eq!(call(&attributes).window, expected);
        }
    }

    #[test]
    fn queries_are_answered_in_their_order_and_a_wished_width_gives_way_to_a_rollup() {
        let queries = [metrics("b{*}"), metrics("a{x:1,y:2}.rollup(30)")];
        let attributes = json!({ "from": 0, "to": 1000, "interval": 4500, "queries": queries });
        let expected = [
            ("b{*}".to_owned(), Some(5)),
            ("a{x:1,y:2}.rollup(30)".to_owned(), Some(30)),
        ];
        assert_eq!(asked(&attributes), Ok(expected.to_vec()));
    }

    #[test]
    fn formulas_have_their_own_order() {
        let with = |formulas: Value| {
            let queries = [metrics("a{*}"), metrics("b{*}")];
            asked(&json!({ "from": 0, "to": 1000, "queries": queries, "formulas": formulas }))
        };
        let (a, b) = (("a{*}".to_owned(), None), ("b{*}".to_owned(), None));
        assert_eq!(
            with(json!([{ "formula": "b" }, { "formula": "a", "limit": { "count": 10 } }])),
            Ok(vec![b, a])
        );
        let unknown = "the formula \"a + b\" is the name of no query".to_owned();
        assert_eq!(with(json!([{ "formula": "a + b" }])), Err(unknown));
    }

    #[test]
    fn a_query_is_one_and_of_metrics() {
        let why = |query: Value| {
            asked(&json!({ "from": 0, "to": 1000, "queries": [query] })).unwrap_err()
        };
        let two = why(metrics("a{*},b{*}"));
        assert!(
            two.ends_with("didn't match at ',b{*}' (line 1, column 5)."),
            "{two}"
        );
        let logs = why(json!({ "data_source": "logs", "query": "a" }));
        assert_eq!(logs, "the data source \"logs\" is not simulated");
    }

    #[test]
    fn a_body_of_another_type_is_refused_as_it_was_recorded() {
        let body = r#"{"data":{"attributes":{"from":1689871087,"queries":[],"to":1689874687},
            "type":"timeseries_rquest"}}"#;
        let why = r#"API input validation failed: Invalid type. Expected "timeseries_request"."#;
        assert_eq!(read(body.as_bytes()).window, Err(why.to_owned()));
        assert!(
            read(b"{}")
                .asked
                .is_err_and(|why| why.starts_with("API input validation failed: "))
        );
    }
}
