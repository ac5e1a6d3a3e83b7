//! One requirement of a selector.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    InvalidSelector,
    label::{check_key, check_value},
};

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    key: String,
    condition: Condition,
}

/// What must be true of a label.
///
/// A value that an object's label can have is at most 63
/// letters, digits, `-`, `_` and `.`, or empty. The order of the variants is the order in which
/// a [`Selector`](super::Selector) lists conditions on one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// It has this value. Kubernetes' `==` is the same condition as `=`.
    Equals(String),
    /// It has another value, or is missing.
    NotEquals(String),
    /// It has one of these values. A set of one stays a set.
    In(BTreeSet<String>),
    /// It has none of these values, or is missing.
    NotIn(BTreeSet<String>),
    /// It is there.
    Exists,
    /// It is missing.
    DoesNotExist,
    /// It is a whole number greater than this.
    GreaterThan(i64),
    /// It is a whole number less than this.
    LessThan(i64),
}

impl Requirement {
    /// A condition on the label `key`, which is a name or `prefix/name` by
    /// [Kubernetes' rules](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set).
    ///
    /// # Errors
    /// When Kubernetes could have no label of that key or value, or when a set
    /// of values is empty.
    pub fn new(key: impl Into<String>, condition: Condition) -> Result<Self, InvalidSelector> {
        let key = key.into();
        check_key(&key)?;
        match &condition {
            Condition::Equals(value) | Condition::NotEquals(value) => check_value(&key, value)?,
            Condition::In(values) | Condition::NotIn(values) => {
                if values.is_empty() {
                    return Err(InvalidSelector::NoValues { key });
                }
                values
                    .iter()
                    .try_for_each(|value| check_value(&key, value))?;
            }
            Condition::Exists
            | Condition::DoesNotExist
            | Condition::GreaterThan(_)
            | Condition::LessThan(_) => {}
        }
        Ok(Self { key, condition })
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What must be true of the label.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.key);
        let number = || label.and_then(|value| value.parse::<i64>().ok());
        match &self.condition {
            Condition::Equals(value) => label == Some(value),
            Condition::NotEquals(value) => label != Some(value),
            Condition::In(values) => label.is_some_and(|label| values.contains(label)),
            Condition::NotIn(values) => label.is_none_or(|label| !values.contains(label)),
            Condition::Exists => label.is_some(),
            Condition::DoesNotExist => label.is_none(),
            Condition::GreaterThan(bound) => number().is_some_and(|number| number > *bound),
            Condition::LessThan(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.condition {
            Condition::Equals(value) => write!(f, "{key}={value}"),
            Condition::NotEquals(value) => write!(f, "{key}!={value}"),
            Condition::In(values) => write!(f, "{key} in ({})", listed(values)),
            Condition::NotIn(values) => write!(f, "{key} notin ({})", listed(values)),
            Condition::Exists => f.write_str(key),
            Condition::DoesNotExist => write!(f, "!{key}"),
            Condition::GreaterThan(bound) => write!(f, "{key}>{bound}"),
            Condition::LessThan(bound) => write!(f, "{key}<{bound}"),
        }
    }
}

fn listed(values: &BTreeSet<String>) -> String {
    values
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_set_is_refused() {
        assert_eq!(
            Requirement::new("a", Condition::In(BTreeSet::new())),
            Err(InvalidSelector::NoValues {
                key: "a".to_owned()
            })
        );
    }

    #[test]
    fn what_no_label_can_be_is_refused() {
        assert!(Requirement::new("a b", Condition::Exists).is_err());
        assert!(Requirement::new("a", Condition::NotEquals("x y".to_owned())).is_err());
        assert!(
            Requirement::new("a", Condition::NotIn(BTreeSet::from(["x/y".to_owned()]))).is_err()
        );
    }
}
