//! The filter in braces, in its two forms: with commas, or with words.

use std::{collections::BTreeMap, fmt, iter};

use super::cursor::{Cursor, Refused};

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

#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) enum Term {
    Is(Tag),
    In { key: String, values: Vec<String> },
    Not(Box<Term>),
    All(Vec<Term>),
    Any(Vec<Term>),
}

/// A tag as it is written, wildcards included.
#[derive(Clone, Debug, PartialEq, PartialOrd, Eq, Ord)]
pub(in crate::simulator) struct Tag(String);

type Tags = BTreeMap<String, String>;

impl Scope {
    /// Reads what stands between braces, the braces included.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        cursor.expect("{", RULE)?;
        let body = cursor.rest().split('}').next().unwrap_or_default();
        let scope = if is_in_words(body) {
            Self::Words(any(cursor, DEEPEST)?)
        } else {
            Self::Symbolic(items(cursor)?)
        };
        if matches!(scope, Self::Words(_)) && matches!(cursor.peek(|c| ",!".contains(c)), "," | "!")
        {
            return Err(Refused::MixedForms);
        }
        cursor.expect("}", RULE)?;
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

impl Term {
    fn matches(&self, tags: &Tags) -> bool {
        match self {
            Self::Is(tag) => tag.matches(tags),
            Self::In { key, values } => tags.get(key).is_some_and(|value| values.contains(value)),
            Self::Not(term) => !term.matches(tags),
            Self::All(terms) => terms.iter().all(|term| term.matches(tags)),
            Self::Any(terms) => terms.iter().any(|term| term.matches(tags)),
        }
    }
}

impl Tag {
    fn matches(&self, tags: &Tags) -> bool {
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

const RULE: &str = "scope_expr";

/// Deeper nesting than anybody writes; the parser calls itself for each level.
const DEEPEST: usize = 32;

fn is_in_words(body: &str) -> bool {
    body.contains('(')
        || body
            .split(|c| !is_word(c))
            .any(|word| OPERATORS.contains(&word))
}

const OPERATORS: [&str; 8] = ["AND", "and", "OR", "or", "NOT", "not", "IN", "in"];

pub(super) fn is_word(c: char) -> bool {
    !c.is_whitespace() && !",{}()!'\"".contains(c)
}

fn items(cursor: &mut Cursor<'_>) -> Result<Vec<Item>, Refused> {
    let mut items = Vec::new();
    loop {
        let negated = cursor.eat("!");
        items.push(Item {
            tag: tag(cursor)?,
            negated,
        });
        if !cursor.eat(",") {
            items.sort();
            return Ok(items);
        }
    }
}

fn tag(cursor: &mut Cursor<'_>) -> Result<Tag, Refused> {
    match cursor.take(is_word) {
        "" => Err(cursor.refuse(RULE)),
        word => Ok(Tag(word.to_owned())),
    }
}

fn any(cursor: &mut Cursor<'_>, depth: usize) -> Result<Term, Refused> {
    let mut terms = vec![all(cursor, depth)?];
    while eat_operator(cursor, "OR") {
        terms.push(all(cursor, depth)?);
    }
    Ok(if terms.len() == 1 {
        terms.remove(0)
    } else {
        Term::Any(terms)
    })
}

fn all(cursor: &mut Cursor<'_>, depth: usize) -> Result<Term, Refused> {
    let mut terms = vec![one(cursor, depth)?];
    while eat_operator(cursor, "AND") {
        terms.push(one(cursor, depth)?);
    }
    Ok(if terms.len() == 1 {
        terms.remove(0)
    } else {
        Term::All(terms)
    })
}

fn one(cursor: &mut Cursor<'_>, depth: usize) -> Result<Term, Refused> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(cursor.refuse(RULE));
    };
    if eat_operator(cursor, "NOT") {
        return Ok(Term::Not(Box::new(one(cursor, depth)?)));
    }
    if cursor.eat("(") {
        let term = any(cursor, depth)?;
        cursor.expect(")", RULE)?;
        return Ok(term);
    }
    if cursor.eat("!") {
        return Err(Refused::MixedForms);
    }
    let tag = tag(cursor)?;
    let negated = eat_operator(cursor, "NOT");
    if !eat_operator(cursor, "IN") {
        return if negated {
            Err(cursor.refuse(RULE))
        } else {
            Ok(Term::Is(tag))
        };
    }
    let listed = Term::In {
        key: tag.0,
        values: values(cursor)?,
    };
    Ok(if negated {
        Term::Not(Box::new(listed))
    } else {
        listed
    })
}

fn values(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Refused> {
    cursor.expect("(", RULE)?;
    let mut values = vec![tag(cursor)?.0];
    while cursor.eat(",") {
        values.push(tag(cursor)?.0);
    }
    cursor.expect(")", RULE)?;
    Ok(values)
}

/// Operators are words in one case: `AND`, `and`, but not `And`.
fn eat_operator(cursor: &mut Cursor<'_>, operator: &str) -> bool {
    let next = cursor.peek(is_word);
    (next == operator || next == operator.to_lowercase()) && cursor.eat(next)
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negated { "!" } else { "" }, self.tag.0)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |terms: &[Self], operator: &str| {
            let inner = terms.iter().map(|term| match term {
                Self::All(_) | Self::Any(_) => format!("({term})"),
                term => term.to_string(),
            });
            inner.collect::<Vec<_>>().join(operator)
        };
        match self {
            Self::Is(tag) => f.write_str(&tag.0),
            Self::In { key, values } => write!(f, "{key} IN ({})", values.join(",")),
            Self::Not(term) => match &**term {
                Self::In { key, values } => write!(f, "{key} NOT IN ({})", values.join(",")),
                Self::All(_) | Self::Any(_) => write!(f, "NOT ({term})"),
                term => write!(f, "NOT {term}"),
            },
            Self::All(terms) => f.write_str(&joined(terms, " AND ")),
            Self::Any(terms) => f.write_str(&joined(terms, " OR ")),
        }
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
