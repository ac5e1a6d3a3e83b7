//! The name of a metric.

use std::{fmt, str::FromStr, sync::Arc};

/// The longest name that Datadog stores.
const LONGEST: usize = 200;

/// The name of a metric as Datadog stores it: an ASCII letter, then ASCII
/// letters, digits, `_` and `.`, at most 200 characters. Case counts.
///
/// A hyphen is not in the list: Datadog stores `_` in its place, and reads a
/// hyphen in a query as a minus.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricName(Arc<str>);

/// Why a text is not the name of a metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetricName {
    /// There is no text.
    #[error("a metric name is empty")]
    Empty,
    /// It starts with something else than an ASCII letter.
    #[error("a metric name starts with a letter, not with {0:?}")]
    Start(char),
    /// It holds a character that no stored name holds.
    #[error("a metric name holds letters, digits, `_` and `.`, not {0:?}")]
    Character(char),
    /// It is longer than any stored name.
    #[error("a metric name has at most {LONGEST} characters, not {0}")]
    TooLong(usize),
}

impl MetricName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MetricName {
    type Err = InvalidMetricName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.chars().next().ok_or(InvalidMetricName::Empty)?;
        if !first.is_ascii_alphabetic() {
            return Err(InvalidMetricName::Start(first));
        }
        let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        if let Some(stranger) = text.chars().find(|c| !belongs(*c)) {
            return Err(InvalidMetricName::Character(stranger));
        }
        if text.len() > LONGEST {
            return Err(InvalidMetricName::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_datadog_never_stores_is_refused_by_what_is_wrong_with_it() {
        use InvalidMetricName::*;
        let long = "a".repeat(201);
        for (text, wrong) in [
            ("", Empty),
            ("1st.metric", Start('1')),
            (".hidden", Start('.')),
            ("job-opening", Character('-')),
            ("a{*},avg:b", Character('{')),
            ("métrique", Character('é')),
            (long.as_str(), TooLong(201)),
        ] {
            assert_eq!(text.parse::<MetricName>(), Err(wrong), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_what_was_parsed(text in "[a-zA-Z][a-zA-Z0-9_.]{0,199}") {
            let name: MetricName = text.parse().unwrap();
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
