use proptest::prelude::*;

use super::*;
use crate::query::tree::{Filter, Modifier, SeriesQuery, Symbol, Words};

fn warnings(text: &str) -> Vec<String> {
    let parsed = parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
    parsed
        .warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.place, warning.message))
        .collect()
}

fn mistake(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn what_datadog_has_accepted_is_understood_and_says_the_same_again() {
    let lines = include_str!("accepted.txt").lines();
    let queries: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
    assert_eq!(queries.len(), 80);
    for text in queries {
        let parsed = parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
        let printed = parsed.expression.to_string();
        let again = parse(&printed).unwrap_or_else(|mistake| panic!("{printed}: {mistake}"));
        assert_eq!(again.expression, parsed.expression, "{text}");
        let blanks = |text: &str| text.replace(char::is_whitespace, "");
        assert_eq!(blanks(&printed), blanks(text), "nothing is lost");
        // Only variables of dashboards and capitals, which Datadog takes and which match nothing.
        let doubtful = |warning: &&Warning| {
            !warning.message.contains("dashboards") && !warning.message.contains("small letters")
        };
        assert_eq!(parsed.warnings.iter().find(doubtful), None, "{text}");
    }
}

#[test]
fn what_datadog_has_refused_is_refused_with_the_place() {
    for (text, told) in [
        (
            "",
            "found the end at character 1, expected a metric, a function, a number or a parenthesis",
        ),
        (
            "avg:kubernetes.cpu.user.total",
            "found the end at character 30, expected `{` and a scope, such as `{*}`, after the metric kubernetes.cpu.user.total",
        ),
        (
            "avg:a{}",
            "found `}` at character 7, expected a tag, or `*` for every series",
        ),
        (
            "anomalies(avg:mysql.performance.bytes_sent{*}, basic, 2)",
            "found `basic, 2)` at character 48, expected `'basic'` in quotes, or a metric with its scope: without quotes a word is read as a metric",
        ),
        (
            "topk(5, sum by (message_pattern) (all_events))",
            "found `by (message_pattern)…` at character 13, expected `{` and a scope, such as `{*}`, after the metric sum",
        ),
        (
            "avg:datadogmetric@dev:x{*}.rollup(30)",
            "found `@dev:x{*}.rollup(30)` at character 18, expected `{` and a scope, such as `{*}`, after the metric datadogmetric",
        ),
        (
            "avg:t{kube_app:{{ .Values.app }}}",
            "found `{{ .Values.app }}}` at character 16, expected `,` or `}`",
        ),
        (
            "avg:system.load.1{service:test AND !host:123}",
            "found `!host:123}` at character 36, expected `}`: commas and `!` are one way to write a scope, `AND`, `OR`, `NOT` and `IN` the other, and Datadog refuses them mixed",
        ),
        (
            "avg:m{outcome:x,reason IN (a,b)}",
            "found `IN (a,b)}` at character 24, expected `}`: commas and `!` are one way to write a scope, `AND`, `OR`, `NOT` and `IN` the other, and Datadog refuses them mixed",
        ),
        (
            "avg:m{service:checkout AND env:prod, region:eu}",
            "found `, region:eu}` at character 36, expected `}`: commas and `!` are one way to write a scope, `AND`, `OR`, `NOT` and `IN` the other, and Datadog refuses them mixed",
        ),
        (
            "avg:recruiting.job-opening{*}",
            "found `-opening{*}` at character 19, expected `{` and a scope after the metric recruiting.job: the name of a metric holds no hyphen",
        ),
        (
            "avg:a{*}, avg:b{*}",
            "found `, avg:b{*}` at character 9, expected the end: a comma here begins another query",
        ),
        (
            "top(avg:a{*}, 10, 'mean, 'desc')",
            "found `desc')` at character 27, expected `,` or `)`",
        ),
        (
            "avg:a{*",
            "found the end at character 8, expected `,` or `}`",
        ),
        (
            "avg:a{*}.rollup",
            "found `rollup` at character 10, expected a modifier such as `rollup(60)` or `as_count()`",
        ),
        ("(avg:a{*}", "found the end at character 10, expected `)`"),
        (
            "sum:é{*}",
            "found `é{*}` at character 5, expected the name of a metric",
        ),
    ] {
        assert_eq!(mistake(text), told, "{text}");
    }
}

#[test]
fn what_is_not_known_is_let_through_with_a_warning_at_its_place() {
    for (text, told) in [
        (
            "smoothest(avg:a{*}, 3)",
            "1: `smoothest` is no function that is known here",
        ),
        (
            "median:a{*}",
            "1: `median` is no aggregator that is known here",
        ),
        (
            "avg:a{*}.label('x')",
            "10: `.label('x')` is no modifier that is known here",
        ),
        (
            "avg:a{*}.rollup(often)",
            "10: `.rollup(often)` is no modifier that is known here",
        ),
        (
            "avg:a{cluster:\"pod19\"}",
            "7: Datadog has refused quotes within a scope",
        ),
        (
            "sum:a{host:~\"web-.*\"}",
            "7: Datadog has refused quotes within a scope",
        ),
        (
            "avg:a{$env}",
            "7: nothing fills in `$env` here: that is for dashboards",
        ),
        (
            "avg:a{env:Prod}",
            "7: `env:Prod` matches nothing: Datadog stores tags in small letters",
        ),
    ] {
        assert_eq!(warnings(text), [told], "{text}");
    }
}

#[test]
fn what_others_have_claimed_is_understood_too() {
    for text in [
        "count(v: v<=1):metric.name{foo:bar}",
        "count(v: v>=1.53):metric.name{foo:bar}",
        "(sum:a{foo:bar} - (sum:b{foo:bar} * 2)) / 10",
        "max:a{foo:bar} / (1000 * 1000) + (10 - 10)",
        "sum:a{(service:api AND NOT env:dev) OR region IN (us-east-1,us-west-2)}",
        "avg:metric{key:*value-*} by {*}",
        "default_zero(timeshift(sum:trace.server.hits{env:dev,service:gateway}.as_rate(), -15))",
        "sum:a{duration:>=100 AND duration:<=200 OR errors:>5}",
        "avg:svcname{kubernetes.io/namespace:db}",
        "avg:svcname{db:arn:aws:rds}",
        "avg:svcname{db:toys} by {az}.as_rate().rollup(sum).fill(zero)",
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
        assert_eq!(parse(text).unwrap().expression.to_string(), text);
    }
}

#[test]
fn a_variable_is_read_as_what_can_stand_there() {
    for text in [
        "avg:a{cluster:%%tag_kube_cluster_name%%,!env:%%env_DD_ENV%%-eu} by {%%env_BY%%}",
        "%%env_HOW%%:%%env_TEAM%%.hits.%%env_WHAT%%{*}.rollup(%%env_HOW%%, %%env_S%%)",
        "%%env_F%%(avg:a{b IN (%%env_A%%,c)}, '%%env_HOW%%', bounds=%%env_B%%)",
        "(%%env_A%% - avg:a{*}) * 2 / %%env_B%%",
        "avg:a{*}.%%env_M%%()",
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
        assert_eq!(parse(text).unwrap().expression.to_string(), text);
    }
    assert_eq!(
        mistake("avg:%%env_A%%.hits"),
        "found the end at character 19, expected `{` and a scope, such as `{*}`, after the metric %%env_A%%.hits"
    );
    assert_eq!(
        mistake("avg:a{*} * %env_A%%"),
        "found `%env_A%%` at character 12, expected a metric, a function, a number or a parenthesis"
    );
}

#[test]
fn the_tree_is_what_was_meant() {
    let parsed = parse("sum:a{b:c,!d:e} by {host}.as_count() / 2").unwrap();
    let series = SeriesQuery {
        aggregator: Some("sum".to_owned()),
        metric: "a".to_owned(),
        filter: Filter::Symbols(vec![
            Symbol {
                not: false,
                tag: "b:c".to_owned(),
            },
            Symbol {
                not: true,
                tag: "d:e".to_owned(),
            },
        ]),
        by: vec!["host".to_owned()],
        modifiers: vec![Modifier {
            name: "as_count".to_owned(),
            arguments: Vec::new(),
        }],
    };
    assert_eq!(parsed.expression.series(), [&series]);
    let quotient = Expression::Chain {
        first: Box::new(Expression::Series(series)),
        rest: vec![(Operator::Over, Expression::Number("2".to_owned()))],
    };
    assert_eq!(parsed.expression, quotient);
}

#[test]
fn what_nests_without_an_end_is_refused_and_takes_no_stack() {
    for (open, close) in [
        ("(", ")"),
        ("abs(", ")"),
        ("-", ""),
        ("avg:a{(", ")}"),
        ("avg:a{NOT ", "}"),
    ] {
        let text = format!("{}avg:a{{*}}{}", open.repeat(10_000), close.repeat(10_000));
        assert!(parse(&text).is_err(), "{open}");
    }
    let long = vec!["avg:a{*}"; 5000].join(" + ");
    assert_eq!(parse(&long).unwrap().expression.series().len(), 5000);
}

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9_./*-]{0,5}".prop_filter("a word of the language", |word| {
        !["and", "or", "not", "in", "by"].contains(&word.as_str())
    })
}

fn tag() -> impl Strategy<Value = String> {
    (word(), prop::option::of(word())).prop_map(|(key, value)| match value {
        Some(value) => format!("{key}:{value}"),
        None => key,
    })
}

fn quoted() -> impl Strategy<Value = Quoted> {
    ("[a-z ,]{0,5}", prop::sample::select(vec!['\'', '"']))
        .prop_map(|(text, quote)| Quoted { text, quote })
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9]{1,4}", "[0-9]{1,3}\\.[0-9]{1,3}", "[0-9]e-?[0-9]"]
}

fn filter() -> impl Strategy<Value = Filter> {
    let symbol = (any::<bool>(), tag()).prop_map(|(not, tag)| Symbol { not, tag });
    let list = (word(), any::<bool>(), prop::collection::vec(word(), 1..3))
        .prop_map(|(key, not, values)| Words::In { key, not, values });
    let leaf = prop_oneof![tag().prop_map(Words::Tag), list];
    let words = leaf.prop_recursive(3, 12, 3, |inner| {
        let within = inner.prop_map(|words| match words {
            Words::Or(_) | Words::And(_) => Words::Parentheses(Box::new(words)),
            plain => plain,
        });
        let several = || prop::collection::vec(within.clone(), 2..4);
        prop_oneof![
            several().prop_map(Words::Or),
            several().prop_map(Words::And),
            within.clone().prop_map(|one| Words::Not(Box::new(one))),
        ]
    });
    // A single tag is written in symbols.
    let words = words.prop_filter("in symbols", |words| !matches!(words, Words::Tag(_)));
    prop_oneof![
        prop::collection::vec(symbol, 1..4).prop_map(Filter::Symbols),
        words.prop_map(Filter::Words),
    ]
}

fn modifiers() -> impl Strategy<Value = Vec<Modifier>> {
    let rollup = Modifier {
        name: "rollup".to_owned(),
        arguments: vec!["max".to_owned(), "60".to_owned()],
    };
    let count = Modifier {
        name: "as_count".to_owned(),
        arguments: Vec::new(),
    };
    prop::collection::vec(prop::sample::select(vec![rollup, count]), 0..2)
}

fn expression() -> impl Strategy<Value = Expression> {
    let series = (
        prop::option::of(prop::sample::select(vec![
            "avg".to_owned(),
            "p99.9".to_owned(),
            "count(v: v<=1)".to_owned(),
        ])),
        "[a-z][a-z0-9_.]{0,5}",
        filter(),
        prop::collection::vec(word(), 0..3),
        modifiers(),
    )
        .prop_map(|(aggregator, metric, filter, by, modifiers)| {
            Expression::Series(SeriesQuery {
                aggregator,
                metric,
                filter,
                by,
                modifiers,
            })
        });
    let leaf = prop_oneof![series, number().prop_map(Expression::Number)];
    leaf.prop_recursive(3, 16, 3, |inner| {
        // What binds less stands in parentheses.
        let operand = inner.clone().prop_map(|inner| match inner {
            Expression::Chain { .. } => Expression::Parentheses {
                inner: Box::new(inner),
                modifiers: Vec::new(),
            },
            plain => plain,
        });
        let argument = prop_oneof![
            inner.clone().prop_map(Argument::Expression),
            quoted().prop_map(Argument::Text),
            ("[a-z_]{1,5}", quoted())
                .prop_map(|(name, text)| Argument::Named(name, NamedValue::Text(text))),
            ("[a-z_]{1,5}", number())
                .prop_map(|(name, number)| Argument::Named(name, NamedValue::Number(number))),
        ];
        let chain = |signs: Vec<Operator>, operand: BoxedStrategy<Expression>| {
            let rest = (prop::sample::select(signs), operand.clone());
            (operand, prop::collection::vec(rest, 1..3)).prop_map(|(first, rest)| {
                Expression::Chain {
                    first: Box::new(first),
                    rest,
                }
            })
        };
        prop_oneof![
            operand
                .clone()
                .prop_map(|one| Expression::Negative(Box::new(one))),
            chain(
                vec![Operator::Plus, Operator::Minus],
                operand.clone().boxed()
            ),
            chain(vec![Operator::Times, Operator::Over], operand.boxed()),
            (inner, modifiers()).prop_map(|(inner, modifiers)| Expression::Parentheses {
                inner: Box::new(inner),
                modifiers,
            }),
            (
                "[a-z][a-z_0-9]{1,6}",
                prop::collection::vec(argument, 0..3),
                modifiers()
            )
                .prop_map(|(function, arguments, modifiers)| Expression::Call {
                    function,
                    arguments,
                    modifiers,
                }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same_tree(expression in expression()) {
        let text = expression.to_string();
        let parsed = parse(&text).map_err(|mistake| TestCaseError::fail(format!("{text}: {mistake}")))?;
        prop_assert_eq!(parsed.expression, expression, "{}", text);
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in prop_oneof![
        any::<String>(),
        "[avgm:{}(),.*!'\" +/<=INORT0-9-]{0,40}",
    ]) {
        if let Err(mistake) = parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&mistake.place));
        }
    }

    #[test]
    fn what_is_understood_passes_the_gate_that_keeps_queries_apart(expression in expression()) {
        let text = expression.to_string();
        if !expression.series().is_empty() {
            prop_assert!(crate::Query::written(&text).is_ok(), "{}", text);
        }
    }
}
