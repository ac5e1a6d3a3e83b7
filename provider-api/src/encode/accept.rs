//! The `Accept` header.

use std::cmp::Reverse;

use http::{HeaderMap, header::ACCEPT};

/// One alternative of an `Accept` header: `application/json;as=Table;q=0.5`.
pub(crate) struct MediaRange<'a> {
    kind: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let parameters = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .collect();
        Self { kind, parameters }
    }

    /// Whether `media_type` is meant by this alternative.
    pub(crate) fn includes(&self, media_type: &str) -> bool {
        let matches =
            |pattern: &str, word: &str| pattern == "*" || pattern.eq_ignore_ascii_case(word);
        match (self.kind.split_once('/'), media_type.split_once('/')) {
            (Some((kind, subkind)), Some((word, subword))) => {
                matches(kind, word) && matches(subkind, subword)
            }
            _ => false,
        }
    }

    /// A parameter of the alternative.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// What is liked better is greater: the quality in thousandths, then how
    /// exactly the alternative names a type.
    fn weight(&self) -> (u16, usize) {
        let quality = self
            .parameter("q")
            .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        let thousandths = (f32::clamp(quality, 0.0, 1.0) * 1000.0).round() as u16;
        (thousandths, 2 - self.kind.matches('*').count().min(2))
    }
}

/// The best-liked alternative for which there is an offer. A request that says
/// nothing accepts anything.
pub(crate) fn chosen<T>(
    headers: &HeaderMap,
    offer: impl Fn(&MediaRange<'_>) -> Option<T>,
) -> Option<T> {
    let mut ranges: Vec<_> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter(|range| !range.trim().is_empty())
        .map(MediaRange::parse)
        .collect();
    if ranges.is_empty() {
        ranges.push(MediaRange::parse("*/*"));
    }
    // The sort is stable: among equals, what stands first is first.
    ranges.sort_by_key(|range| Reverse(range.weight()));
    ranges
        .iter()
        .filter(|range| range.weight().0 > 0)
        .find_map(offer)
}
