//! One document of a YAML file, and where it begins.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, UserMessageFormatter};

use super::Place;

/// The text between two `---`.
pub(super) struct Document<'a> {
    text: &'a str,
    /// The lines of the file before it.
    before: u64,
}

/// The documents of a file. Each is read by itself, so that one that cannot be read hides
/// no other; a line of `---` ends a document wherever it stands.
pub(super) fn documents(text: &str) -> impl Iterator<Item = Document<'_>> {
    let mut documents = Vec::new();
    let (mut begin, mut at, mut before) = (0, 0, 0);
    for (number, line) in (0..).zip(text.split_inclusive('\n')) {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            documents.push(Document {
                text: &text[begin..at],
                before,
            });
            (begin, before) = (at + line.len(), number + 1);
        }
        at += line.len();
    }
    documents.push(Document {
        text: &text[begin..],
        before,
    });
    documents
        .into_iter()
        .filter(|document| !document.is_empty())
}

impl Document<'_> {
    /// Whether there is nothing but comments.
    fn is_empty(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim);
        lines.all(|line| line.is_empty() || line.starts_with('#'))
    }

    /// What it says, or where and why it cannot be read.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, (Place, String)> {
        serde_saphyr::from_str(self.text).map_err(|why: Error| {
            let place = why
                .location()
                .map_or(self.begin(), |location| self.place(location));
            let why = why.without_snippet();
            let why = why.render_with_formatter(&UserMessageFormatter);
            // It goes on with the place, and with the lines of the document by themselves.
            let why = why.split(" at line ").next().unwrap_or_default();
            (place, why.lines().next().unwrap_or_default().to_owned())
        })
    }

    /// Its first line that says something.
    pub(super) fn begin(&self) -> Place {
        let mut lines = self.text.lines().map(str::trim);
        let skipped = lines
            .position(|line| !line.is_empty() && !line.starts_with('#'))
            .unwrap_or_default();
        Place {
            line: self.before + skipped as u64 + 1,
            column: 1,
        }
    }

    pub(super) fn place(&self, location: Location) -> Place {
        Place {
            line: self.before + location.line(),
            column: location.column(),
        }
    }

    /// The place of a character, counted from 1, of a text that stands at `location`. YAML
    /// folds and indents lines, so what is blank may differ, and the rest is counted.
    pub(super) fn place_within(&self, location: Location, text: &str, character: usize) -> Place {
        let begin = self.place(location);
        let (first, column) = (location.line().max(1), location.column().max(1));
        let visible = (1..)
            .zip(self.text.lines())
            .filter(|(line, _)| *line >= first)
            .flat_map(|(line, text)| (1..).zip(text.chars()).map(move |(at, c)| (line, at, c)))
            .filter(|(line, at, _)| *line > first || *at >= column)
            .filter(|(_, _, c)| !c.is_whitespace())
            .map(|(line, column, c)| {
                let line = self.before + line;
                (Place { line, column }, c)
            });
        let mut visible = visible.peekable();
        visible.next_if(|(_, c)| matches!(c, '\'' | '"'));
        let before = text.chars().take(character.saturating_sub(1));
        let before = before.filter(|c| !c.is_whitespace()).count();
        let place = if character > text.trim_end().chars().count() {
            let last = visible.nth(before.saturating_sub(1));
            last.map(|(Place { line, column }, _)| Place {
                line,
                column: column + 1,
            })
        } else {
            visible.nth(before).map(|(place, _)| place)
        };
        place.unwrap_or(begin)
    }
}
