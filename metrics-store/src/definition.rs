//! What a DatadogMetric says.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::Namespace;
use time::Duration;

use crate::{Inexpressible, MetricReference, Wishes};

/// What a DatadogMetric says of the metrics that refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What Datadog is asked, or why it cannot be.
    pub query: Result<Query, Arc<str>>,
    /// Its annotations.
    pub wishes: Wishes,
    /// Its `maxAge`: the age up to which a value counts. An annotation goes before it, three
    /// of the query's buckets are the least, and where these are shorter, a day is the most.
    pub max_age: Option<Duration>,
    /// Its `timeWindow`: how far back Datadog is asked, where that is further than values
    /// count. A day at most.
    pub window: Option<Duration>,
}

impl Definition {
    /// What it wishes for its metrics.
    pub(crate) fn wishes(&self) -> Wishes {
        let age = self.wishes.max_age.or(self.max_age);
        Wishes {
            max_age: age.map(|age| age.min(Duration::DAY)),
            ..self.wishes.clone()
        }
    }
}

/// Whose DatadogMetrics a metric may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// Those of the namespace in which it is asked for.
    Own,
    /// Those of every namespace, as for Datadog's agent.
    Any,
}

impl Namespaces {
    /// # Errors
    /// When what is asked for in `namespace` may not refer to this.
    pub(crate) fn allow(
        self,
        reference: &MetricReference,
        namespace: &Namespace,
    ) -> Result<(), Inexpressible> {
        match self {
            Self::Own if reference.namespace() != namespace.as_str() => {
                Err(Inexpressible::OtherNamespace {
                    reference: reference.clone(),
                    namespace: namespace.clone(),
                })
            }
            Self::Own | Self::Any => Ok(()),
        }
    }
}
