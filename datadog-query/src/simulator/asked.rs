//! What a call asks for: the little of Datadog's query language that a metrics server
//! speaks, and complaints in the server's words about the rest.

mod cursor;
mod function;
mod modifiers;
mod scope;
mod words;

use cursor::Cursor;
pub(super) use {
    cursor::Refused,
    function::Function,
    modifiers::{Counting, Fill, Filling, Modifiers},
    scope::Scope,
};

/// One query of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// The query's own part of the call, as it was written.
    pub(super) text: String,
    /// Without one the server takes the average, and answers `"aggr": null`.
    pub(super) aggregator: Option<Function>,
    pub(super) metric: String,
    pub(super) scope: Scope,
    pub(super) group: Vec<String>,
    pub(super) modifiers: Modifiers,
}

impl Asked {
    /// The queries of a call in their order. One bad query spoils them all, as it does
    /// on the real server.
    pub(super) fn all(text: &str) -> Result<Vec<Self>, Refused> {
        let mut cursor = Cursor::over(text)?;
        let mut queries = vec![Self::read(&mut cursor)?];
        while cursor.eat(",") {
            queries.push(Self::read(&mut cursor)?);
        }
        cursor.end()?;
        Ok(queries)
    }

    /// A query that has a text of its own.
    pub(super) fn one(text: &str) -> Result<Self, Refused> {
        let mut cursor = Cursor::over(text)?;
        let query = Self::read(&mut cursor)?;
        cursor.end()?;
        Ok(query)
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        let start = cursor.rest();
        let mut name = cursor.take(is_of_a_name);
        let mut aggregator = None;
        if is_an_aggregation(name) && cursor.eat(":") {
            // Percentiles and counts need a distribution metric, of which there is none here.
            let missing = || Refused::MissingAggregation(name.to_uppercase());
            aggregator = Some(space_function(name).ok_or_else(missing)?);
            name = cursor.take(is_of_a_name);
        }
        if !is_metric_name(name) {
            return Err(cursor.refuse_by("metric"));
        }
        let (scope, group) = (Scope::read(cursor)?, group(cursor)?);
        let (metric, modifiers) = (name.to_owned(), Modifiers::read(cursor)?);
        let text = cursor.since(start).to_owned();
        Ok(Self {
            text,
            aggregator,
            metric,
            scope,
            group,
            modifiers,
        })
    }

    /// The query as answers spell it, for one group: its tags move into the scope.
    pub(super) fn expression(&self, group: &[(&str, &str)]) -> String {
        let aggregator = self
            .aggregator
            .map(|f| format!("{}:", f.name()))
            .unwrap_or_default();
        let scope = self.scope.narrowed(group);
        format!(
            "{aggregator}{}{{{scope}}}{}",
            self.metric, self.modifiers.text
        )
    }
}

/// Whether Datadog would store a metric under this name.
pub(super) fn is_metric_name(name: &str) -> bool {
    name.len() <= 200
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_of_a_name)
}

/// A `-` is not of a name: the server reads it as minus.
pub(super) fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn group(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Refused> {
    let mut keys = Vec::new();
    if !cursor.eat("by") {
        return Ok(keys);
    }
    cursor.expect("{")?;
    loop {
        match cursor.take(scope::is_word) {
            "" => return Err(cursor.refuse()),
            key => keys.push(key.to_owned()),
        }
        if !cursor.eat(",") {
            cursor.expect("}")?;
            return Ok(keys);
        }
    }
}

fn is_an_aggregation(name: &str) -> bool {
    let is_percentile = || {
        name.strip_prefix('p')
            .is_some_and(|p| p.parse::<f64>().is_ok())
    };
    Function::named(name).is_some() || name == "histogram" || is_percentile()
}

fn space_function(name: &str) -> Option<Function> {
    Function::named(name).filter(|function| *function != Function::Count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Asked {
        let queries = Asked::all(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let [query] = <[Asked; 1]>::try_from(queries).unwrap();
        query
    }

    fn complaint(text: &str) -> String {
        Asked::all(text).unwrap_err().to_string()
    }

    #[test]
    fn a_query_is_read_with_all_its_parts() {
        let query = one("sum:a.b_c{x:1} by {host, zone}.as_count().rollup(max, 60).fill(last)");
        assert_eq!(query.aggregator, Some(Function::Sum));
        assert_eq!(query.metric, "a.b_c");
        assert_eq!(query.group, ["host", "zone"]);
        let modifiers = Modifiers {
            text: ".as_count().rollup(max, 60).fill(last)".to_owned(),
            rollup: Some(Function::Max),
            width: Some(60),
            counting: Some(Counting::AsCount),
            fill: Some(Fill {
                with: Filling::Last,
                limit: 300,
            }),
        };
        assert_eq!(query.modifiers, modifiers);
    }

    #[test]
    fn the_expression_is_the_query_with_the_group_in_its_scope() {
        let rows = [
            (
                "system.cpu.idle{*}",
                "system.cpu.idle{*}",
                "system.cpu.idle{host:a}",
            ),
            (
                "avg:m{bar:baz}by{host}",
                "avg:m{bar:baz}",
                "avg:m{bar:baz,host:a}",
            ),
            (
                "max:m{b:2, a:1} .rollup(60)",
                "max:m{a:1,b:2}.rollup(60)",
                "max:m{a:1,b:2,host:a}.rollup(60)",
            ),
        ];
        for (text, alone, grouped) in rows {
            let query = one(text);
            let expressions = (query.expression(&[]), query.expression(&[("host", "a")]));
            assert_eq!(expressions, (alone.to_owned(), grouped.to_owned()));
        }
    }

    #[test]
    fn commas_inside_braces_and_parentheses_do_not_split_a_call() {
        let text = "avg:a{x:1,y:2}by{h,z}.rollup(sum, 30), sum:b{k IN (1,2)}.fill(zero,60),c{*}";
        let texts: Vec<_> = Asked::all(text)
            .unwrap()
            .into_iter()
            .map(|query| query.text)
            .collect();
        let expected = [
            "avg:a{x:1,y:2}by{h,z}.rollup(sum, 30)",
            "sum:b{k IN (1,2)}.fill(zero,60)",
            "c{*}",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn what_the_server_cannot_read_is_refused_in_its_words() {
        let rows = [
            // The first two are pasted from the real server.
            (
                "avg:kubernetes.cpu.user.total",
                "Rule 'scope_expr' didn't match at '' (line 1, column 30).",
            ),
            (
                "anomalies(mongodb.dbs{*}, basic, 2",
                "'scope_expr' didn't match at '(mongodb.dbs{*}, bas'",
            ),
            (
                "avg:a-b{*}",
                "Rule 'scope_expr' didn't match at '-b{*}' (line 1, column 6).",
            ),
            ("avg:9a{*}", "Rule 'metric' didn't match"),
            (
                "a{*},b",
                "Rule 'scope_expr' didn't match at '' (line 1, column 7).",
            ),
            (
                "a{*}.rollup(0)",
                "didn't match at '0)' (line 1, column 13).",
            ),
            ("a{*}.weighted()", "didn't match at 'weighted()'"),
            ("a{*}/2", "didn't match at '/2' (line 1, column 5)."),
            (
                "p95:a{*}",
                "type: missing_aggregation :: aggregations: AGG_P95",
            ),
            ("a{x:1 AND !y:2}", "'AND' and 'OR' cannot be mixed with ','"),
            (" ", "Invalid query input:"),
        ];
        for (text, expected) in rows {
            let complaint = complaint(text);
            assert!(complaint.contains(expected), "{text}: {complaint}");
        }
    }

    #[test]
    fn a_complaint_begins_as_the_recorded_one() {
        let start = "Error parsing query: \nunable to parse a{*},b: Rule 'scope_expr'";
        assert!(complaint("a{*},b").starts_with(start));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in r"(avg:|[a-z{}(),.:!* ']|é| AND | by |\.rollup\(|6){0,30}") {
            let _ = Asked::all(&text);
        }

        #[test]
        fn a_canonical_expression_reads_as_itself(
            scope in prop::sample::select(vec!["*", "a:1,!b:2", "a:1 AND (b IN (2,3) OR NOT c:*)"]),
            modifiers in prop::sample::select(vec!["", ".rollup(30)", ".as_rate().rollup(sum, 20)"]),
        ) {
            let text = format!("avg:some.metric{{{scope}}}{modifiers}");
            let once = one(&text).expression(&[]);
            prop_assert_eq!(one(&once).expression(&[]), once);
        }
    }
}
