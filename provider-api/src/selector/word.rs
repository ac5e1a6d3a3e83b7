//! The words of which a selector's text consists.

use super::InvalidSelector;

/// A symbol, or a run of anything else up to white space or a symbol.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// The selector up to the word.
    before: &'a str,
}

impl Word<'_> {
    pub(super) fn is_symbol(&self) -> bool {
        self.text.starts_with(symbol)
    }

    pub(super) fn instead_of(&self, expected: &'static str) -> InvalidSelector {
        InvalidSelector::Syntax {
            found: format!("`{}`", self.text),
            position: place_after(self.before),
            expected,
        }
    }
}

/// The words that are left to read.
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        let word = self.ahead()?;
        self.at = word.before.len() + word.text.len();
        Some(word)
    }

    /// The text of the next word, which stays next.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.ahead().map(|word| word.text)
    }

    /// The next word, of which there must be one.
    pub(super) fn expect(&mut self, expected: &'static str) -> Result<Word<'a>, InvalidSelector> {
        let text = self.text;
        self.next().ok_or_else(|| InvalidSelector::Syntax {
            found: "the end".to_owned(),
            position: place_after(text),
            expected,
        })
    }

    /// The next word, which must be no symbol.
    pub(super) fn name(&mut self, expected: &'static str) -> Result<&'a str, InvalidSelector> {
        let word = self.expect(expected)?;
        if word.is_symbol() {
            Err(word.instead_of(expected))
        } else {
            Ok(word.text)
        }
    }

    fn ahead(&self) -> Option<Word<'a>> {
        let rest = self.text[self.at..].trim_start_matches(space);
        let length = match rest.chars().next()? {
            '=' | '!' if rest[1..].starts_with('=') => 2,
            first if symbol(first) => 1,
            _ => rest
                .find(|character| symbol(character) || space(character))
                .unwrap_or(rest.len()),
        };
        let before = &self.text[..self.text.len() - rest.len()];
        Some(Word {
            text: &rest[..length],
            before,
        })
    }
}

/// Counted from 1, in characters, as an editor does.
fn place_after(text: &str) -> usize {
    text.chars().count() + 1
}

fn symbol(character: char) -> bool {
    "=!(),<>".contains(character)
}

fn space(character: char) -> bool {
    " \t\r\n".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let mut words = Words::of(text);
        std::iter::from_fn(|| words.next().map(|word| word.text)).collect()
    }

    #[test]
    fn symbols_end_a_word_and_white_space_is_none() {
        assert_eq!(
            words(" a==b,!c\tnotin(ä, e)\r\n"),
            [
                "a", "==", "b", ",", "!", "c", "notin", "(", "ä", ",", "e", ")"
            ]
        );
        assert_eq!(words("===!=!!<>"), ["==", "=", "!=", "!", "!", "<", ">"]);
        assert_eq!(words(" "), [""; 0]);
    }
}
