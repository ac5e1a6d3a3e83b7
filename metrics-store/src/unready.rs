//! Why there is no value, as a closed list, and the one table that turns it into
//! what the autoscaler is told.

use datadog_query::Query;
use provider_api::{ExternalMetric, MetricName, Refusal};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{Cause, Inexpressible, MetricReference};

/// Why there is no value to serve.
#[derive(Clone, Debug)]
pub enum Unready {
    /// The first list of autoscalers has not arrived, so nobody knows yet whether
    /// the metric is wanted.
    NotSynced,
    /// The first list of `DatadogMetric`s has not arrived, so nobody knows yet what this one
    /// says.
    NotDefined(MetricReference),
    /// No autoscaler asks for it.
    NotDemanded,
    /// Autoscalers ask for several metrics, of these names, by the same request.
    Ambiguous(Vec<MetricName>),
    /// Datadog has no words for it.
    Inexpressible(Inexpressible),
    /// Datadog has not answered yet.
    Waiting(Query),
    /// Datadog answers, and its newest value is too old.
    Stale {
        /// The query.
        query: Query,
        /// When the newest value was measured.
        measured: OffsetDateTime,
        /// The age up to which a value is served.
        max_age: Duration,
    },
    /// Its newest value is too old, and was not yet when Datadog answered last.
    Unasked {
        /// The query.
        query: Query,
        /// When the newest value was measured.
        measured: OffsetDateTime,
        /// The age up to which a value is served.
        max_age: Duration,
        /// When Datadog answered last.
        heard: OffsetDateTime,
    },
    /// Datadog's last answer had no value, and there is none from before that is
    /// young enough.
    Failing {
        /// The query.
        query: Query,
        /// Why.
        cause: Cause,
        /// When the last value was measured, where there was one.
        measured: Option<OffsetDateTime>,
    },
}

impl Unready {
    /// What the autoscaler is told of `metric`: the code by kind, and a message
    /// that says which query, what happened and what to do. Times in it are
    /// absolute, since Kubernetes counts equal messages as one event.
    pub fn refusal(&self, metric: &ExternalMetric) -> Refusal {
        match self {
            Self::NotSynced => Refusal::NotReady(format!(
                "external metric {metric}: the autoscalers of the cluster have not been read yet, ask again in a few seconds"
            )),
            Self::NotDefined(_) => Refusal::NotReady(format!(
                "external metric {metric}: the DatadogMetrics of the cluster have not been read yet, ask again in a few seconds"
            )),
            Self::NotDemanded => Refusal::Unknown(format!(
                "external metric {metric}: no HorizontalPodAutoscaler in namespace {} asks for this name and selector, and only what one asks for is fetched",
                metric.namespace()
            )),
            Self::Ambiguous(names) => Refusal::BadRequest(format!(
                "external metric {metric}: HorizontalPodAutoscalers in namespace {} ask for {}, and Kubernetes asks for each in small letters: let all of them write one name",
                metric.namespace(),
                names
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(" and "),
            )),
            Self::Inexpressible(why @ Inexpressible::Undefined(_)) => {
                Refusal::Unknown(format!("external metric {metric}: {why}"))
            }
            Self::Inexpressible(why) => Refusal::BadRequest(format!(
                "external metric {metric} cannot be asked of Datadog: {why}"
            )),
            Self::Waiting(query) => Refusal::NotReady(format!(
                "external metric {metric}: Datadog has not answered {query:.500} yet, ask again in a few seconds"
            )),
            Self::Stale {
                query,
                measured,
                max_age,
            } => Refusal::Stale(format!(
                "{query:.500}: the newest value is of {}, and only values up to {} s old are served; check that the metric is still being sent, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE",
                instant(*measured),
                max_age.whole_seconds()
            )),
            Self::Unasked {
                query,
                measured,
                max_age,
                heard,
            } => Refusal::Stale(format!(
                "{query:.500}: the newest value is of {}, and only values up to {} s old are served; Datadog has answered last at {}, and if that stays so, the agent's log says why",
                instant(*measured),
                max_age.whole_seconds(),
                instant(*heard)
            )),
            Self::Failing {
                query,
                cause: cause @ Cause::UnknownMetric,
                ..
            } => Refusal::Unknown(format!("{query:.500}: {cause}")),
            Self::Failing {
                query,
                cause,
                measured,
            } => Refusal::NoData(match measured {
                Some(measured) => format!(
                    "{query:.500}: {cause}; the last value is of {}",
                    instant(*measured)
                ),
                None => format!("{query:.500}: {cause}"),
            }),
        }
    }
}

/// In whole seconds, as Kubernetes writes times.
fn instant(time: OffsetDateTime) -> String {
    let seconds = time.replace_nanosecond(0).unwrap_or(time);
    // Only a year beyond 9999 has no such form.
    seconds
        .format(&Rfc3339)
        .unwrap_or_else(|_| seconds.to_string())
}
