//! Which series a query reads.

use std::fmt;

use crate::tag::{InvalidTag, TagFilter, Term};

/// The part of a query between its braces: the tags that a series must have.
///
/// Datadog has two ways to write one, and refuses them mixed: symbols
/// (`a:b,!c:d`), and words (`a:b AND c IN (x,y) AND NOT d:e`). A scope is
/// written in symbols unless a list of values needs the words. Equal
/// conditions, in any order, make equal scopes and equal text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    /// Every series of the metric: `*`.
    #[must_use]
    pub fn everywhere() -> Self {
        Self("*".to_owned())
    }

    /// The series that meet all conditions; every series if there is none.
    ///
    /// # Errors
    ///
    /// A key or value that would mean something else inside a query is refused.
    pub fn of(filters: impl IntoIterator<Item = TagFilter>) -> Result<Self, InvalidTag> {
        let mut terms = filters
            .into_iter()
            .map(Term::of)
            .collect::<Result<Vec<_>, _>>()?;
        if terms.is_empty() {
            return Ok(Self::everywhere());
        }
        terms.sort_by_cached_key(Term::rank);
        terms.dedup();
        Ok(Self(if terms.iter().any(Term::needs_words) {
            terms
                .iter()
                .map(Term::in_words)
                .collect::<Vec<_>>()
                .join(" AND ")
        } else {
            terms
                .iter()
                .map(Term::in_symbols)
                .collect::<Vec<_>>()
                .join(",")
        }))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is(key: &str, value: &str) -> TagFilter {
        TagFilter::Is {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn is_not(key: &str, value: &str) -> TagFilter {
        TagFilter::IsNot {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn any_of(key: &str, values: &[&str]) -> TagFilter {
        TagFilter::AnyOf {
            key: key.to_owned(),
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        }
    }

    fn none_of(key: &str, values: &[&str]) -> TagFilter {
        TagFilter::NoneOf {
            key: key.to_owned(),
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        }
    }

    fn written(filters: impl IntoIterator<Item = TagFilter>) -> String {
        Scope::of(filters).unwrap().to_string()
    }

    #[test]
    fn no_condition_is_every_series() {
        assert_eq!(Scope::of([]), Ok(Scope::everywhere()));
        assert_eq!(written([]), "*");
    }

    #[test]
    fn single_values_are_written_in_symbols_and_sorted() {
        assert_eq!(written([is_not("c", "d"), is("a", "b")]), "a:b,!c:d");
        assert_eq!(written([is("a", "x"), is("a-b", "x")]), "a-b:x,a:x");
    }

    #[test]
    fn a_list_turns_the_whole_scope_into_words() {
        assert_eq!(
            written([
                is_not("d", "e"),
                any_of("c", &["y", "x"]),
                is("a", "b"),
                none_of("f", &["1", "2"])
            ]),
            "a:b AND c IN (x,y) AND NOT d:e AND f NOT IN (1,2)"
        );
    }

    #[test]
    fn a_list_of_one_value_is_that_value() {
        assert_eq!(
            written([any_of("a", &["b", "b"]), none_of("c", &["d"])]),
            "a:b,!c:d"
        );
    }

    #[test]
    fn presence_is_a_value_that_matches_all() {
        let present = TagFilter::Present { key: "a".into() };
        let absent = TagFilter::Absent { key: "b".into() };
        assert_eq!(written([present.clone(), absent.clone()]), "a:*,!b:*");
        assert_eq!(
            written([present, absent, any_of("c", &["x", "y"])]),
            "a:* AND NOT b:* AND c IN (x,y)"
        );
    }

    #[test]
    fn a_condition_told_twice_is_told_once() {
        assert_eq!(written([is("a", "b"), any_of("a", &["b"])]), "a:b");
    }

    /// Reads a scope back by Datadog's published rules and nothing of ours.
    fn read(text: &str) -> Vec<TagFilter> {
        let owned = str::to_owned;
        let words = text.contains(" AND ") || text.contains(" IN (");
        let (separator, not) = if words { (" AND ", "NOT ") } else { (",", "!") };
        let single = |term: &str| match (term.strip_prefix(not), term) {
            (Some(term), _) => {
                let (key, value) = term.split_once(':').unwrap();
                match value {
                    "*" => TagFilter::Absent { key: owned(key) },
                    _ => is_not(key, value),
                }
            }
            (None, term) => {
                let (key, value) = term.split_once(':').unwrap();
                match value {
                    "*" => TagFilter::Present { key: owned(key) },
                    _ => is(key, value),
                }
            }
        };
        let list = |term: &str| {
            let (key, rest) = term.split_once(" IN (")?;
            let values: Vec<_> = rest.strip_suffix(')')?.split(',').collect();
            Some(match key.strip_suffix(" NOT") {
                Some(key) => none_of(key, &values),
                None => any_of(key, &values),
            })
        };
        text.split(separator)
            .map(|term| list(term).unwrap_or_else(|| single(term)))
            .collect()
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9:/_.-]{1,8}",
            "[ab ,{}()!'\"*:$~<>=]{0,6}",
            "(AND|OR|NOT|IN|, | AND |\\} by \\{|\\},avg:x\\{)",
            any::<String>(),
        ]
    }

    fn filter() -> impl Strategy<Value = TagFilter> {
        (hostile(), prop::collection::vec(hostile(), 0..4), 0..6).prop_map(|(key, values, kind)| {
            let value = values.first().cloned().unwrap_or_default();
            match kind {
                0 => TagFilter::Is { key, value },
                1 => TagFilter::IsNot { key, value },
                2 => TagFilter::AnyOf { key, values },
                3 => TagFilter::NoneOf { key, values },
                4 => TagFilter::Present { key },
                _ => TagFilter::Absent { key },
            }
        })
    }

    /// The plainest condition with the same meaning.
    fn plain(filter: TagFilter) -> TagFilter {
        let tidy = |mut values: Vec<String>| {
            values.sort();
            values.dedup();
            values
        };
        match filter {
            TagFilter::AnyOf { key, values } => match tidy(values) {
                values if values.len() == 1 => is(&key, &values[0]),
                values => TagFilter::AnyOf { key, values },
            },
            TagFilter::NoneOf { key, values } => match tidy(values) {
                values if values.len() == 1 => is_not(&key, &values[0]),
                values => TagFilter::NoneOf { key, values },
            },
            other => other,
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_read_back_as_the_same_conditions(
            filters in prop::collection::vec(filter(), 1..5)
        ) {
            let accepted: Vec<_> =
                filters.into_iter().filter(|f| Scope::of([f.clone()]).is_ok()).collect();
            prop_assume!(!accepted.is_empty());
            let text = Scope::of(accepted.clone()).unwrap().to_string();
            prop_assert!(!text.contains(['{', '}', '"', '\'']), "{}", text);
            let read = read(&text);
            let plain: Vec<_> = accepted.into_iter().map(plain).collect();
            for filter in &plain {
                prop_assert!(read.contains(filter), "{} lost {:?}", text, filter);
            }
            for filter in &read {
                prop_assert!(plain.contains(filter), "{} gained {:?}", text, filter);
            }
        }

        #[test]
        fn the_order_of_conditions_does_not_matter(
            filters in prop::collection::vec(filter(), 0..5)
        ) {
            let backwards = Scope::of(filters.iter().rev().cloned());
            let forwards = Scope::of(filters);
            prop_assert_eq!(forwards.is_ok(), backwards.is_ok());
            if let (Ok(forwards), Ok(backwards)) = (forwards, backwards) {
                prop_assert_eq!(forwards, backwards);
            }
        }
    }
}
