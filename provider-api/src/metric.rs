//! Which metric is meant: the request of an autoscaler, as a value.

use std::{fmt, str::FromStr, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};

use crate::Selector;

/// An external metric as an autoscaler asks for it. This is the identity under
/// which whoever collects values and whoever serves them meet.
///
/// It prints for a person: `shop/queue.depth{app=x}`. A clone costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalMetric {
    namespace: Namespace,
    name: MetricName,
    selector: Selector,
}

impl ExternalMetric {
    /// The API group under which external metrics are asked for.
    pub const GROUP: &str = "external.metrics.k8s.io";
    /// The version of the group.
    pub const VERSION: &str = "v1beta1";
    pub(crate) const API_VERSION: &str = "external.metrics.k8s.io/v1beta1";
    pub(crate) const KIND: &str = "ExternalMetricValueList";

    /// The metric `name`, of the series that `selector` chooses, asked for by an
    /// autoscaler in `namespace`.
    pub fn new(namespace: Namespace, name: MetricName, selector: Selector) -> Self {
        Self {
            namespace,
            name,
            selector,
        }
    }

    /// The autoscaler's own namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The metric's name.
    pub fn name(&self) -> &MetricName {
        &self.name
    }

    /// Which series of the metric are meant.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The same metric with its name in small letters, where it has capital ones.
    /// Kubernetes' clients write every resource into a path in small letters, so an
    /// autoscaler that says `queue.Depth` asks for `queue.depth`.
    pub fn in_small_letters(&self) -> Option<Self> {
        let name = self.name.0.to_lowercase();
        (name != *self.name.0).then(|| Self {
            name: MetricName(name.into()),
            ..self.clone()
        })
    }

    /// The path, query included, at which a metrics API server answers for it:
    /// what an autoscaler asks, and what `kubectl get --raw` takes.
    pub fn path(&self) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let namespace = escaped(&self.namespace.0);
        let name = escaped(&self.name.0.to_lowercase());
        let path = format!("/apis/{}/namespaces/{namespace}/{name}", Self::API_VERSION);
        if self.selector.requirements().is_empty() {
            return path;
        }
        format!(
            "{path}?labelSelector={}",
            escaped(&self.selector.to_string())
        )
    }
}

/// Everything but what may stand in any part of a URL as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl fmt::Display for ExternalMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            name,
            selector,
        } = self;
        write!(f, "{namespace}/{name}{{{selector}}}")
    }
}

/// The name of a metric.
///
/// Kubernetes writes it into a path, so it is anything that can stand between
/// two slashes: not empty, not `.` or `..`, and without `/` and `%`. Small and
/// capital letters differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(Arc<str>);

/// The name of a namespace, under the same rules as a [`MetricName`]. Nobody
/// checks that the namespace exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

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

path_segment!(MetricName, "metric name");
path_segment!(Namespace, "namespace");

fn broken_rule(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("a path cannot hold `.` or `..` as a name"),
        _ if name.contains(['/', '%']) => {
            Some("it contains `/` or `%`, which a path cannot hold; write `|` in place of a slash")
        }
        _ => None,
    }
}

/// Why a text is no name of a metric or a namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no {what}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    rule: &'static str,
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

    #[test]
    fn a_metric_prints_as_a_person_names_it() {
        let metric = |selector: &str| {
            ExternalMetric::new(
                "shop".parse().unwrap(),
                "queue.depth".parse().unwrap(),
                selector.parse().unwrap(),
            )
            .to_string()
        };
        assert_eq!(metric("app=x,!y"), "shop/queue.depth{app=x,!y}");
        assert_eq!(metric(""), "shop/queue.depth{}");
    }

    #[test]
    fn an_autoscaler_asks_for_a_name_in_small_letters() {
        let metric = |name: &str| {
            ExternalMetric::new(
                "shop".parse().unwrap(),
                name.parse().unwrap(),
                "App=X".parse().unwrap(),
            )
        };
        assert_eq!(
            metric("Queue.Depth").path(),
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.depth?labelSelector=App%3DX"
        );
        assert_eq!(
            metric("Queue.Depth").in_small_letters(),
            Some(metric("queue.depth"))
        );
        assert_eq!(metric("queue.depth").in_small_letters(), None);
    }
}
