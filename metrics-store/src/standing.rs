//! How a question to Datadog stands, as it is told to people.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::{MetricName, ObjectReference};

use crate::{MetricReference, Reading, Told};

/// How what somebody asks of Datadog stands, whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who says what is asked.
    pub subject: Subject,
    /// What is asked, or why it cannot be.
    pub query: Result<Query, Arc<str>>,
    /// Who is answered with it.
    pub askers: Vec<ObjectReference>,
    /// What is known; nothing, where nobody asks or Datadog has not answered yet.
    pub told: Option<Told>,
    /// What is served of it to an object that wishes nothing otherwise; nothing, where it is
    /// refused.
    pub reading: Option<Reading>,
}

/// Who says what is asked of Datadog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A `DatadogMetric`.
    Definition(MetricReference),
    /// The autoscalers, by this name of a metric and their labels.
    Name(MetricName),
}
