use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::parse;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody has set it")]
struct NotSet;

/// `%%env_A%%` in a text has this value.
fn with_a(text: &str, value: &str) -> Result<String, Unresolved<NotSet>> {
    let template = QueryTemplate::written(text).unwrap();
    let query = template.resolve(|variable| match variable {
        Variable::Environment(name) if name == "A" => Ok(value),
        _ => Err(NotSet),
    })?;
    Ok(query.text().to_owned())
}

#[test]
fn every_variable_gets_its_value_where_it_stands() {
    let template = QueryTemplate::written(
        " sum:%%env_APP%%.hits{cluster:%%tag_kube_cluster_name%%,env:%%env_DD_ENV%%}.rollup(%%env_S%%) / %%env_S%%\n",
    )
    .unwrap();
    let values = BTreeMap::from([("APP", "shop"), ("DD_ENV", "prod/eu"), ("S", "60")]);
    let query = template.resolve(|variable| match variable {
        Variable::ClusterName => Ok("blue-1"),
        Variable::Environment(name) => values.get(name.as_str()).copied().ok_or(NotSet),
    });
    assert_eq!(
        query,
        Ok(Query::written("sum:shop.hits{cluster:blue-1,env:prod/eu}.rollup(60) / 60").unwrap())
    );
    let metric = query.unwrap().metric().map(ToString::to_string);
    assert_eq!(metric.as_deref(), Some("shop.hits"));
}

#[test]
fn a_query_without_variables_is_itself() {
    let text = "avg:system.load.1{*} * 100";
    assert_eq!(
        QueryTemplate::written(text)
            .unwrap()
            .resolve(|_| Err::<&str, _>(NotSet)),
        Ok(Query::written(text).unwrap())
    );
}

#[test]
fn a_misspelt_variable_is_told_with_its_place_and_with_what_is_known() {
    for (text, told) in [
        (
            "avg:é{cluster:%%tag_cluster_name%%}",
            "`%%tag_cluster_name%%` at character 15 is no variable that is known here: write `%%tag_kube_cluster_name%%`, or `%%env_NAME%%` for an environment variable",
        ),
        (
            "avg:a{b:%% env_A %%}",
            "`%% env_A %%` at character 9 is no variable that is known here: write `%%tag_kube_cluster_name%%`, or `%%env_NAME%%` for an environment variable",
        ),
        (
            "avg:a{b:%%env_A%%,c:%%env_B%}",
            "the variable that begins at character 21 is never closed: it ends with `%%`",
        ),
        (
            "avg:a{b:%%env_A%%},avg:a{*}",
            "the comma at character 19 separates two queries: write one",
        ),
    ] {
        let invalid = QueryTemplate::written(text).unwrap_err();
        assert_eq!(invalid.to_string(), told, "{text}");
    }
}

#[test]
fn a_variable_without_a_value_is_told_with_its_place() {
    let template = QueryTemplate::written("avg:é{b:%%env_A%%,c:%%env_B%%}").unwrap();
    let unset = |variable: &Variable| match variable {
        Variable::Environment(name) if name == "A" => Ok("x"),
        _ => Err(NotSet),
    };
    assert_eq!(
        template.resolve(unset),
        Err(Unresolved::NoValue {
            variable: Variable::Environment("B".to_owned()),
            place: 21,
            why: NotSet
        })
    );
}

#[test]
fn a_value_that_would_make_another_query_is_refused() {
    let refused = |text, value| match with_a(text, value) {
        Err(Unresolved::Value { why, .. }) => Some(why),
        _ => None,
    };
    use InvalidValue::*;
    for (text, value, why) in [
        ("avg:a{b:%%env_A%%}", "", Empty),
        (
            "avg:a{b:%%env_A%%}",
            "x}, avg:secret{*}, avg:a{*",
            InScope('}'),
        ),
        ("avg:a{b:%%env_A%%}", "x,c:d", InScope(',')),
        ("avg:a{b:%%env_A%%}", "x OR c:d", InScope(' ')),
        ("avg:a{b:%%env_A%%}", "*", InScope('*')),
        ("avg:a{%%env_A%%}", "!b:c", InScope('!')),
        ("avg:a{%%env_A%%}", "$env", InScope('$')),
        ("avg:a{b IN (c,%%env_A%%)}", "d)", InScope(')')),
        ("avg:a{b:%%env_A%%}", "'", InScope('\'')),
        ("avg:a{b:%%env_A%%}", "%%env_B%%", InScope('%')),
        ("avg:%%env_A%%{*}", "a{*}/avg:b", OutsideOfScope),
        ("avg:a{*} * %%env_A%%", "5-3", OutsideOfScope),
        ("avg:a{*} * %%env_A%%-3", "5e", OutsideOfScope),
        ("f(avg:a{*}, '%%env_A%%')", "a','b", OutsideOfScope),
        ("avg:%%env_A%%{*}", ".b", OutsideOfScope),
        ("avg:a{%%env_A%%}", "or", OfLanguage("or".to_owned())),
        (
            "avg:a{NOT %%env_A%%\"b\"}",
            "not",
            OfLanguage("not".to_owned()),
        ),
        ("avg:a{N%%env_A%%\"b\"}", "OT", OfLanguage("NOT".to_owned())),
        ("avg:a{*} %%env_A%% {b}", "by", OfLanguage("by".to_owned())),
    ] {
        assert_eq!(refused(text, value), Some(why), "{text} {value}");
    }
}

#[test]
fn a_refused_value_is_not_shown() {
    let why = with_a("avg:é{b:%%env_A%%}", "hunter2,").unwrap_err();
    assert_eq!(
        why.to_string(),
        "the value of `%%env_A%%` cannot stand at character 9"
    );
    assert!(!format!("{why:?}").contains("hunter2"));
}

/// The shapes of a query in which a variable can stand.
fn template() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "avg:a{b:%%env_A%%}",
        "avg:a{%%env_A%%,!c:d} by {host}",
        "avg:a{!%%env_A%%:b}",
        "avg:a{b:x-%%env_A%%-y AND NOT c:d}",
        "avg:a{NOT %%env_A%%\"b\" OR NO%%env_A%%'c'}",
        "avg:a{%%env_A%%} by {%%env_A%%}",
        "avg:a{b IN (c,%%env_A%%)}",
        "avg:a{%%env_A%% NOT IN (b)}",
        "avg:%%env_A%%.hits{*} / avg:b{*}",
        "avg:shop.%%env_A%%{*}",
        "%%env_A%%{*}",
        "%%env_A%%:a{*}",
        "%%env_A%%(avg:a{*})",
        "avg:a{*} * %%env_A%% - 3",
        "top(avg:a{*}, %%env_A%%, 'mean', \"%%env_A%%\")",
        "anomalies(avg:a{*}, 'basic', bounds=%%env_A%%)",
        "avg:a{*}.rollup(%%env_A%%, 60)",
        "avg:a{*}.rollup(avg, %%env_A%%)",
        "avg:a{*}.%%env_A%%()",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn with_harmless_values_a_query_parses(text in template(), name in "[a-z]{4,9}", number in "[1-9][0-9]{0,3}") {
        let expects_number = text.contains("* %") || text.contains(", %") || text.contains("=%");
        let resolved = with_a(text, if expects_number { &number } else { &name }).unwrap();
        prop_assert_eq!(parse(&resolved).err(), None, "{}", resolved);
    }

    #[test]
    fn whatever_the_value_a_query_keeps_its_shape(
        text in template(),
        value in prop_oneof![
            any::<String>(),
            "[a-z0-9_:/.-]{1,6}",
            "[avgm:{}(),.*!'\" +/<=INORT0-9-]{0,12}",
            prop::sample::select(vec!["and", "OR", "not", "IN", "by", "count", "p99", "1e5"]).prop_map(str::to_owned),
        ],
    ) {
        if let Ok(resolved) = with_a(text, &value) {
            prop_assert_eq!(Query::written(&resolved).map(|query| query.text().to_owned()), Ok(resolved.clone()));
            if let Ok(parsed) = parse(&resolved) {
                // The trees differ in what was put in alone.
                let template = format!("{:?}", parse(text).unwrap().expression);
                let quoted = format!("{value:?}");
                let put_in = template.replace("%%env_A%%", &quoted[1..quoted.len() - 1]);
                prop_assert_eq!(format!("{:?}", parsed.expression), put_in);
            }
        }
    }
}
