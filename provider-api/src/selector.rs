//! Which series of a metric are meant: a label selector, in one canonical form.

mod label;
mod parse;
mod requirement;
mod word;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

pub use self::requirement::{Condition, Requirement};

/// A Kubernetes [label selector](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors):
/// requirements of which each must hold.
///
/// Two selectors that ask for the same in another order are equal: the
/// requirements are sorted, and what stands twice stands once. So the selector
/// of a manifest and the text that the autoscaler makes of it later are one
/// value, provided that both pass through here.
///
/// It prints and parses as
/// [Kubernetes writes it](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/labels/selector.go):
/// `app=shop,tier in (a,b),!canary`. Text that is no selector is refused with the place
/// of the mistake and what could stand there. A clone costs nothing.
///
/// ```
/// use provider_api::Selector;
///
/// let selector: Selector = "tier in (b,a), app == shop".parse()?;
/// assert_eq!(selector.to_string(), "app=shop,tier in (a,b)");
/// # Ok::<(), provider_api::InvalidSelector>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector(Arc<[Requirement]>);

impl Selector {
    /// The selector that asks for nothing in particular.
    pub fn everything() -> Self {
        Self::default()
    }

    /// The selector in which all of these must hold.
    pub fn of(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        let sorted: BTreeSet<_> = requirements.into_iter().collect();
        Self(sorted.into_iter().collect())
    }

    /// The requirements, sorted by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.0
    }

    /// Whether these labels fulfil every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, requirement) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

/// Why something is no selector: its text, or one of its labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    /// The text does not follow the grammar.
    #[error("found {found} at character {position}, expected {expected}")]
    Syntax {
        /// What stands there, quoted, or `the end`.
        found: String,
        /// Where it stands, counted from 1.
        position: usize,
        /// What could stand there.
        expected: &'static str,
    },
    /// A key that no label can have.
    #[error("`{key}` is no label key: {rule}")]
    Key {
        /// The key.
        key: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A value that no label can have.
    #[error("`{value}` is no value for the label `{key}`: {rule}")]
    Value {
        /// The label's key.
        key: String,
        /// The value.
        value: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A set without values, which nothing could fulfil or fail.
    #[error("the set of values for the label `{key}` is empty, give at least one")]
    NoValues {
        /// The label's key.
        key: String,
    },
    /// `>` and `<` compare whole numbers of 64 bits.
    #[error("the label `{key}` is compared to `{bound}`, which is no whole number of 64 bits")]
    Bound {
        /// The label's key.
        key: String,
        /// What it is compared to.
        bound: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    fn selector(text: &str) -> Selector {
        text.parse().expect(text)
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![
            "([a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?\\.?[a-z]/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,6}[A-Za-z0-9])?",
            "in|notin"
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            "([A-Za-z0-9]([-._A-Za-z0-9]{0,6}[A-Za-z0-9])?)?",
            "in|notin"
        ]
    }

    fn condition() -> impl Strategy<Value = Condition> {
        prop_oneof![
            value().prop_map(Condition::Equals),
            value().prop_map(Condition::NotEquals),
            btree_set(value(), 1..4).prop_map(Condition::In),
            btree_set(value(), 1..4).prop_map(Condition::NotIn),
            Just(Condition::Exists),
            Just(Condition::DoesNotExist),
            any::<i64>().prop_map(Condition::GreaterThan),
            any::<i64>().prop_map(Condition::LessThan),
        ]
    }

    fn requirements() -> impl Strategy<Value = Vec<Requirement>> {
        prop::collection::vec(
            (key(), condition())
                .prop_map(|(key, condition)| Requirement::new(key, condition).unwrap()),
            0..5,
        )
    }

    proptest! {
        #[test]
        fn every_selector_reads_back_from_its_print(requirements in requirements()) {
            let written = Selector::of(requirements);
            prop_assert_eq!(written.to_string().parse(), Ok(written));
        }

        #[test]
        fn the_order_of_requirements_does_not_matter(mut requirements in requirements()) {
            let forwards = Selector::of(requirements.clone());
            requirements.reverse();
            prop_assert_eq!(Selector::of(requirements), forwards);
        }
    }

    #[test]
    fn what_stands_twice_stands_once() {
        assert_eq!(selector("a=b,c,a==b"), selector("c,a=b"));
    }

    #[test]
    fn a_set_of_one_is_not_an_equality() {
        assert_ne!(selector("a in (b)"), selector("a=b"));
    }

    #[test]
    fn labels_match_as_kubernetes_matches_them() {
        let labels = BTreeMap::from(
            [("app", "shop"), ("size", "10")]
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        for matching in [
            "",
            "app",
            "app=shop",
            "app!=x",
            "app in (shop,x)",
            "app notin (x)",
            "!gone",
            "gone!=x",
            "gone notin (x)",
            "size>9",
            "size<11",
        ] {
            assert!(selector(matching).matches(&labels), "{matching}");
        }
        for other in [
            "!app",
            "app=x",
            "app!=shop",
            "app in (x)",
            "app notin (shop)",
            "gone",
            "gone=x",
            "gone in (x)",
            "size>10",
            "size<10",
            "app>1",
            "gone<1",
            "app=shop,gone",
        ] {
            assert!(!selector(other).matches(&labels), "{other}");
        }
    }
}
