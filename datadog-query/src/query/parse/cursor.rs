//! A place in a text.

use crate::query::template::leading;

/// A text that is no metric query, and where that shows. Places count characters from 1, as
/// Datadog's own messages do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found} at character {place}, expected {expected}")]
pub struct Mistake {
    /// The character, counted from 1.
    pub place: usize,
    /// What stands there.
    pub found: String,
    /// What would be right.
    pub expected: String,
}

/// How much of the text a mistake shows.
const SHOWN: usize = 20;

#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// The byte that is next.
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    pub(super) fn eat(&mut self, character: char) -> bool {
        let is_next = self.peek() == Some(character);
        if is_next {
            self.next();
        }
        is_next
    }

    /// The characters from here on that are of a kind.
    pub(super) fn eat_while(&mut self, is_of_kind: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_of_kind(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The variable that begins here.
    pub(super) fn variable(&self) -> Option<&'a str> {
        leading(self.rest())
    }

    pub(super) fn eat_variable(&mut self) -> Option<&'a str> {
        let variable = self.variable()?;
        self.at += variable.len();
        Some(variable)
    }

    /// The characters from here on that are of a kind, with variables between them.
    pub(super) fn eat_name(&mut self, is_of_kind: impl Fn(char) -> bool) -> &'a str {
        let begin = *self;
        self.eat_while(&is_of_kind);
        while self.eat_variable().is_some() {
            self.eat_while(&is_of_kind);
        }
        self.since(begin)
    }

    pub(super) fn skip_space(&mut self) {
        self.eat_while(char::is_whitespace);
    }

    /// The text from an earlier place to this one.
    pub(super) fn since(&self, earlier: Cursor<'_>) -> &'a str {
        &self.text[earlier.at..self.at]
    }

    /// The character that is next, counted from 1.
    pub(super) fn place(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    pub(super) fn expected(&self, what: &str) -> Mistake {
        let found = match self.rest() {
            "" => "the end".to_owned(),
            rest => {
                // A mistake is told on one line.
                let on_one_line = |c: char| if c.is_control() { ' ' } else { c };
                let shown: String = rest.chars().take(SHOWN).map(on_one_line).collect();
                let more = if rest.chars().nth(SHOWN).is_some() {
                    "…"
                } else {
                    ""
                };
                format!("`{shown}{more}`")
            }
        };
        Mistake {
            place: self.place(),
            found,
            expected: what.to_owned(),
        }
    }
}
