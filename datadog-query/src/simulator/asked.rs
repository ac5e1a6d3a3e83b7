//! What a call asks for: the little of Datadog's query language that a metrics server
//! speaks, and complaints in the server's words about the rest.

mod cursor;
mod scope;

use cursor::Cursor;
pub(super) use {cursor::Refused, scope::Scope};

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

/// How several numbers become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Avg,
    Sum,
    Min,
    Max,
    Count,
}

/// What follows the scope. A modifier that stands twice counts as it stands last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Modifiers {
    /// As they are written, for the echo in the answer.
    text: String,
    pub(super) rollup: Option<Function>,
    pub(super) width: Option<u32>,
    pub(super) counting: Option<Counting>,
    pub(super) fill: Option<Fill>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Counting {
    AsCount,
    AsRate,
}

/// What stands in a bucket without samples, up to so many seconds after the last one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fill {
    pub(super) with: Filling,
    pub(super) limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Filling {
    Zero,
    Last,
    Linear,
    Null,
}

impl Asked {
    /// The queries of a call in their order. One bad query spoils them all, as it does
    /// on the real server.
    pub(super) fn all(text: &str) -> Result<Vec<Self>, Refused> {
        let mut cursor = Cursor::new(text);
        if cursor.done() {
            return Err(Refused::Empty);
        }
        let mut queries = vec![Self::read(&mut cursor)?];
        while cursor.eat(",") {
            queries.push(Self::read(&mut cursor)?);
        }
        if cursor.done() {
            Ok(queries)
        } else {
            Err(cursor.refuse(RULE))
        }
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
            return Err(cursor.refuse("metric"));
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

const RULE: &str = "scope_expr";

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

fn group(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Refused> {
    let mut keys = Vec::new();
    if !cursor.eat("by") {
        return Ok(keys);
    }
    cursor.expect("{", RULE)?;
    loop {
        match cursor.take(scope::is_word) {
            "" => return Err(cursor.refuse(RULE)),
            key => keys.push(key.to_owned()),
        }
        if !cursor.eat(",") {
            cursor.expect("}", RULE)?;
            return Ok(keys);
        }
    }
}

impl Modifiers {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        let (start, mut modifiers) = (cursor.rest(), Self::default());
        while cursor.eat(".") {
            if cursor.eat("as_count()") {
                modifiers.counting = Some(Counting::AsCount);
            } else if cursor.eat("as_rate()") {
                modifiers.counting = Some(Counting::AsRate);
            } else if cursor.eat("rollup(") {
                modifiers.read_rollup(cursor)?;
            } else if cursor.eat("fill(") {
                modifiers.fill = Some(Fill::read(cursor)?);
            } else {
                return Err(cursor.refuse(RULE));
            }
        }
        modifiers.text = cursor.since(start).to_owned();
        Ok(modifiers)
    }

    /// Reads `60)`, `max)` or `max, 60)`.
    fn read_rollup(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refused> {
        self.rollup = Function::named(cursor.peek(is_of_a_name));
        if let Some(function) = self.rollup {
            cursor.eat(function.name());
        }
        if self.rollup.is_none() || cursor.eat(",") {
            self.width = Some(seconds(cursor)?);
        }
        cursor.expect(")", RULE)
    }
}

impl Fill {
    /// Reads `zero)` or `last, 120)`.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        let with = match cursor.peek(is_of_a_name) {
            "zero" => Filling::Zero,
            "last" => Filling::Last,
            "linear" => Filling::Linear,
            "null" => Filling::Null,
            _ => return Err(cursor.refuse(RULE)),
        };
        cursor.take(is_of_a_name);
        let limit = if cursor.eat(",") {
            seconds(cursor)?.min(600)
        } else {
            300
        };
        cursor.expect(")", RULE)?;
        Ok(Self { with, limit })
    }
}

fn seconds(cursor: &mut Cursor<'_>) -> Result<u32, Refused> {
    let number = cursor.peek(|c| c.is_ascii_digit());
    let seconds = number.parse().ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| cursor.refuse(RULE))?;
    cursor.eat(number);
    Ok(seconds)
}

impl Function {
    const ALL: [Self; 5] = [Self::Avg, Self::Sum, Self::Min, Self::Max, Self::Count];

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
        }
    }

    /// The one number for several; there is at least one.
    pub(super) fn of(self, values: &[f64]) -> f64 {
        let sum: f64 = values.iter().sum();
        match self {
            Self::Avg => sum / values.len() as f64,
            Self::Sum => sum,
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Count => values.len() as f64,
        }
    }
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
