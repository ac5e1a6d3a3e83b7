//! From what Kubernetes asks to what Datadog is asked.

use std::sync::Arc;

use datadog_query::{
    Aggregator, InvalidMetricName, InvalidTag, MetricName, Query, Rollup, Scope, TagFilter,
};
use provider_api::{Condition, ExternalMetric, Namespace, Requirement};
use time::Duration;

use crate::{InvalidReference, MetricReference};

/// How a query is built from a metric's name and selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// How the series that match are made one.
    pub aggregator: Aggregator,
    /// The width of a bucket.
    pub rollup: Rollup,
}

impl Template {
    /// The width of a bucket.
    pub(crate) fn width(self) -> Duration {
        width(self.rollup)
    }

    /// The width of the buckets of a query, whoever wrote it; a day at most, for who would
    /// scale by longer ones.
    pub(crate) fn width_of(self, query: Option<&Query>) -> Duration {
        width(query.and_then(Query::rollup).unwrap_or(self.rollup)).min(Duration::DAY)
    }

    /// The query for `metric`: the selector's terms become the query's scope.
    ///
    /// # Errors
    /// When Datadog has no words for the name or for a term of the selector.
    pub fn query(self, metric: &ExternalMetric) -> Result<Query, Inexpressible> {
        let name: MetricName = metric.name().as_str().parse()?;
        let filters = metric
            .selector()
            .requirements()
            .iter()
            .map(filter)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Query::of(
            &name,
            &Scope::of(filters)?,
            self.aggregator,
            self.rollup,
        ))
    }
}

fn width(Rollup(seconds): Rollup) -> Duration {
    Duration::seconds(seconds.get().into())
}

fn filter(requirement: &Requirement) -> Result<TagFilter, Inexpressible> {
    let key = requirement.key().to_owned();
    Ok(match requirement.condition() {
        Condition::Equals(value) => TagFilter::Is {
            key,
            value: value.clone(),
        },
        Condition::NotEquals(value) => TagFilter::IsNot {
            key,
            value: value.clone(),
        },
        Condition::In(values) => TagFilter::AnyOf {
            key,
            values: values.iter().cloned().collect(),
        },
        Condition::NotIn(values) => TagFilter::NoneOf {
            key,
            values: values.iter().cloned().collect(),
        },
        Condition::Exists => TagFilter::Present { key },
        Condition::DoesNotExist => TagFilter::Absent { key },
        Condition::GreaterThan(_) | Condition::LessThan(_) => {
            return Err(Inexpressible::Comparison(requirement.to_string()));
        }
    })
}

/// Why a metric of Kubernetes cannot be asked of Datadog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inexpressible {
    /// The name is no metric name of Datadog's.
    #[error(transparent)]
    Name(#[from] InvalidMetricName),
    /// A term of the selector is no tag of Datadog's.
    #[error(transparent)]
    Tag(#[from] InvalidTag),
    /// The selector compares numbers, and Datadog's scopes do not.
    #[error("Datadog's tags cannot be compared as numbers, as the selector's `{0}` wants")]
    Comparison(String),
    /// The name begins as a reference to a DatadogMetric, and is none.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// The name refers to a DatadogMetric, and this server reads none.
    #[error(
        "{} is read only where DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD is true", .0.object()
    )]
    NotRead(MetricReference),
    /// The name refers to a DatadogMetric of another namespace, which is forbidden.
    #[error(
        "{} is of another namespace, and an autoscaler in namespace {namespace} reads those of its own: make one \
         there, or set DD_EXTERNAL_METRICS_PROVIDER_CROSS_NAMESPACE to true",
        .reference.object()
    )]
    OtherNamespace {
        /// The reference.
        reference: MetricReference,
        /// The namespace in which it is asked for.
        namespace: Namespace,
    },
    /// The name refers to a DatadogMetric that is not there.
    #[error("{} does not exist", .0.object())]
    Undefined(MetricReference),
    /// The DatadogMetric has no query that could be asked.
    #[error("{}: {why}", .reference.object())]
    Misdefined {
        /// The reference.
        reference: MetricReference,
        /// What is wrong with it.
        why: Arc<str>,
    },
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn query(name: &str, selector: &str) -> Result<String, String> {
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup: Rollup(NonZeroU32::new(30).unwrap()),
        };
        let metric = ExternalMetric::new(
            "shop".parse().unwrap(),
            name.parse().unwrap(),
            selector.parse().unwrap(),
        );
        template
            .query(&metric)
            .map(|query| query.text().to_owned())
            .map_err(|why| why.to_string())
    }

    #[test]
    fn each_term_of_a_selector_becomes_a_tag_of_the_scope() {
        for (selector, scope) in [
            ("", "*"),
            ("kube_container_name=nginx", "kube_container_name:nginx"),
            ("b=2,a=1", "a:1,b:2"),
            ("a!=1,b", "!a:1,b:*"),
            ("!b", "!b:*"),
            ("a in (x)", "a:x"),
            ("a in (x,y),b=1", "a IN (x,y) AND b:1"),
            ("a notin (x,y),!b", "a NOT IN (x,y) AND NOT b:*"),
        ] {
            let expected = format!("avg:nginx.net.request_per_s{{{scope}}}.rollup(30)");
            assert_eq!(
                query("nginx.net.request_per_s", selector),
                Ok(expected),
                "{selector}"
            );
        }
    }

    #[test]
    fn what_datadog_has_no_words_for_is_refused_and_says_so() {
        let refusal = query("depth", "priority>3").unwrap_err();
        assert_eq!(
            refusal,
            "Datadog's tags cannot be compared as numbers, as the selector's `priority>3` wants"
        );
        let refusal = query("queue@shop", "").unwrap_err();
        assert_eq!(
            refusal,
            "a metric name holds letters, digits, `_` and `.`, not '@'"
        );
        let refusal = query("depth", "empty=").unwrap_err();
        assert!(refusal.contains("empty"), "{refusal}");
    }
}
