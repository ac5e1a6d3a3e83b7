//! A place in a query's text, and the complaint of a parser that cannot go on.

use thiserror::Error;

/// Reads a text from left to right.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What the server says of a text that it cannot read.
#[derive(Debug, Error, PartialEq)]
pub(in crate::simulator) enum Refused {
    /// The complaint of a grammar rule, with the next 20 characters and their place.
    #[error(
        "Error parsing query: \nunable to parse {text}: Rule '{rule}' didn't match at '{rest}' \
         (line {line}, column {column})."
    )]
    Unread {
        text: String,
        rule: &'static str,
        rest: String,
        line: usize,
        column: usize,
    },
    #[error("Error parsing query: 'AND' and 'OR' cannot be mixed with ','")]
    MixedForms,
    /// An aggregation that is not configured on the metric, such as a percentile.
    #[error("configuration error :: type: missing_aggregation :: aggregations: AGG_{0}")]
    MissingAggregation(String),
    #[error("Invalid query input:\n")]
    Empty,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Starts to read a text that has to hold something.
    pub(super) fn over(text: &'a str) -> Result<Self, Refused> {
        let cursor = Self::new(text);
        if cursor.done() {
            Err(Refused::Empty)
        } else {
            Ok(cursor)
        }
    }

    /// Makes sure that nothing is left.
    pub(super) fn end(&self) -> Result<(), Refused> {
        if self.done() {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes past white space and this token, if it is next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest().trim_start();
        let Some(after) = rest.strip_prefix(token) else {
            return false;
        };
        self.at = self.text.len() - after.len();
        true
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), Refused> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    /// Goes past white space and the characters of this kind; may be none.
    pub(super) fn take(&mut self, kind: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest().trim_start();
        let end = rest.find(|c| !kind(c)).unwrap_or(rest.len());
        self.at = self.text.len() - rest.len() + end;
        &rest[..end]
    }

    /// What [`Cursor::take`] would take.
    pub(super) fn peek(&self, kind: impl Fn(char) -> bool) -> &'a str {
        Cursor {
            text: self.text,
            at: self.at,
        }
        .take(kind)
    }

    fn done(&self) -> bool {
        self.rest().trim_start().is_empty()
    }

    /// The text between an earlier rest and this place.
    pub(super) fn since(&self, earlier: &'a str) -> &'a str {
        earlier[..earlier.len() - self.rest().len()].trim()
    }

    /// The server's usual complaint: most of what it cannot read, it misses a scope in.
    pub(super) fn refuse(&self) -> Refused {
        self.refuse_by("scope_expr")
    }

    /// The complaint that this rule does not match here.
    pub(super) fn refuse_by(&self, rule: &'static str) -> Refused {
        let read = &self.text[..self.at];
        let line_start = read.rfind('\n').map_or(0, |newline| newline + 1);
        Refused::Unread {
            text: self.text.to_owned(),
            rule,
            rest: self.rest().chars().take(20).collect(),
            line: read.matches('\n').count() + 1,
            column: read[line_start..].chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_complaint_tells_the_next_twenty_characters_and_counts_from_one() {
        let mut cursor = Cursor::new("a\n  é: 0123456789012345678901234");
        cursor.eat("a");
        cursor.eat("é");
        let complaint = cursor.refuse().to_string();
        let end = "Rule 'scope_expr' didn't match at ': 012345678901234567' (line 2, column 4).";
        assert!(complaint.ends_with(end), "{complaint}");
    }
}
