//! What an object is, as a path names it.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{InvalidName, name::broken_rule};

/// A resource and its API group: `pods`, which has no group, or `deployments.apps`.
///
/// It prints and parses so, like
/// [Kubernetes' own](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/runtime/schema/group_version.go). A clone costs
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource(Arc<str>);

impl GroupResource {
    pub(crate) fn namespaces() -> Self {
        Self("namespaces".into())
    }

    /// Both as one text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The resource: `deployments`.
    pub fn resource(&self) -> &str {
        self.parts().0
    }

    /// The group: `apps`; empty for Kubernetes' core.
    pub fn group(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('.').unwrap_or((&self.0, ""))
    }
}

impl FromStr for GroupResource {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let halves_rule = || {
            let is_halved = text.starts_with('.') || text.ends_with('.');
            is_halved.then_some("it is `resource` or `resource.group`")
        };
        match broken_rule(text).or_else(halves_rule) {
            None => Ok(Self(text.into())),
            Some(rule) => Err(InvalidName {
                what: "resource",
                name: text.to_owned(),
                rule,
            }),
        }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_what_follows_the_first_point() {
        for (text, resource, group) in [
            ("pods", "pods", ""),
            ("deployments.apps", "deployments", "apps"),
            (
                "ingresses.networking.k8s.io",
                "ingresses",
                "networking.k8s.io",
            ),
        ] {
            let parsed: GroupResource = text.parse().unwrap();
            assert_eq!((parsed.resource(), parsed.group()), (resource, group));
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn half_of_a_resource_is_none() {
        for bad in ["", ".", "pods.", ".apps", "a/b", "100%"] {
            assert!(bad.parse::<GroupResource>().is_err(), "{bad}");
        }
    }
}
