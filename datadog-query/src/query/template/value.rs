//! What may be put in for a variable.

use crate::query::parse::{is_metric, is_word};

/// Why a value cannot be put in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// Between braces there are tags.
    #[error("in a scope a value holds letters, digits, `_`, `-`, `.`, `:` and `/`, not {0:?}")]
    InScope(char),
    /// Elsewhere there are metrics, functions and numbers.
    #[error(
        "outside of a scope a value is a name of letters, digits, `_` and `.` that begins with a letter, or a number such as 60 or 2.5"
    )]
    OutsideOfScope,
    /// It would join or turn what stands around it.
    #[error("there it makes `{0}`, which is a word of the query language")]
    OfLanguage(String),
}

/// Whether a value can stand between two parts of a query and be one word there, or a part
/// of one.
pub(super) fn check(before: &str, value: &str, after: &str) -> Result<(), InvalidValue> {
    check_alone(before, value)?;
    let begin = before.trim_end_matches(is_word).len();
    let end = after.len() - after.trim_start_matches(is_word).len();
    let word = [&before[begin..], value, &after[..end]].concat();
    let is_word_of_language = ["and", "or", "not", "in", "by"]
        .iter()
        .any(|one| one.eq_ignore_ascii_case(&word));
    match is_word_of_language {
        true => Err(InvalidValue::OfLanguage(word)),
        false => Ok(()),
    }
}

fn check_alone(before: &str, value: &str) -> Result<(), InvalidValue> {
    if value.is_empty() {
        return Err(InvalidValue::Empty);
    }
    // Quoted texts hold no braces.
    let in_scope = before.rfind('{') > before.rfind('}');
    if in_scope {
        let is_of_tag = |c: char| c.is_alphanumeric() || "_-.:/".contains(c);
        let other = value.chars().find(|c| !is_of_tag(*c));
        other.map_or(Ok(()), |other| Err(InvalidValue::InScope(other)))
    } else if is_name(value) || is_number(value) {
        Ok(())
    } else {
        Err(InvalidValue::OutsideOfScope)
    }
}

fn is_name(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphabetic()) && value.chars().all(is_metric)
}

/// Without a sign and an exponent: both look like operators to whoever reads the query.
fn is_number(value: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let (whole, part) = value.split_once('.').unwrap_or((value, "0"));
    is_digits(whole) && is_digits(part)
}
