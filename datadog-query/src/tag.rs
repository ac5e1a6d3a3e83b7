//! One condition on the tags of a series.

use std::{collections::BTreeSet, fmt};

/// A condition on one tag key. Several of them make a [`Scope`](crate::Scope).
///
/// Datadog stores tags in lower case, so an upper-case key or value is legal
/// and finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFilter {
    /// The tag has this value.
    Is {
        /// The tag key.
        key: String,
        /// The one value.
        value: String,
    },
    /// The tag does not have this value.
    IsNot {
        /// The tag key.
        key: String,
        /// The one value.
        value: String,
    },
    /// The tag has one of these values.
    AnyOf {
        /// The tag key.
        key: String,
        /// The values, in any order.
        values: Vec<String>,
    },
    /// The tag has none of these values.
    NoneOf {
        /// The tag key.
        key: String,
        /// The values, in any order.
        values: Vec<String>,
    },
    /// The tag is there, whatever its value.
    Present {
        /// The tag key.
        key: String,
    },
    /// The tag is not there.
    Absent {
        /// The tag key.
        key: String,
    },
}

/// Why a condition cannot be written into a query.
///
/// A value comes from whoever may write an object in a cluster. What would
/// change the meaning of the query around it is refused, not escaped:
/// Datadog's query language has no escapes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTag {
    /// A tag key is empty.
    #[error("a tag key is empty")]
    EmptyKey,
    /// A tag value is empty; Datadog stores no such tag.
    #[error("the value of tag `{key}` is empty")]
    EmptyValue {
        /// The key of the value.
        key: String,
    },
    /// A list of values holds none.
    #[error("tag `{key}` is compared with an empty list of values")]
    NoValues {
        /// The key of the list.
        key: String,
    },
    /// A key holds a character that ends or changes a condition.
    #[error("tag key {key:?} holds {character:?}, which a query cannot hold there")]
    KeyCharacter {
        /// The key.
        key: String,
        /// The first such character.
        character: char,
    },
    /// A value holds a character that ends or changes a condition.
    #[error("value {value:?} of tag `{key}` holds {character:?}, which a query cannot hold there")]
    ValueCharacter {
        /// The key of the value.
        key: String,
        /// The value.
        value: String,
        /// The first such character.
        character: char,
    },
    /// A key is one of the query language's own words.
    #[error("tag key `{0}` is a word of the query language")]
    Word(String),
}

/// One condition, checked, in the words that both written forms are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    key: String,
    values: BTreeSet<String>,
    negated: bool,
}

impl Term {
    /// Checks a condition. A list of one value is that value.
    pub(crate) fn of(filter: TagFilter) -> Result<Self, InvalidTag> {
        let (key, values, negated) = match filter {
            TagFilter::Is { key, value } => (key, vec![value], false),
            TagFilter::IsNot { key, value } => (key, vec![value], true),
            TagFilter::AnyOf { key, values } => (key, values, false),
            TagFilter::NoneOf { key, values } => (key, values, true),
            TagFilter::Present { key } => return Self::wildcard(key, false),
            TagFilter::Absent { key } => return Self::wildcard(key, true),
        };
        check_key(&key)?;
        if values.is_empty() {
            return Err(InvalidTag::NoValues { key });
        }
        for value in &values {
            check_value(&key, value)?;
        }
        Ok(Self {
            key,
            values: values.into_iter().collect(),
            negated,
        })
    }

    fn wildcard(key: String, negated: bool) -> Result<Self, InvalidTag> {
        check_key(&key)?;
        Ok(Self {
            key,
            values: BTreeSet::from(["*".to_owned()]),
            negated,
        })
    }

    /// Terms are sorted by what is printed, bytewise and without the sign, as
    /// other agents sort them.
    pub(crate) fn rank(&self) -> (String, bool) {
        (self.to_string(), self.negated)
    }

    /// Whether only the form in words can say it.
    pub(crate) fn needs_words(&self) -> bool {
        self.values.len() > 1
    }

    /// `a:b` or `!a:b`. Says a list only as [`in_words`](Self::in_words) does.
    pub(crate) fn in_symbols(&self) -> String {
        format!("{}{self}", if self.negated { "!" } else { "" })
    }

    /// `a:b`, `NOT a:b`, `a IN (b,c)` or `a NOT IN (b,c)`.
    pub(crate) fn in_words(&self) -> String {
        match (self.needs_words(), self.negated) {
            (false, false) => self.to_string(),
            (false, true) => format!("NOT {self}"),
            (true, false) => format!("{} IN ({})", self.key, self.list()),
            (true, true) => format!("{} NOT IN ({})", self.key, self.list()),
        }
    }

    fn list(&self) -> String {
        self.values
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// `key:value`, without a sign.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.list())
    }
}

fn check_key(key: &str) -> Result<(), InvalidTag> {
    if key.is_empty() {
        return Err(InvalidTag::EmptyKey);
    }
    // A colon would move the border between key and value.
    let stranger = stranger_in(key).or_else(|| key.chars().find(|c| *c == ':'));
    if let Some(character) = stranger {
        return Err(InvalidTag::KeyCharacter {
            key: key.to_owned(),
            character,
        });
    }
    if ["and", "or", "not", "in"]
        .iter()
        .any(|word| key.eq_ignore_ascii_case(word))
    {
        return Err(InvalidTag::Word(key.to_owned()));
    }
    Ok(())
}

fn check_value(key: &str, value: &str) -> Result<(), InvalidTag> {
    if value.is_empty() {
        return Err(InvalidTag::EmptyValue {
            key: key.to_owned(),
        });
    }
    match stranger_in(value) {
        Some(character) => Err(InvalidTag::ValueCharacter {
            key: key.to_owned(),
            value: value.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

/// The first character that a literal key or value cannot hold: what ends a
/// word in a scope, what stands for any text (`*`), and what makes the word
/// something else when it comes first (`$` a template variable, `~` a regular
/// expression, `<`, `>` and `=` a comparison).
fn stranger_in(text: &str) -> Option<char> {
    let ends = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, ',' | '{' | '}' | '(' | ')' | '!' | '\'' | '"')
    };
    let leads = |c: &char| matches!(c, '$' | '~' | '<' | '>' | '=');
    text.chars()
        .next()
        .filter(leads)
        .or_else(|| text.chars().find(|c| *c == '*' || ends(*c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(key: &str, value: &str) -> Result<Term, InvalidTag> {
        Term::of(TagFilter::Is {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }

    #[test]
    fn what_would_change_the_query_around_it_is_refused_by_name() {
        for bad in [
            ' ', '\n', '\u{a0}', '\0', ',', '{', '}', '(', ')', '!', '\'', '"', '*',
        ] {
            let text = format!("ab{bad}c");
            assert_eq!(
                is("key", &text),
                Err(InvalidTag::ValueCharacter {
                    key: "key".into(),
                    value: text.clone(),
                    character: bad
                })
            );
            assert_eq!(
                is(&text, "value"),
                Err(InvalidTag::KeyCharacter {
                    key: text,
                    character: bad
                })
            );
        }
    }

    #[test]
    fn what_changes_a_word_only_at_its_start_is_refused_there_alone() {
        for bad in ['$', '~', '<', '>', '='] {
            assert!(is("key", &format!("{bad}a")).is_err(), "{bad}");
            assert!(is("key", &format!("a{bad}")).is_ok(), "{bad}");
        }
    }

    #[test]
    fn a_colon_is_part_of_a_value_and_never_of_a_key() {
        assert_eq!(
            is("db", "arn:aws:rds").unwrap().in_symbols(),
            "db:arn:aws:rds"
        );
        assert_eq!(
            is("db:arn", "aws"),
            Err(InvalidTag::KeyCharacter {
                key: "db:arn".into(),
                character: ':'
            })
        );
    }

    #[test]
    fn nothing_is_no_key_no_value_and_no_list() {
        assert_eq!(is("", "a"), Err(InvalidTag::EmptyKey));
        assert_eq!(is("a", ""), Err(InvalidTag::EmptyValue { key: "a".into() }));
        assert_eq!(
            Term::of(TagFilter::AnyOf {
                key: "a".into(),
                values: vec![]
            }),
            Err(InvalidTag::NoValues { key: "a".into() })
        );
    }

    #[test]
    fn the_words_of_the_language_are_no_keys() {
        for word in ["AND", "or", "Not", "in"] {
            assert_eq!(is(word, "x"), Err(InvalidTag::Word(word.into())));
        }
    }
}
