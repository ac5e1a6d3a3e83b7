//! The filter in braces, in its two forms: with commas, or with words.

use std::{collections::BTreeMap, fmt, iter};

use super::{
    cursor::{Cursor, Refused},
    words::Term,
};

/// Which series are asked for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) enum Scope {
    /// `*`, or `a:b,!c:d*`: all of these.
    Symbolic(Vec<Item>),
    /// `a:b AND (c:d OR NOT e IN (f,g))`.
    Words(Term),
}

#[derive(Clone, Debug, PartialEq, PartialOrd, Eq, Ord)]
pub(in crate::simulator) struct Item {
    tag: Tag,
    negated: bool,
}

/// A tag as it is written, wildcards included.
#[derive(Clone, Debug, PartialEq, PartialOrd, Eq, Ord)]
pub(in crate::simulator) struct Tag(pub(super) String);

pub(super) type Tags = BTreeMap<String, String>;

impl Scope {
    /// Reads what stands between braces, the braces included.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        cursor.expect("{")?;
        let body = cursor.rest().split('}').next().unwrap_or_default();
        let scope = if is_in_words(body) {
            Self::Words(Term::read(cursor)?)
        } else {
            Self::Symbolic(items(cursor)?)
        };
        if matches!(scope, Self::Words(_)) && matches!(cursor.peek(|c| ",!".contains(c)), "," | "!")
        {
            return Err(Refused::MixedForms);
        }
        cursor.expect("}")?;
        Ok(scope)
    }

    pub(in crate::simulator) fn matches(&self, tags: &Tags) -> bool {
        match self {
            Self::Symbolic(items) => items
                .iter()
                .all(|item| item.tag.matches(tags) != item.negated),
            Self::Words(term) => term.matches(tags),
        }
    }

    /// The scope as answers spell it, with the tags of a group added: sorted, no blanks.
    pub(in crate::simulator) fn narrowed(&self, group: &[(&str, &str)]) -> String {
        let group = group.iter().map(|(key, value)| format!("{key}:{value}"));
        match self {
            Self::Symbolic(items) => {
                let items = items
                    .iter()
                    .filter(|item| item.tag.0 != "*" || item.negated);
                let mut all: Vec<_> = items.map(Item::to_string).chain(group).collect();
                all.sort();
                if all.is_empty() {
                    "*".to_owned()
                } else {
                    all.join(",")
                }
            }
            Self::Words(term) if group.len() == 0 => term.to_string(),
            Self::Words(term) => {
                let group = group.map(|tag| Term::Is(Tag(tag)));
                Term::All(iter::once(term.clone()).chain(group).collect()).to_string()
            }
        }
    }
}

impl Tag {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        match cursor.take(is_word) {
            "" => Err(cursor.refuse()),
            word => Ok(Self(word.to_owned())),
        }
    }

    pub(super) fn matches(&self, tags: &Tags) -> bool {
        match self.0.split_once(':') {
            Some((key, pattern)) => tags.get(key).is_some_and(|value| is_like(value, pattern)),
            None => self.0 == "*" || tags.get(&self.0).is_some_and(String::is_empty),
        }
    }
}

/// Whether a value fits a pattern in which `*` stands for any characters.
fn is_like(value: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return value == pattern;
    };
    let Some(mut rest) = value.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<_> = tail.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

fn is_in_words(body: &str) -> bool {
    const OPERATORS: [&str; 8] = ["AND", "and", "OR", "or", "NOT", "not", "IN", "in"];
    body.contains('(')
        || body
            .split(|c| !is_word(c))
            .any(|word| OPERATORS.contains(&word))
}

pub(super) fn is_word(c: char) -> bool {
    !c.is_whitespace() && !",{}()!'\"".contains(c)
}

fn items(cursor: &mut Cursor<'_>) -> Result<Vec<Item>, Refused> {
    let mut items = Vec::new();
    loop {
        let negated = cursor.eat("!");
        items.push(Item {
            tag: Tag::read(cursor)?,
            negated,
        });
        if !cursor.eat(",") {
            items.sort();
            return Ok(items);
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negated { "!" } else { "" }, self.tag.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Result<Scope, Refused> {
        Scope::read(&mut Cursor::new(text))
    }

    fn matches(text: &str, tags: &[(&str, &str)]) -> bool {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        scope(text).unwrap().matches(&tags.collect())
    }

    #[test]
    fn both_forms_choose_by_tag() {
        let web = [("env", "prod"), ("region", "us-east-1"), ("team", "web")];
        let rows = [
            ("{*}", true),
            ("{env:prod, region:us-*}", true),
            ("{env:prod,!team:web}", false),
            ("{!team:db}", true),
            ("{region:*east*}", true),
            ("{region:*west*}", false),
            ("{team:*}", true),
            ("{host:*}", false),
            // A stored tag is in lower case, so this one matches nothing.
            ("{env:PROD}", false),
            // A template variable of a dashboard: nothing puts a value in.
            ("{$env}", false),
            ("{env:prod AND region IN (us-east-1, us-east-2)}", true),
            ("{env:prod and team not in (web)}", false),
            ("{env:test OR NOT (team:db OR team:ops)}", true),
            ("{host NOT IN (a)}", true),
        ];
        for (text, expected) in rows {
            assert_eq!(matches(text, &web), expected, "{text}");
        }
    }

    #[test]
    fn a_wildcard_may_stand_anywhere() {
        let rows = [
            ("a*c*e", true),
            ("*", true),
            ("abc*cde", false),
            ("*b*d*", true),
            ("a*ce", false),
        ];
        for (pattern, expected) in rows {
            assert_eq!(is_like("abcde", pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn an_answer_spells_the_scope_sorted_and_with_the_group() {
        let rows = [
            ("{*}", "*", "host:a"),
            ("{ z:1 , b:2,!c:3 }", "!c:3,b:2,z:1", "!c:3,b:2,host:a,z:1"),
            ("{b:2 OR a:1}", "b:2 OR a:1", "(b:2 OR a:1) AND host:a"),
            (
                "{not k in (x, y)}",
                "k NOT IN (x,y)",
                "k NOT IN (x,y) AND host:a",
            ),
        ];
        for (text, alone, grouped) in rows {
            let scope = scope(text).unwrap();
            assert_eq!(
                (scope.narrowed(&[]), scope.narrowed(&[("host", "a")])),
                (alone.into(), grouped.into())
            );
        }
    }

    #[test]
    fn the_two_forms_do_not_mix() {
        let mixed = [
            "{a:b AND !c:d}",
            "{a:b,c IN (d,e)}",
            "{a:b,c:d AND NOT e:f}",
            "{!a:b OR c:d}",
        ];
        for text in mixed {
            assert_eq!(scope(text), Err(Refused::MixedForms), "{text}");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let nested = format!("{{{}a:b{}}}", "(".repeat(40), ")".repeat(40));
        for text in [
            "",
            "{}",
            "{a:b",
            "{a:b c:d}",
            "{a:\"b\"}",
            "{a IN ()}",
            "{a:b OR}",
            "{a NOT b}",
            &nested,
        ] {
            assert!(
                matches!(
                    scope(text),
                    Err(Refused::Unread {
                        rule: "scope_expr",
                        ..
                    })
                ),
                "{text}"
            );
        }
    }
}
