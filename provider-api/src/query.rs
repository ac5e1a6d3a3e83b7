//! The query of a URI: its parameters, and the texts in them.

use std::{borrow::Cow, time::Duration};

use http::Uri;
use percent_encoding::percent_decode_str;

/// A query, taken apart for those who look for many parameters in it.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Query<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        Self(pairs(uri).collect())
    }

    /// The value of the first parameter of this name.
    pub(crate) fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = self.0.iter();
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(decoded(value))
    }
}

/// The values of all parameters of this name.
pub(crate) fn parameters(uri: &Uri, name: &str) -> impl Iterator<Item = String> {
    let pairs = pairs(uri).filter(move |(key, _)| key == name);
    pairs.map(|(_, value)| decoded(value).into_owned())
}

/// The value of the first parameter of this name.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    parameters(uri, name).next()
}

/// The names, decoded, and the values as they are written.
fn pairs(uri: &Uri) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let query = uri.query().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key), value)
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    unescaped(text)
}

/// Decoded as in a path, where a plus is a plus.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('%') {
        percent_decode_str(text).decode_utf8_lossy()
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a parameter says yes; one that only stands there does.
pub(crate) fn is_true(value: &str) -> bool {
    matches!(value, "" | "1" | "t" | "T" | "true" | "True" | "TRUE")
}

/// A span of time as [Go](https://pkg.go.dev/time#ParseDuration) writes it: `2s`,
/// `1m30s`, `1.5h`. It cannot be negative.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    loop {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, tail) = tail.split_at(
            tail.find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len()),
        );
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        if tail.is_empty() {
            return Duration::try_from_secs_f64(seconds).ok();
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_and_the_first_of_its_name_counts() {
        let uri: Uri = "/?labelSelector=a+in+%28x%2Cy%29%2C%21z&a%20b=1&a+b=2&flag"
            .parse()
            .unwrap();
        assert_eq!(
            parameter(&uri, "labelSelector"),
            Some("a in (x,y),!z".to_owned())
        );
        assert_eq!(parameter(&uri, "a b"), Some("1".to_owned()));
        assert_eq!(parameter(&uri, "flag"), Some(String::new()));
        assert_eq!(parameter(&uri, "none"), None);
        let query = Query::of(&uri);
        for name in ["labelSelector", "a b", "flag", "none"] {
            let value = query.value(name).map(Cow::into_owned);
            assert_eq!(value, parameter(&uri, name), "{name}");
        }
        assert_eq!(parameter(&Uri::from_static("/"), "a"), None);
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, milliseconds) in [
            ("2s", 2000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("0", 0),
            ("0s", 0),
            ("+1s", 1000),
            (".5s", 500),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "bogus",
            "2",
            "s",
            "-1s",
            "1d",
            "1s2",
            "1.2.3s",
            "1e3s",
            "99999999999999999999h",
            ".",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
