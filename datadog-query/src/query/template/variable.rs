//! What a variable stands for.

use std::fmt;

/// What is put in where a query is used, written as Datadog's agent reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `%%tag_kube_cluster_name%%`: the name of the cluster.
    ClusterName,
    /// `%%env_NAME%%`: the environment variable `NAME` of the agent.
    Environment(String),
}

impl Variable {
    /// The variable that is written so, with its signs of per cent.
    pub(super) fn written(text: &str) -> Option<Self> {
        let (name, "") = inner(text)? else {
            return None;
        };
        match name.split_once('_')? {
            ("tag", "kube_cluster_name") => Some(Self::ClusterName),
            ("env", name) if !name.is_empty() => Some(Self::Environment(name.to_owned())),
            _ => None,
        }
    }
}

/// The variable that a text begins with, as it is written, be it known or not.
pub(in crate::query) fn leading(text: &str) -> Option<&str> {
    let (_, rest) = inner(text)?;
    Some(&text[..text.len() - rest.len()])
}

/// What stands between the signs that a text begins with, and what follows them.
fn inner(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("%%")?.split_once("%%")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest))
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterName => f.write_str("%%tag_kube_cluster_name%%"),
            Self::Environment(name) => write!(f, "%%env_{name}%%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_variable_is_read_as_it_is_printed(name in "[A-Za-z0-9_.-]{1,9}") {
            for variable in [Variable::ClusterName, Variable::Environment(name)] {
                prop_assert_eq!(Variable::written(&variable.to_string()), Some(variable));
            }
        }
    }

    #[test]
    fn what_is_misspelt_is_no_variable() {
        for text in [
            "%%tag_cluster_name%%",
            "%%kube_cluster_name%%",
            "%%env_%%",
            "%%env%%",
            "%%ENV_A%%",
            "%% env_A %%",
            "%%host%%",
            "%%%%",
            "%%env_A%%x",
            "x%%env_A%%",
        ] {
            assert_eq!(Variable::written(text), None, "{text}");
        }
    }
}
