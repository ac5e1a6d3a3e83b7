//! A manifest's label selector, as the selector that the autoscaler will send.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use provider_api::{Condition, InvalidSelector, Requirement, Selector};

/// What in a label selector Kubernetes itself would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabelSelector {
    /// A key or a value that no label can have.
    #[error(transparent)]
    Term(#[from] InvalidSelector),
    /// An operator that does not exist.
    #[error(
        "`{operator}` is no operator for the label `{key}`: use In, NotIn, Exists or DoesNotExist"
    )]
    Operator {
        /// The label's key.
        key: String,
        /// The operator.
        operator: String,
    },
    /// Values where the operator takes none.
    #[error("{operator} of the label `{key}` takes no values: leave them out, or use In or NotIn")]
    Values {
        /// The label's key.
        key: String,
        /// The operator.
        operator: String,
    },
}

/// The selector that Kubernetes makes of `written`, term by term. Without one,
/// the autoscaler asks for everything.
pub(crate) fn selector_of(
    written: Option<&LabelSelector>,
) -> Result<Selector, InvalidLabelSelector> {
    let Some(LabelSelector {
        match_labels,
        match_expressions,
    }) = written
    else {
        return Ok(Selector::everything());
    };
    let equalities = match_labels
        .iter()
        .flatten()
        .map(|(key, value)| Ok(Requirement::new(key, Condition::Equals(value.clone()))?));
    let expressions = match_expressions.iter().flatten().map(requirement_of);
    equalities
        .chain(expressions)
        .collect::<Result<Vec<_>, _>>()
        .map(Selector::of)
}

fn requirement_of(written: &LabelSelectorRequirement) -> Result<Requirement, InvalidLabelSelector> {
    let LabelSelectorRequirement {
        key,
        operator,
        values,
    } = written;
    let values = values.as_deref().unwrap_or_default();
    let set = || values.iter().cloned().collect();
    let condition = match operator.as_str() {
        "In" => Condition::In(set()),
        "NotIn" => Condition::NotIn(set()),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            return Err(InvalidLabelSelector::Values {
                key: key.clone(),
                operator: operator.clone(),
            });
        }
        "Exists" => Condition::Exists,
        "DoesNotExist" => Condition::DoesNotExist,
        _ => {
            return Err(InvalidLabelSelector::Operator {
                key: key.clone(),
                operator: operator.clone(),
            });
        }
    };
    Ok(Requirement::new(key, condition)?)
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::{btree_map, vec},
        option,
        prelude::*,
    };

    use super::*;

    fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelectorRequirement {
        let values = values
            .iter()
            .map(|value| (*value).to_owned())
            .collect::<Vec<_>>();
        LabelSelectorRequirement {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values: Some(values).filter(|values| !values.is_empty()),
        }
    }

    fn of_expressions(expressions: Vec<LabelSelectorRequirement>) -> LabelSelector {
        LabelSelector {
            match_labels: None,
            match_expressions: Some(expressions),
        }
    }

    fn label_selector() -> impl Strategy<Value = LabelSelector> {
        let key = || "([a-z]{1,3}[.][a-z]/)?[a-zA-Z]([-_.a-z0-9]{0,3}[a-z])?";
        let value = || "([a-zA-Z0-9]([-_.a-z]{0,3}[a-z0-9])?)?";
        let expression = prop_oneof![
            (
                key(),
                prop_oneof![Just("In"), Just("NotIn")],
                vec(value(), 1..4)
            ),
            (
                key(),
                prop_oneof![Just("Exists"), Just("DoesNotExist")],
                vec(value(), 0..1)
            ),
        ]
        .prop_map(|(key, operator, values)| LabelSelectorRequirement {
            key,
            operator: operator.to_owned(),
            values: Some(values),
        });
        (
            option::of(btree_map(key(), value(), 0..4)),
            option::of(vec(expression, 0..4)),
        )
            .prop_map(|(match_labels, match_expressions)| LabelSelector {
                match_labels,
                match_expressions,
            })
    }

    proptest! {
        #[test]
        fn what_is_made_of_a_manifest_is_what_is_made_of_its_printed_selector(written in label_selector()) {
            let made = selector_of(Some(&written)).unwrap();
            prop_assert_eq!(&made, &made.to_string().parse().unwrap());
            // The printer of another library stands in for the autoscaler's.
            let printed = kube_core::Selector::try_from(written).unwrap().to_string();
            prop_assert_eq!(made, printed.parse().unwrap());
        }
    }

    #[test]
    fn every_operator_of_a_manifest_becomes_its_term() {
        let written = LabelSelector {
            match_labels: Some([("app".to_owned(), "shop".to_owned())].into()),
            match_expressions: Some(vec![
                expression("tier", "In", &["b", "a", "b"]),
                expression("zone", "NotIn", &["x"]),
                expression("owner", "Exists", &[]),
                expression("canary", "DoesNotExist", &[]),
            ]),
        };
        let sent = "app=shop,!canary,owner,tier in (a,b),zone notin (x)";
        assert_eq!(selector_of(Some(&written)), Ok(sent.parse().unwrap()));
    }

    #[test]
    fn without_a_selector_everything_is_asked_for() {
        assert_eq!(selector_of(None), Ok(Selector::everything()));
        assert_eq!(
            selector_of(Some(&LabelSelector::default())),
            Ok(Selector::everything())
        );
    }

    #[test]
    fn what_kubernetes_refuses_is_refused_with_its_mend() {
        let refused = |expression| {
            selector_of(Some(&of_expressions(vec![expression])))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(expression("size", "Gt", &["3"])),
            "`Gt` is no operator for the label `size`: use In, NotIn, Exists or DoesNotExist"
        );
        assert_eq!(
            refused(expression("owner", "Exists", &["a"])),
            "Exists of the label `owner` takes no values: leave them out, or use In or NotIn"
        );
        assert_eq!(
            refused(expression("tier", "In", &[])),
            "the set of values for the label `tier` is empty, give at least one"
        );
    }
}
