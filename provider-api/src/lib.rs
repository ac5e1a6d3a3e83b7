//! Serve any number to Kubernetes' Horizontal Pod Autoscalers: implement
//! [`ExternalMetricsProvider`], and [`MetricsApi`] makes it the external metrics
//! API; [`CustomMetricsProvider`] is the same for metrics of Kubernetes objects. The
//! types, the service, the layers and the server can each be used alone.
//!
//! ```
//! use std::sync::atomic::{AtomicI64, Ordering};
//!
//! use async_trait::async_trait;
//! use http::Request;
//! use http_body_util::BodyExt;
//! use provider_api::{
//!     ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, MetricsApi, Refusal,
//! };
//! use serde_json::{Value, json};
//! use time::macros::datetime;
//! use tower::ServiceExt;
//!
//! /// A queue whose length decides how many pods work on it.
//! struct Queue {
//!     name: MetricName,
//!     length: AtomicI64,
//! }
//!
//! #[async_trait]
//! impl ExternalMetricsProvider for Queue {
//!     async fn external_metric(
//!         &self,
//!         metric: &ExternalMetric,
//!     ) -> Result<Vec<ExternalMetricValue>, Refusal> {
//!         if metric.name() != &self.name {
//!             return Err(Refusal::Unknown(format!("there is no {metric}, only {}", self.name)));
//!         }
//!         let length = self.length.load(Ordering::Relaxed);
//!         let measured = datetime!(2026-01-02 03:04:05 UTC);
//!         Ok(vec![ExternalMetricValue::new(self.name.clone(), length.into(), measured)])
//!     }
//!
//!     fn external_metrics(&self) -> Vec<MetricName> {
//!         vec![self.name.clone()]
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = MetricsApi::new(Queue { name: "queue.length".parse()?, length: AtomicI64::new(1500) });
//!
//! // What the autoscaler asks in namespace shop:
//! let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.length";
//! let answer = api.oneshot(Request::get(path).body(())?).await?;
//! let body: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
//!
//! assert_eq!(body, json!({
//!     "kind": "ExternalMetricValueList",
//!     "apiVersion": "external.metrics.k8s.io/v1beta1",
//!     "metadata": {},
//!     "items": [{
//!         "metricName": "queue.length",
//!         "metricLabels": {},
//!         "timestamp": "2026-01-02T03:04:05Z",
//!         "value": "1500",
//!     }],
//! }));
//! # Ok(())
//! # }
//! ```
//!
//! To serve that to a cluster, hand it to `MetricsServer` (feature `server`), which has TLS,
//! authentication, authorization, a log and counters; the crate `k8s-adapter` asks
//! Kubernetes who may read. Whether any server keeps the contract, the feature
//! `conformance` finds out.
//!
//! Read on in the order in which a request travels: [`ExternalMetric`], which is asked for;
//! [`ExternalMetricsProvider`], which answers; [`ExternalMetricValue`] with its
//! [`Quantity`], or a [`Refusal`]; [`MetricsApi`], which has a path for each of them; and
//! [`Route`] and [`Format`] for those who put layers of their own above it.
//!
//! `docs/write-a-provider.md` of the repository leads from an empty folder to a Deployment
//! that scales on a number of one's own.
//!
//! It never fetches a metric, keeps one or reads the clock: the provider does.

mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod custom;
mod discovery;
mod encode;
mod external;
mod group;
mod health;
mod identity;
mod layer;
mod meanings;
mod metric;
#[cfg(feature = "server")]
mod metrics;
mod name;
mod object;
mod openapi;
mod permission;
mod provider;
mod quantity;
mod query;
mod route;
mod selector;
#[cfg(feature = "server")]
mod server;
mod service;
mod status;

// What is asked for.
pub use crate::{
    custom::{CustomMetric, GroupResource, ListedMetric},
    metric::ExternalMetric,
    name::{InvalidName, MetricName, Namespace, ObjectName},
    object::ObjectReference,
    selector::{Condition, InvalidSelector, Requirement, Selector},
};

// What answers.
pub use crate::provider::{CustomMetricsProvider, ExternalMetricsProvider, Refusal};

// What it is worth, or why there is nothing.
pub use crate::{
    custom::{CustomMetricValue, DescribedObject},
    external::{ExternalMetricValue, ExternalMetricValueList},
    quantity::{InvalidQuantity, Quantity},
    status::{Cause, Reason, Status, StatusDetails},
};

// The API over a provider.
pub use crate::{
    encode::Format,
    health::{Check, Ending},
    route::Route,
    service::MetricsApi,
};

// Who asks, and whether they may.
pub use crate::{
    identity::{
        AUTHENTICATED, Authenticator, MASTERS, PeerCertificates, Presented, Rejected,
        UNAUTHENTICATED, User,
    },
    permission::{Action, Authorizer, Decision, Target, Undecided},
};

// What a request passes on its way.
pub use crate::layer::{
    AccessLog, Answer, Answering, Around, Authenticate, Authorize, Below, CatchPanic, Impersonate,
    InFlightLimit, Layered, Layers, RequestId,
};

#[cfg(feature = "server")]
pub use crate::{
    layer::Deadline,
    metrics::{MetricsPage, ServerMetrics},
};

// What listens.
pub use crate::{clock::Clock, query::duration};

#[cfg(feature = "server")]
pub use crate::server::{
    CertificateError, Ended, Lifetimes, Limits, MetricsServer, OwnCertificate, RotatingCertificate,
    Server, ServerError, ServingCertificate, Shutdown,
};
