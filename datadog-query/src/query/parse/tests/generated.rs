//! Every tree that a query can be, as far as it is not nested too deep.

use proptest::prelude::*;

use super::super::*;
use crate::query::tree::{Filter, Modifier, SeriesQuery, Symbol, Words};

fn one_of(texts: &[&str]) -> impl Strategy<Value = String> + use<> {
    let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
    prop::sample::select(texts)
}

fn word() -> impl Strategy<Value = String> {
    let plain = "[a-zA-Z0-9äß][a-zA-Z0-9ß_./*@<>=~-]{0,5}"
        .prop_filter("a word of the language", |word| {
            !["and", "or", "not", "in", "by"].contains(&&*word.to_lowercase())
        });
    prop_oneof![
        9 => plain,
        1 => one_of(&["*", "$env", "%%env_A%%", "x-%%tag_kube_cluster_name%%"]),
    ]
}

fn tag() -> impl Strategy<Value = String> {
    (
        word(),
        prop::option::of(prop_oneof![
            9 => word(),
            1 => one_of(&["arn:aws:rds", "\"in quotes, too\"", "~'x.*'-y"]),
        ]),
    )
        .prop_map(|(key, value)| match value {
            Some(value) => format!("{key}:{value}"),
            None => key,
        })
}

fn quoted() -> impl Strategy<Value = Quoted> {
    ("[a-z ,ä%-]{0,5}", prop::sample::select(vec!['\'', '"']))
        .prop_map(|(text, quote)| Quoted { text, quote })
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,4}",
        "[0-9]{1,3}\\.[0-9]{0,3}",
        "\\.[0-9]{1,3}",
        "[0-9][eE][+-]?[0-9]",
        Just("%%env_A%%".to_owned()),
    ]
}

fn within_parentheses(words: Words) -> Words {
    Words::Parentheses(Box::new(words))
}

fn filter() -> impl Strategy<Value = Filter> {
    let symbol = (any::<bool>(), tag()).prop_map(|(not, tag)| Symbol { not, tag });
    let list = (tag(), any::<bool>(), prop::collection::vec(tag(), 1..3))
        .prop_map(|(key, not, values)| Words::In { key, not, values });
    let leaf = prop_oneof![tag().prop_map(Words::Tag), list];
    let words = leaf.prop_recursive(3, 12, 3, |inner| {
        // What binds less stands in parentheses, and what binds more may.
        let negated = inner.clone().prop_map(|words| match words {
            Words::Or(_) | Words::And(_) => within_parentheses(words),
            plain => plain,
        });
        let joined_by_or = inner.clone().prop_map(|words| match words {
            Words::Or(_) => within_parentheses(words),
            plain => plain,
        });
        prop_oneof![
            prop::collection::vec(joined_by_or, 2..4).prop_map(Words::Or),
            prop::collection::vec(negated.clone(), 2..4).prop_map(Words::And),
            negated.prop_map(|one| Words::Not(Box::new(one))),
            inner.prop_map(within_parentheses),
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
    let modifier = |name: &str, arguments: &[&str]| Modifier {
        name: name.to_owned(),
        arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
    };
    let some = vec![
        modifier("rollup", &["max", "60"]),
        modifier("rollup", &["%%env_A%%"]),
        modifier("as_count", &[]),
        modifier("fill", &["linear"]),
        modifier("of_tomorrow", &["a b", "-1", ""]),
        modifier("%%env_A%%", &[]),
    ];
    prop::collection::vec(prop::sample::select(some), 0..3)
}

fn series() -> impl Strategy<Value = Expression> {
    let parts = (
        prop::option::of(one_of(&[
            "avg",
            "p99.9",
            "count(v: v<=1)",
            "count",
            "%%env_A%%",
        ])),
        prop_oneof![
            9 => "[a-zA-Z][a-z0-9A-Z_.]{0,5}",
            1 => one_of(&["%%env_A%%", "%%env_A%%.hits", "a.%%env_A%%"]),
        ],
        filter(),
        prop::collection::vec(word(), 0..3),
        modifiers(),
    );
    parts.prop_map(|(aggregator, metric, filter, by, modifiers)| {
        Expression::Series(SeriesQuery {
            aggregator,
            metric,
            filter,
            by,
            modifiers,
        })
    })
}

fn argument(inner: impl Strategy<Value = Expression>) -> impl Strategy<Value = Argument> {
    let negative = (any::<bool>(), number()).prop_map(|(negative, number)| match negative {
        true => format!("-{number}"),
        false => number,
    });
    prop_oneof![
        inner.prop_map(Argument::Expression),
        quoted().prop_map(Argument::Text),
        ("[a-z_]{1,5}", quoted())
            .prop_map(|(name, text)| Argument::Named(name, NamedValue::Text(text))),
        ("[a-z_]{1,5}", negative)
            .prop_map(|(name, number)| Argument::Named(name, NamedValue::Number(number))),
    ]
}

fn chain(
    signs: [Operator; 2],
    operand: impl Strategy<Value = Expression> + Clone,
) -> impl Strategy<Value = Expression> {
    let rest = (prop::sample::select(signs.to_vec()), operand.clone());
    let parts = (operand, prop::collection::vec(rest, 1..3));
    parts.prop_map(|(first, rest)| Expression::Chain {
        first: Box::new(first),
        rest,
    })
}

fn is_product(expression: &Expression) -> bool {
    matches!(expression, Expression::Chain { rest, .. }
        if matches!(rest[0].0, Operator::Times | Operator::Over))
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![series(), number().prop_map(Expression::Number)];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let parentheses = |inner| Expression::Parentheses {
            inner: Box::new(inner),
            modifiers: Vec::new(),
        };
        // What binds less stands in parentheses.
        let factor = inner.clone().prop_map(move |inner| match inner {
            Expression::Chain { .. } => parentheses(inner),
            plain => plain,
        });
        let term = inner.clone().prop_map(move |inner| match inner {
            Expression::Chain { .. } if !is_product(&inner) => parentheses(inner),
            plain => plain,
        });
        let arguments = prop::collection::vec(argument(inner.clone()), 0..3);
        prop_oneof![
            factor
                .clone()
                .prop_map(|one| Expression::Negative(Box::new(one))),
            chain([Operator::Plus, Operator::Minus], term.boxed()),
            chain([Operator::Times, Operator::Over], factor.boxed()),
            (inner, modifiers()).prop_map(|(inner, modifiers)| Expression::Parentheses {
                inner: Box::new(inner),
                modifiers,
            }),
            ("[a-z][a-z_0-9]{1,6}", arguments, modifiers()).prop_map(
                |(function, arguments, modifiers)| Expression::Call {
                    function,
                    arguments,
                    modifiers,
                }
            ),
        ]
    })
}

/// The same text with blanks where they mean nothing, which is outside of quotes.
fn spaced(text: &str) -> String {
    let mut quote = None;
    let characters = text.chars().map(|c| match (quote, c) {
        (Some(open), c) => {
            quote = (c != open).then_some(open);
            c.to_string()
        }
        (None, '\'' | '"') => {
            quote = Some(c);
            c.to_string()
        }
        (None, ',' | '{') => format!("{c}\n "),
        (None, '}') => "\t}".to_owned(),
        (None, c) => c.to_string(),
    });
    characters.collect()
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same_tree(expression in expression()) {
        let text = expression.to_string();
        let parsed = parse(&text).map_err(|mistake| TestCaseError::fail(format!("{text}: {mistake}")))?;
        prop_assert_eq!(parsed.expression, expression, "{}", text);
    }

    #[test]
    fn blanks_between_words_mean_nothing(expression in expression()) {
        let text = expression.to_string();
        let parsed = parse(&spaced(&text)).map(|parsed| parsed.expression);
        prop_assert_eq!(parsed, Ok(expression), "{}", text);
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in prop_oneof![
        any::<String>(),
        "[avgm:{}(),.*!'\" +/<=INORT0-9%-]{0,40}",
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
