//! The scope in words: `a:b AND (c:d OR NOT e IN (f,g))`.

use std::fmt;

use super::{
    cursor::{Cursor, Refused},
    scope::{Tag, Tags, is_word},
};

#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) enum Term {
    Is(Tag),
    In { key: String, values: Vec<String> },
    Not(Box<Term>),
    All(Vec<Term>),
    Any(Vec<Term>),
}

impl Term {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        any(cursor, DEEPEST)
    }

    pub(super) fn matches(&self, tags: &Tags) -> bool {
        match self {
            Self::Is(tag) => tag.matches(tags),
            Self::In { key, values } => tags.get(key).is_some_and(|value| values.contains(value)),
            Self::Not(term) => !term.matches(tags),
            Self::All(terms) => terms.iter().all(|term| term.matches(tags)),
            Self::Any(terms) => terms.iter().any(|term| term.matches(tags)),
        }
    }
}

/// Deeper nesting than anybody writes; the parser calls itself for each level.
const DEEPEST: usize = 32;

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
        return Err(cursor.refuse());
    };
    if eat_operator(cursor, "NOT") {
        return Ok(Term::Not(Box::new(one(cursor, depth)?)));
    }
    if cursor.eat("(") {
        let term = any(cursor, depth)?;
        cursor.expect(")")?;
        return Ok(term);
    }
    if cursor.eat("!") {
        return Err(Refused::MixedForms);
    }
    let tag = Tag::read(cursor)?;
    let negated = eat_operator(cursor, "NOT");
    if !eat_operator(cursor, "IN") {
        return if negated {
            Err(cursor.refuse())
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
    cursor.expect("(")?;
    let mut values = vec![Tag::read(cursor)?.0];
    while cursor.eat(",") {
        values.push(Tag::read(cursor)?.0);
    }
    cursor.expect(")")?;
    Ok(values)
}

/// Operators are words in one case: `AND`, `and`, but not `And`.
fn eat_operator(cursor: &mut Cursor<'_>, operator: &str) -> bool {
    let next = cursor.peek(is_word);
    (next == operator || next == operator.to_lowercase()) && cursor.eat(next)
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
