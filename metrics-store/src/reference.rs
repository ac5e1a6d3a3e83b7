//! Metrics that name a DatadogMetric, which says what Datadog is asked for them.

use std::{fmt, str::FromStr, sync::Arc};

use provider_api::{ExternalMetric, MetricName, ObjectReference};

/// Which DatadogMetric a metric's name refers to: `datadogmetric@shop:depth` is the one of
/// namespace `shop` that is called `depth`.
///
/// Datadog's agent reads such names in small letters, and each part as
/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`: a DatadogMetric with a dot in its name cannot be
/// referred to. It prints and parses as the metric's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricReference {
    namespace: Arc<str>,
    name: Arc<str>,
}

/// Begins the name of each metric that is a reference.
const PREFIX: &str = "datadogmetric@";

/// A name that begins as a reference and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` refers to no DatadogMetric: write datadogmetric@<namespace>:<name>, each of letters, digits and, between \
     them, `-`"
)]
pub struct InvalidReference(String);

impl MetricReference {
    /// The reference to the DatadogMetric of this namespace and name.
    ///
    /// # Errors
    /// When no metric's name can refer to it.
    pub fn new(namespace: &str, name: &str) -> Result<Self, InvalidReference> {
        if !is_part(namespace) || !is_part(name) {
            return Err(InvalidReference(format!("{PREFIX}{namespace}:{name}")));
        }
        let (namespace, name) = (namespace.into(), name.into());
        Ok(Self { namespace, name })
    }

    /// What a metric of this name refers to; nothing, where the name is that of a metric of
    /// Datadog.
    pub fn in_name(metric: &MetricName) -> Option<Result<Self, InvalidReference>> {
        begins(metric).then(|| metric.as_str().parse())
    }

    /// The namespace of the DatadogMetric.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the DatadogMetric.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The DatadogMetric itself.
    pub fn object(&self) -> ObjectReference {
        ObjectReference {
            kind: "DatadogMetric".into(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// The one writing of metrics that differ in capitals alone and refer to one DatadogMetric.
pub(crate) fn in_one_writing(metric: ExternalMetric) -> ExternalMetric {
    rewritten(&metric).unwrap_or(metric)
}

/// The one writing of a metric, where that is another.
pub(crate) fn rewritten(metric: &ExternalMetric) -> Option<ExternalMetric> {
    begins(metric.name()).then(|| metric.in_small_letters())?
}

fn begins(metric: &MetricName) -> bool {
    let beginning = metric.as_str().get(..PREFIX.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(PREFIX))
}

fn is_part(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.bytes().all(is_inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl fmt::Display for MetricReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name } = self;
        write!(f, "{PREFIX}{namespace}:{name}")
    }
}

impl FromStr for MetricReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let small = text.to_lowercase();
        let parts = small.strip_prefix(PREFIX);
        parts
            .and_then(|parts| parts.split_once(':'))
            .and_then(|(namespace, name)| Self::new(namespace, name).ok())
            .ok_or_else(|| InvalidReference(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(name: &str) -> Option<Result<MetricReference, String>> {
        let reference = MetricReference::in_name(&name.parse().unwrap())?;
        Some(reference.map_err(|why| why.to_string()))
    }

    #[test]
    fn a_reference_is_read_whatever_its_capitals() {
        let depth = MetricReference::new("shop", "queue-depth").unwrap();
        for name in [
            "datadogmetric@shop:queue-depth",
            "DatadogMetric@Shop:queue-Depth",
        ] {
            assert_eq!(of(name), Some(Ok(depth.clone())), "{name}");
        }
        assert_eq!(depth.object().to_string(), "DatadogMetric shop/queue-depth");
        for name in [
            "queue.depth",
            "datadogmetric",
            "datadogmetric.shop",
            "é@shop:depth",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_only_begins_as_a_reference_says_how_one_is_written() {
        for name in [
            "datadogmetric@",
            "datadogmetric@shop",
            "datadogmetric@shop:",
            "datadogmetric@:depth",
            "datadogmetric@shop:queue.depth",
            "datadogmetric@shop:-depth",
            "datadogmetric@shop:a:b",
        ] {
            let expected = format!(
                "`{name}` refers to no DatadogMetric: write datadogmetric@<namespace>:<name>, each of letters, \
                 digits and, between them, `-`"
            );
            assert_eq!(of(name), Some(Err(expected)));
        }
    }

    proptest! {
        #[test]
        fn a_reference_is_read_back_as_it_is_printed(
            namespace in "[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?", name in "[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?",
        ) {
            let reference = MetricReference::new(&namespace, &name).unwrap();
            prop_assert_eq!(reference.to_string().parse(), Ok(reference));
        }

        #[test]
        fn no_name_of_a_metric_is_read_as_another_reference_than_it_says(text in "[dD]atadogmetric@[a-z:.@-]{0,9}") {
            if let Ok(reference) = text.parse::<MetricReference>() {
                prop_assert_eq!(reference.to_string(), text.to_lowercase());
            }
        }
    }
}
