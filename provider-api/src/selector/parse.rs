//! The text form of a selector, with the oddities of Kubernetes' own grammar:
//! `in` and `notin` are also legal keys and values, a value may be missing
//! (`a=`), and a set may have gaps: `a in (b,,c)` contains the empty value.

use std::{collections::BTreeSet, str::FromStr};

use super::{Condition, InvalidSelector, Requirement, Selector, word::Words};

const REQUIREMENT: &str = "a label key or `!`";
const OPERATOR: &str = "`=`, `==`, `!=`, `in`, `notin`, `>` or `<`";

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let mut words = Words::of(text);
        let mut requirements = Vec::new();
        if words.peek().is_none() {
            return Ok(Self::everything());
        }
        loop {
            requirements.push(requirement(&mut words)?);
            match words.next() {
                None => return Ok(Self::of(requirements)),
                Some(word) if word.text == "," => {}
                Some(word) => return Err(word.instead_of("`,` or the end")),
            }
        }
    }
}

fn requirement(words: &mut Words<'_>) -> Result<Requirement, InvalidSelector> {
    let first = words.expect(REQUIREMENT)?;
    if first.text == "!" {
        let key = words.name("a label key")?;
        return Requirement::new(key, Condition::DoesNotExist);
    }
    if first.is_symbol() {
        return Err(first.instead_of(REQUIREMENT));
    }
    let key = first.text;
    if words.peek().is_none_or(|word| word == ",") {
        return Requirement::new(key, Condition::Exists);
    }
    let operator = words.expect(OPERATOR)?;
    let condition = match operator.text {
        "=" | "==" => Condition::Equals(value(words)?.to_owned()),
        "!=" => Condition::NotEquals(value(words)?.to_owned()),
        "in" => Condition::In(values(words)?),
        "notin" => Condition::NotIn(values(words)?),
        ">" => Condition::GreaterThan(bound(key, value(words)?)?),
        "<" => Condition::LessThan(bound(key, value(words)?)?),
        _ => return Err(operator.instead_of(OPERATOR)),
    };
    Requirement::new(key, condition)
}

/// The one value after `=` and its like, which may be missing.
fn value<'a>(words: &mut Words<'a>) -> Result<&'a str, InvalidSelector> {
    if words.peek().is_none_or(|word| word == ",") {
        return Ok("");
    }
    words.name("a label value")
}

fn bound(key: &str, value: &str) -> Result<i64, InvalidSelector> {
    value.parse().map_err(|_| InvalidSelector::Bound {
        key: key.to_owned(),
        bound: value.to_owned(),
    })
}

/// `(a,b)`; where no value stands before a comma or the end, it is the empty one.
fn values(words: &mut Words<'_>) -> Result<BTreeSet<String>, InvalidSelector> {
    let open = words.expect("`(`")?;
    if open.text != "(" {
        return Err(open.instead_of("`(`"));
    }
    let mut values = BTreeSet::new();
    loop {
        match words.peek() {
            Some("," | ")") => values.insert(String::new()),
            _ => values.insert(words.name("a label value, `,` or `)`")?.to_owned()),
        };
        let next = words.expect("`,` or `)`")?;
        match next.text {
            "," => {}
            ")" => return Ok(values),
            _ => return Err(next.instead_of("`,` or `)`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> Result<String, String> {
        text.parse::<Selector>()
            .map(|selector| selector.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_that_kubernetes_reads_is_read() {
        for (text, canonical) in [
            ("", ""),
            (" \t\r\n", ""),
            ("a=b", "a=b"),
            ("a==b", "a=b"), // the same condition, spelt otherwise
            (" a = b , c != d ", "a=b,c!=d"),
            ("x in (b,a,b)", "x in (a,b)"),
            ("x notin(a)", "x notin (a)"), // white space is needed between names alone
            ("!z,y", "y,!z"),
            ("n>1,n<5", "n>1,n<5"),
            ("n > 007", "n>7"),
            ("a=", "a="), // the empty value
            ("a=,b=", "a=,b="),
            ("a in ()", "a in ()"), // a set of the empty value
            ("a in (,)", "a in ()"),
            ("a notin ()", "a notin ()"),
            ("a in (,b)", "a in (,b)"),
            ("a in (b,,c)", "a in (,b,c)"),
            ("in in (in,notin)", "in in (in,notin)"), // key, operator, values
            ("notin", "notin"),
            ("a=in", "a=in"),
            ("example.com/app=x", "example.com/app=x"),
        ] {
            assert_eq!(printed(text), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place_and_what_could_stand_there() {
        for (text, message) in [
            (
                "a b",
                "found `b` at character 3, expected `=`, `==`, `!=`, `in`, `notin`, `>` or `<`",
            ),
            (
                "==",
                "found `==` at character 1, expected a label key or `!`",
            ),
            (
                "a=b,",
                "found the end at character 5, expected a label key or `!`",
            ),
            (
                "a=b,,c",
                "found `,` at character 5, expected a label key or `!`",
            ),
            (
                "a==b==c",
                "found `==` at character 5, expected `,` or the end",
            ),
            ("!a=b", "found `=` at character 3, expected `,` or the end"),
            ("!", "found the end at character 2, expected a label key"),
            ("!!a", "found `!` at character 2, expected a label key"),
            ("a===b", "found `=` at character 4, expected a label value"),
            ("a in b", "found `b` at character 6, expected `(`"),
            ("a in", "found the end at character 5, expected `(`"),
            (
                "a in (b c)",
                "found `c` at character 9, expected `,` or `)`",
            ),
            (
                "a in (b",
                "found the end at character 8, expected `,` or `)`",
            ),
            (
                "a in (",
                "found the end at character 7, expected a label value, `,` or `)`",
            ),
            (
                "a in (b)c",
                "found `c` at character 9, expected `,` or the end",
            ),
            (
                "a=b||c=d",
                "`b||c` is no value for the label `a`: a name is up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
            ),
            (
                "a in (b,-c)",
                "`-c` is no value for the label `a`: a name is up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
            ),
            (
                "App.Example/a",
                "`App.Example/a` is no label key: the part before `/` is a DNS name of up to 253 small letters, digits, `-` and `.`",
            ),
            ("a>=1", "found `=` at character 3, expected a label value"),
            (
                "a>b",
                "the label `a` is compared to `b`, which is no whole number of 64 bits",
            ),
            (
                "a<9223372036854775808",
                "the label `a` is compared to `9223372036854775808`, which is no whole number of 64 bits",
            ),
            (
                "a>",
                "the label `a` is compared to ``, which is no whole number of 64 bits",
            ),
        ] {
            assert_eq!(printed(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn places_are_counted_in_characters() {
        assert_eq!(
            printed("ä b"),
            Err(
                "found `b` at character 3, expected `=`, `==`, `!=`, `in`, `notin`, `>` or `<`"
                    .to_owned()
            )
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a/ =!(),<>\\tin0ä.-]{0,24}") {
            let _ = text.parse::<Selector>();
        }

        #[test]
        fn what_parses_prints_to_what_parses_to_the_same(text in "[ab =!(),<>1in]{0,16}") {
            if let Ok(selector) = text.parse::<Selector>() {
                prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            }
        }
    }
}
