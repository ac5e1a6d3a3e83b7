//! The `Accept` header.

use http::{HeaderMap, header::ACCEPT};

/// One alternative of an `Accept` header: `application/json;as=Table;q=0.5`.
pub(crate) struct MediaRange<'a> {
    kind: &'a str,
    parameters: &'a str,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Self {
        let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
        Self {
            kind: kind.trim(),
            parameters,
        }
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

    /// Whether the document itself is meant, and not another form of it: `as` asks
    /// for a table, or for the names alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.parameter("as").is_none()
    }

    /// A parameter of the alternative.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let is_meant = key.trim().eq_ignore_ascii_case(name);
            is_meant.then(|| value.trim())
        })
    }

    /// What is liked better is greater: the quality, then how exactly the alternative
    /// names a type.
    fn weight(&self) -> (u16, usize) {
        (self.quality(), self.exactness())
    }

    /// In thousandths; of nothing that can be read, nothing.
    fn quality(&self) -> u16 {
        let quality: f32 = self
            .parameter("q")
            .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        (quality.clamp(0.0, 1.0) * 1000.0).round() as u16
    }

    fn exactness(&self) -> usize {
        2 - self.kind.matches('*').count().min(2)
    }
}

/// The offer that the client likes best. Of what it likes as well, it gets what it
/// names more exactly, then what it names first, then what is offered first. What it
/// refuses by `q=0`, it does not get by a `*` either.
///
/// A client that accepts nothing in particular gets the first.
pub(crate) fn chosen<T: Copy>(
    headers: &HeaderMap,
    offers: &[T],
    means: impl Fn(&MediaRange<'_>, T) -> bool,
) -> Option<T> {
    if ranges(headers).next().is_none() {
        return offers.first().copied();
    }
    let refuses = |offer: T, range: &MediaRange<'_>| {
        ranges(headers).any(|other| {
            other.quality() == 0 && other.exactness() > range.exactness() && means(&other, offer)
        })
    };
    let mut best = None;
    for range in ranges(headers) {
        let weight = range.weight();
        if weight.0 == 0 || best.is_some_and(|(better, _)| better >= weight) {
            continue;
        }
        let offer = offers
            .iter()
            .copied()
            .find(|offer| means(&range, *offer) && !refuses(*offer, &range));
        best = offer.map(|offer| (weight, offer)).or(best);
    }
    best.map(|(_, offer)| offer)
}

/// The alternatives of every line of the header.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = MediaRange<'_>> {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter(|range| !range.trim().is_empty())
        .map(MediaRange::parse)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OFFERS: [&str; 3] = ["a/json", "a/yaml", "b/proto"];

    fn choice(lines: &[&str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_str(line).unwrap());
        }
        chosen(&headers, &OFFERS, |range, offer| {
            range.is_plain() && range.includes(offer)
        })
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        for (lines, expected) in [
            (&[][..], Some("a/json")),
            (&["", " , "], Some("a/json")),
            (&["*/*"], Some("a/json")),
            (&["a/*"], Some("a/json")),
            (&["b/*"], Some("b/proto")),
            (&["A/YAML"], Some("a/yaml")),
            (&["a/yaml, a/json"], Some("a/yaml")),
            (&["a/yaml;q=0.5, a/json"], Some("a/json")),
            (&["*/*, b/proto"], Some("b/proto")), // as much, and more exactly
            (&["b/proto;q=0.9, */*"], Some("a/json")),
            (&["x/y, a/yaml;q=0.1"], Some("a/yaml")),
            (&["a/yaml;charset=utf-8;x"], Some("a/yaml")), // whatever else it may say
            (&["x/y", "a/yaml"], Some("a/yaml")),          // two lines are one list
            (&["a/yaml ; q = 0.5 , b/proto ; q = 0.6"], Some("b/proto")),
            (
                &["a/yaml;as=Table, a/json;as=Table, a/yaml"],
                Some("a/yaml"),
            ),
            (&["a/json;q=2"], Some("a/json")), // more than all is all
        ] {
            assert_eq!(choice(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_refused_is_not_sent_for_a_star() {
        for (line, expected) in [
            ("a/json;q=0, */*;q=0.1", Some("a/yaml")),
            ("*/*, a/*;q=0", Some("b/proto")),
            ("a/*, a/json;q=0, a/yaml;q=0.0", None),
            ("a/yaml, */*;q=0", Some("a/yaml")),
            ("*/*;q=0", None),
            ("a/json;q=never", None),
            ("a/json;q=NaN", None),
            ("a/json;as=Table", None),
            ("*/*;as=Table", None),
            ("json", None),
        ] {
            assert_eq!(choice(&[line]), expected, "{line}");
        }
    }
}
