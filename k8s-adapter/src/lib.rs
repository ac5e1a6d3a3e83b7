//! What Kubernetes objects mean to a server of metrics: which object asks for
//! which metric, who may read it, and how many replicas a reading leads to. It
//! turns an autoscaler into the very request that the cluster will send for it
//! later, so that whoever collects values and whoever serves them mean the same.
//!
//! ```
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
//! let Change { added, .. } = index.apply(demands_of(&hpa));
//! assert_eq!(added.len(), 1);
//! assert_eq!(added[0].asker.to_string(), "HorizontalPodAutoscaler shop/nginxext");
//! assert_eq!(added[0].metric.to_string(), "shop/queue.depth{queue=orders}");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! In the order in which they are met:
//!
//! - [`watch_autoscalers`] tells what all autoscalers of a cluster ask for:
//!   [`demands_of`] one of them, and the [`Change`] of a [`DemandIndex`];
//! - [`keep_current`] follows how the cluster's API servers can be recognized;
//! - [`FrontProxy`], [`ClientCertificate`] and [`BearerToken`] find out who
//!   sends a request, to be tried in this order, and [`SubjectAccess`] whether
//!   they may;
//! - an [`Autoscaler`] does with a reading what the cluster's would.
//!
//! It never fetches a metric and never changes an object of the cluster. It
//! leaves the version of Kubernetes to whoever uses it: enable one of the
//! version features of `k8s-openapi`.

mod api_error;
mod auth;
mod hpa;
mod hpa_rule;
mod index;
mod label_selector;
#[cfg(test)]
mod testing;
mod watch;

pub use crate::{
    api_error::ApiError,
    auth::{
        AuthenticationConfig, BearerToken, CaBundle, ClientCertificate, CurrentConfig, FrontProxy,
        InvalidAuthenticationConfig, InvalidCaBundle, RequestHeader, SubjectAccess, keep_current,
    },
    hpa::{Asked, Demand, Problem, Unservable, demands_of},
    hpa_rule::{Autoscaler, Condition, Decision, InvalidAutoscaler, InvalidField, Reading, Scale},
    index::{Change, DemandIndex},
    label_selector::InvalidLabelSelector,
    watch::{Watched, watch_autoscalers},
};
