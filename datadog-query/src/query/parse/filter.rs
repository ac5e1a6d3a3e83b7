//! What stands between the braces.

use super::{Mistake, Parser};
use crate::query::tree::{Filter, Symbol, Words};

const MIXED: &str = "`}`: commas and `!` are one way to write a scope, `AND`, `OR`, `NOT` and `IN` the other, and Datadog refuses them mixed";

/// What a tag is made of.
pub(in crate::query) fn is_word(character: char) -> bool {
    !character.is_whitespace() && !",{}()!'\"".contains(character)
}

impl Parser<'_> {
    /// The scope behind its `{`, up to and with its `}`.
    pub(super) fn filter(&mut self) -> Result<Filter, Mistake> {
        self.at.skip_space();
        if self.at.peek() == Some('}') {
            return Err(self.at.expected("a tag, or `*` for every series"));
        }
        let (begin, warned) = (self.at, self.warnings.len());
        let filter = if self.at.peek() == Some('!') {
            Filter::Symbols(self.symbols()?)
        } else {
            match self.or()? {
                // A single tag may be the first of a list.
                Words::Tag(_) => {
                    self.at = begin;
                    self.warnings.truncate(warned);
                    Filter::Symbols(self.symbols()?)
                }
                words => Filter::Words(words),
            }
        };
        self.at.skip_space();
        if self.at.eat('}') {
            Ok(filter)
        } else {
            Err(match (&filter, self.at.peek()) {
                (Filter::Words(_), Some(',' | '!')) => self.at.expected(MIXED),
                (Filter::Symbols(_), Some(_)) if self.word_follows() => self.at.expected(MIXED),
                (Filter::Symbols(_), _) => self.at.expected("`,` or `}`"),
                (Filter::Words(_), _) => self.at.expected("`AND`, `OR` or `}`"),
            })
        }
    }

    fn symbols(&mut self) -> Result<Vec<Symbol>, Mistake> {
        let mut symbols = Vec::new();
        loop {
            self.at.skip_space();
            let not = self.at.eat('!');
            let tag = self.tag()?;
            symbols.push(Symbol { not, tag });
            self.at.skip_space();
            if !self.at.eat(',') {
                return Ok(symbols);
            }
        }
    }

    fn or(&mut self) -> Result<Words, Mistake> {
        self.deeper(|parser| parser.joined("OR", Self::and, Words::Or))
    }

    fn and(&mut self) -> Result<Words, Mistake> {
        self.joined("AND", Self::not, Words::And)
    }

    fn joined(
        &mut self,
        word: &str,
        part: impl Fn(&mut Self) -> Result<Words, Mistake>,
        together: impl FnOnce(Vec<Words>) -> Words,
    ) -> Result<Words, Mistake> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.eat_word(word) {
            parts.push(part(self)?);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => together(parts),
        })
    }

    fn not(&mut self) -> Result<Words, Mistake> {
        self.deeper(|parser| {
            if parser.eat_word("NOT") {
                return Ok(Words::Not(Box::new(parser.not()?)));
            }
            parser.at.skip_space();
            if parser.at.eat('(') {
                let inner = parser.or()?;
                parser.close(')')?;
                return Ok(Words::Parentheses(Box::new(inner)));
            }
            if parser.at.peek() == Some('!') {
                return Err(parser.at.expected(MIXED));
            }
            let key = parser.tag()?;
            let before = parser.at;
            let not = parser.eat_word("NOT");
            if parser.eat_word("IN") {
                let values = parser.values()?;
                return Ok(Words::In { key, not, values });
            }
            parser.at = before;
            Ok(Words::Tag(key))
        })
    }

    /// `(a, b)` behind `IN`
    fn values(&mut self) -> Result<Vec<String>, Mistake> {
        self.at.skip_space();
        if !self.at.eat('(') {
            return Err(self.at.expected("`(` and a list of values"));
        }
        let mut values = Vec::new();
        loop {
            self.at.skip_space();
            values.push(self.tag()?);
            self.at.skip_space();
            if !self.at.eat(',') {
                break;
            }
        }
        self.close(')')?;
        Ok(values)
    }

    /// A tag, and what it may hold that Datadog was not seen to take.
    fn tag(&mut self) -> Result<String, Mistake> {
        let begin = self.at;
        self.at.eat_while(is_word);
        while let Some(quote) = self.quoted()? {
            if quote.text.contains(['(', ')', '{', '}']) {
                return Err(begin.expected("no bracket within quotes"));
            }
            self.warn(
                begin,
                "Datadog has refused quotes within a scope".to_owned(),
            );
            self.at.eat_while(is_word);
        }
        let tag = self.at.since(begin).to_owned();
        if tag.is_empty() {
            return Err(self.at.expected("a tag, such as `env:prod`"));
        }
        if tag.starts_with('$') {
            let message = format!("nothing fills in `{tag}` here: that is for dashboards");
            self.warn(begin, message);
        }
        if let Some((key, value)) = tag.split_once(':')
            && !tag.contains("%%")
            && (key.chars().any(char::is_uppercase) || value.chars().any(char::is_uppercase))
        {
            let message = format!("`{tag}` matches nothing: Datadog stores tags in small letters");
            self.warn(begin, message);
        }
        Ok(tag)
    }

    fn word_follows(&self) -> bool {
        let mut at = self.at;
        let word = at.eat_while(is_word);
        ["AND", "OR", "NOT", "IN"]
            .iter()
            .any(|one| one.eq_ignore_ascii_case(word))
    }

    /// A word of the language, all in capitals or all in small letters.
    fn eat_word(&mut self, word: &str) -> bool {
        let before = self.at;
        self.at.skip_space();
        let found = self.at.eat_while(is_word);
        let is_it = found == word || found == word.to_ascii_lowercase();
        if !is_it {
            self.at = before;
        }
        is_it
    }
}
