//! The names that Kubernetes writes into a path.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};

/// The name of a metric, such as `nginx.net.request_per_s`.
///
/// Kubernetes writes it into a path, so it is anything that can
/// [stand between two slashes](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/api/validation/path/name.go): not empty,
/// not `.` or `..`, and without `/` and `%`. Where a source has slashes in its names, `|`
/// is customary. Small and capital letters differ. A clone costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(Arc<str>);

/// The name of a namespace, under the same rules as a [`MetricName`]. Nobody
/// checks that the namespace exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

/// The name of a Kubernetes object, under the same rules as a [`MetricName`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(Arc<str>);

macro_rules! path_segment {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                match broken_rule(name) {
                    None => Ok(Self(name.into())),
                    Some(rule) => Err(InvalidName {
                        what: $what,
                        name: name.to_owned(),
                        rule,
                    }),
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;

            fn try_from(name: &str) -> Result<Self, InvalidName> {
                name.parse()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A namespace is an object too.
impl From<Namespace> for ObjectName {
    fn from(Namespace(name): Namespace) -> Self {
        Self(name)
    }
}

impl MetricName {
    /// The same name in small letters. Most are so, and are themselves.
    pub(crate) fn in_small_letters(&self) -> Self {
        let is_small = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
        if self.0.bytes().all(is_small) {
            return self.clone();
        }
        // No letter becomes one that is against the rules.
        Self(self.0.to_lowercase().into())
    }
}

path_segment!(MetricName, "metric name");
path_segment!(Namespace, "namespace");
path_segment!(ObjectName, "object name");

/// The rule that a text breaks as one part of a path.
pub(crate) fn broken_rule(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("a path cannot hold `.` or `..` as a name"),
        _ if name.contains(['/', '%']) => {
            Some("it contains `/` or `%`, which a path cannot hold; write `|` in place of a slash")
        }
        _ => None,
    }
}

/// Why a text is no name of a metric, a namespace, an object or a resource.
///
/// The rules are those of a [`MetricName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no {what}: {rule}")]
pub struct InvalidName {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) rule: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_whatever_can_stand_between_two_slashes() {
        for good in [
            "a",
            "nginx.net.request_per_s",
            "A:b|c d",
            "...",
            "status",
            "métrique",
        ] {
            assert_eq!(
                good.parse::<MetricName>().map(|name| name.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", ".", "..", "a/b", "/", "100%", "a%2Fb"] {
            assert!(bad.parse::<MetricName>().is_err(), "{bad}");
            assert!(bad.parse::<Namespace>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_in_small_letters_is_itself_and_costs_no_memory() {
        let small = |name: &str| {
            let name: MetricName = name.parse().unwrap();
            let small = name.in_small_letters();
            let is_itself = Arc::ptr_eq(&name.0, &small.0);
            (small.to_string(), is_itself)
        };
        assert_eq!(small("queue.depth@1"), ("queue.depth@1".to_owned(), true));
        assert_eq!(small("Queue.Depth"), ("queue.depth".to_owned(), false));
        assert_eq!(small("MÉTRIQUE"), ("métrique".to_owned(), false));
    }

    #[test]
    fn a_bad_name_says_what_it_was_meant_to_be() {
        assert_eq!(
            "a/b".parse::<MetricName>().map_err(|error| error.to_string()),
            Err("`a/b` is no metric name: it contains `/` or `%`, which a path cannot hold; write `|` in place of a slash".to_owned())
        );
        assert_eq!(
            "".parse::<Namespace>().map_err(|error| error.to_string()),
            Err("`` is no namespace: it is empty".to_owned())
        );
    }
}
