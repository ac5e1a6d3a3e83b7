//! A selector as an object: Kubernetes' `LabelSelector`, in which an answer says
//! which series it speaks of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Condition, Requirement, Selector, encode::Message};

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LabelSelector {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    match_labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<Expression>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Expression {
    key: String,
    operator: &'static str,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    values: BTreeSet<String>,
}

impl LabelSelector {
    /// The same selector; none where it asks for nothing, or for a comparison,
    /// which a `LabelSelector` has no words for.
    pub(super) fn of(selector: &Selector) -> Option<Self> {
        if selector.requirements().is_empty() {
            return None;
        }
        let mut written = Self::default();
        for requirement in selector.requirements() {
            written.add(requirement)?;
        }
        Some(written)
    }

    fn add(&mut self, requirement: &Requirement) -> Option<()> {
        let key = requirement.key().to_owned();
        let one = |value: &String| BTreeSet::from([value.clone()]);
        let (operator, values) = match requirement.condition() {
            Condition::Equals(value) if !self.match_labels.contains_key(&key) => {
                self.match_labels.insert(key, value.clone());
                return Some(());
            }
            Condition::Equals(value) => ("In", one(value)),
            Condition::NotEquals(value) => ("NotIn", one(value)),
            Condition::In(values) => ("In", values.clone()),
            Condition::NotIn(values) => ("NotIn", values.clone()),
            Condition::Exists => ("Exists", BTreeSet::new()),
            Condition::DoesNotExist => ("DoesNotExist", BTreeSet::new()),
            Condition::GreaterThan(_) | Condition::LessThan(_) => return None,
        };
        self.match_expressions.push(Expression {
            key,
            operator,
            values,
        });
        Some(())
    }

    pub(super) fn protobuf(&self, message: &mut Message) {
        for (key, value) in &self.match_labels {
            message.message(1, |label| {
                label.text(1, key).text(2, value);
            });
        }
        for expression in &self.match_expressions {
            message.message(2, |message| expression.protobuf(message));
        }
    }
}

impl Expression {
    fn protobuf(&self, message: &mut Message) {
        message.text(1, &self.key).text(2, self.operator);
        for value in &self.values {
            message.text(3, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::encode::bytes_of;

    fn written(selector: &str) -> Value {
        serde_json::to_value(LabelSelector::of(&selector.parse().unwrap())).unwrap()
    }

    #[test]
    fn each_condition_has_its_words() {
        assert_eq!(
            written("a=b,c!=d,e in (f,g),h notin (i),j,!k"),
            json!({
                "matchLabels": {"a": "b"},
                "matchExpressions": [
                    {"key": "c", "operator": "NotIn", "values": ["d"]},
                    {"key": "e", "operator": "In", "values": ["f", "g"]},
                    {"key": "h", "operator": "NotIn", "values": ["i"]},
                    {"key": "j", "operator": "Exists"},
                    {"key": "k", "operator": "DoesNotExist"},
                ],
            })
        );
        assert_eq!(
            written("a=b,a=c"),
            json!({
                "matchLabels": {"a": "b"},
                "matchExpressions": [{"key": "a", "operator": "In", "values": ["c"]}],
            })
        );
    }

    #[test]
    fn what_cannot_be_said_in_full_is_not_said() {
        assert_eq!(written(""), Value::Null);
        assert_eq!(written("a=b,size>3"), Value::Null);
    }

    #[test]
    fn protobuf_holds_the_same() {
        let selector = LabelSelector::of(&"a=b,c in (d,e)".parse().unwrap()).unwrap();
        let expected = [
            b"\x0a\x06\x0a\x01a\x12\x01b".as_slice(),
            b"\x12\x0d\x0a\x01c\x12\x02In\x1a\x01d\x1a\x01e",
        ];
        let written = bytes_of(|message| selector.protobuf(message));
        assert_eq!(written, expected.concat());
    }
}
