//! What Kubernetes objects mean to a server of metrics: which object asks for
//! which metric, who may read it, and how many replicas a reading leads to. It
//! turns an autoscaler into the very request that the cluster will send for it
//! later, so that whoever collects values and whoever serves them mean the same.
//!
#![cfg_attr(feature = "autoscalers", doc = "```")]
#![cfg_attr(not(feature = "autoscalers"), doc = "```ignore")]
//! use k8s_adapter::{Change, DemandIndex, demands_of};
//!
//! let hpa = serde_json::from_value(serde_json::json!({
//!     "metadata": {"namespace": "shop", "name": "nginxext"},
//!     "spec": {
//!         "scaleTargetRef": {"kind": "Deployment", "name": "nginx"},
//!         "maxReplicas": 3,
//!         "metrics": [{
//!             "type": "External",
//!             "external": {
//!                 "metric": {"name": "queue.depth", "selector": {"matchLabels": {"queue": "orders"}}},
//!                 "target": {"type": "AverageValue", "averageValue": "9"},
//!             },
//!         }],
//!     },
//! }))?;
//!
//! let mut index = DemandIndex::default();
//! let Change { added, .. } = index.apply(demands_of(&hpa, "metrics.example/"));
//! assert_eq!(added.len(), 1);
//! assert_eq!(added[0].demand.asker.to_string(), "HorizontalPodAutoscaler shop/nginxext");
//! assert_eq!(added[0].demand.metric.to_string(), "shop/queue.depth{queue=orders}");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Whoever serves metrics needs two of its features, `access` and `registration`, and
//! has a whole server with one call of `in_cluster`. Its parts can be used alone:
//!
//! - feature `access`: `keep_current` follows how the cluster's API servers can be
//!   recognized; `FrontProxy`, `ClientCertificate` and `BearerToken` find out who sends
//!   a request, to be tried in this order, and `SubjectAccess` whether they may;
//!   `delegated` is a server with all of these.
//! - feature `registration`: a `Registration` keeps the server's own certificate good, and
//!   has the API server trust it; `api_service` makes the APIService of a Service.
//! - feature `autoscalers`: `watch_autoscalers` tells what all autoscalers of a cluster ask
//!   for, Kubernetes' own and WatermarkPodAutoscalers: `demands_of` one of them, and the
//!   `Change` of a `DemandIndex`; what `is_of_keda` is left to KEDA. An `Autoscaler` does
//!   with a reading what the cluster's would.
//! - feature `datadog-metrics`: `DatadogMetrics` tells what the objects of that kind define,
//!   and writes their status.
//! - feature `kept`: `KeptMetrics` keeps what is known of each metric in ConfigMaps, and
//!   tells every replica what another has written.
//! - feature `election`: an `Election` says which of several replicas leads.
//! - feature `events`: `Events` tells on an object what became of its metric, when it takes
//!   a `turn`.
//!
//! It never fetches a metric. The only objects of the cluster that it changes are the
//! server's own: APIService and Secret by a `Registration`, the ConfigMaps of
//! `KeptMetrics`, the Lease of an `Election`, and `Events`. It leaves the version of
//! Kubernetes to whoever uses it: enable one of the version features of `k8s-openapi`.

mod api_error;
#[cfg(feature = "access")]
mod auth;
#[cfg(feature = "datadog-metrics")]
mod datadog_metric;
#[cfg(feature = "autoscalers")]
mod demand;
#[cfg(any(feature = "datadog-metrics", feature = "events"))]
mod digest;
#[cfg(any(feature = "election", feature = "kept"))]
mod dns_name;
#[cfg(feature = "election")]
mod election;
#[cfg(feature = "events")]
mod events;
#[cfg(feature = "autoscalers")]
mod hpa;
#[cfg(feature = "autoscalers")]
mod hpa_rule;
#[cfg(all(feature = "access", feature = "registration"))]
mod in_cluster;
#[cfg(feature = "autoscalers")]
mod index;
#[cfg(feature = "autoscalers")]
mod keda;
#[cfg(feature = "kept")]
mod kept;
#[cfg(feature = "autoscalers")]
mod kind;
#[cfg(feature = "autoscalers")]
mod label_selector;
#[cfg(any(feature = "election", feature = "events"))]
mod micro_time;
#[cfg(feature = "autoscalers")]
mod object;
#[cfg(any(feature = "access", feature = "autoscalers"))]
mod pauses;
#[cfg(feature = "registration")]
mod registration;
#[cfg(feature = "autoscalers")]
mod source;
#[cfg(test)]
mod testing;
#[cfg(feature = "autoscalers")]
mod versions;
#[cfg(feature = "autoscalers")]
mod watch;
#[cfg(feature = "autoscalers")]
mod watermark;
#[cfg(any(feature = "datadog-metrics", feature = "events", feature = "kept"))]
mod wording;

pub use crate::api_error::ApiError;

#[cfg(feature = "access")]
pub use crate::auth::{
    AuthenticationConfig, BearerToken, CaBundle, ClientCertificate, CurrentConfig, FrontProxy,
    InvalidAuthenticationConfig, InvalidCaBundle, RequestHeader, SubjectAccess, keep_current,
};

#[cfg(feature = "datadog-metrics")]
pub use crate::datadog_metric::{
    DatadogMetrics, Defined, DefinitionProblem, Generated, MetricFailure, MetricStanding,
    MetricsChange, MetricsError, MetricsWatched, MetricsWritten, generated_name,
};

#[cfg(feature = "election")]
pub use crate::election::{
    Election, ElectionSettings, InvalidElection, Leadership, LeaseName, Timing,
};

#[cfg(feature = "events")]
pub use crate::events::{Events, Health, Notice, Reporter, Severity, turn};

#[cfg(feature = "registration")]
pub use crate::registration::{InvalidServiceName, Registration, ServiceName, api_service};

#[cfg(all(feature = "access", feature = "registration"))]
pub use crate::in_cluster::{delegated, in_cluster};

#[cfg(feature = "autoscalers")]
pub use crate::{
    demand::{Asked, Circumstances, Demand, Problem, Unservable},
    hpa::{demands_of, wishes_of},
    hpa_rule::{Autoscaler, Condition, Decision, InvalidAutoscaler, InvalidField, Reading, Scale},
    index::{Asking, Change, DemandIndex},
    keda::is_of_keda,
    label_selector::InvalidLabelSelector,
    watch::{AutoscalerWatch, Watched, watch_autoscalers},
    watermark::demands_of_watermark,
};

#[cfg(feature = "kept")]
pub use crate::kept::{
    Failure, InvalidKeptPlace, KeptChange, KeptChanges, KeptError, KeptMetric, KeptMetrics,
    KeptObjects, KeptPlace, KeptPolicy, KeptValue, KeptWatched, KeptWritten, Known, ObjectChange,
    Unreadable, UnreadableEntry,
};
