mod generated;

use super::*;
use crate::query::tree::{Filter, Modifier, SeriesQuery, Symbol};

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
            "anomalies(mongodb.dbs{*}, basic, 2",
            "found `basic, 2` at character 27, expected `'basic'` in quotes, or a metric with its scope: without quotes a word is read as a metric",
        ),
        (
            "avg:m{env:prod AND resource_name NOT IN (!resource_name:A, !resource_name:B)}",
            "found `!resource_name:A, !r…` at character 42, expected a tag, such as `env:prod`",
        ),
        (
            "sumlast_24h):default_zero(sum:a{}.as_count()) < 1",
            "found `):default_zero(sum:a…` at character 12, expected `{` and a scope, such as `{*}`, after the metric sumlast_24h",
        ),
        (
            "avg(last_5m):avg:a{*} > 3",
            "found `last_5m):avg:a{*} > …` at character 5, expected `'last_5m'` in quotes, or a metric with its scope: without quotes a word is read as a metric",
        ),
        (
            "sum:app.metric{platform:macos country:us}",
            "found `country:us}` at character 31, expected `,` or `}`",
        ),
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
        "avg:svcname{db:toys}.fill(zero).rollup(sum)",
        "avg:svcname{*} by {db,$region}",
        "avg:svcname{*}.rollup(sum, 13)",
        "avg:svcname{path:/dev/null}",
        "avg:svcname{region:*-east-1}",
        "avg:svcname.s3.95percentile{*}",
        "100 * avg:svcname.requests{*}",
        "-100 * avg:svcname.requests{*}",
        "top(sum:svcname{*} by {region}, 5, \"max\", \"desc\")",
        "p99.9:tubi.sessions.lag{env:prod} by {table}",
        "default_zero(avg:metric.alpha{team:core} + avg:metric.beta{team:core})",
        "moving_rollup(default_zero(sum:metric{key:value,!service:service,env:staging}.as_rate()), 60, 'avg')",
        "top(moving_rollup(max:cpu{service:h,!deployment:h-sandbox,env:dev} by {container} / max:limits{service:h} by {container} / (1000 * 1000 * 10), 300, 'max'), 1, 'max', 'desc')",
        "sum:a{env:prod AND service:api} - sum:a{env:staging AND service:api}",
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
        assert_eq!(parse(text).unwrap().expression.to_string(), text);
    }
    // Not a function that Datadog documents.
    let text = "max(avg:a.b{*}, avg:c.d{*})";
    assert_eq!(parse(text).unwrap().expression.to_string(), text);
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
