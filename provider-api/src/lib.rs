//! The Kubernetes metrics API as a library: types, provider traits, tower services and layers.

mod clock;
mod external;
mod identity;
mod layer;
mod metric;
mod object;
mod permission;
mod provider;
mod quantity;
mod selector;
#[cfg(feature = "server")]
mod server;

#[cfg(feature = "server")]
pub use crate::server::{
    CertificateError, Ended, Limits, RotatingCertificate, Server, ServerError, ServingCertificate,
};
pub use crate::{
    clock::Clock,
    external::ExternalMetricValue,
    identity::{
        AUTHENTICATED, Authenticator, MASTERS, PeerCertificates, Presented, Rejected,
        UNAUTHENTICATED, User,
    },
    layer::{Answer, Answering, Around, Within},
    metric::{ExternalMetric, InvalidName, MetricName, Namespace},
    object::ObjectReference,
    permission::{Action, Authorizer, Decision, Target, Undecided},
    provider::{ExternalMetricsProvider, Refusal},
    quantity::{InvalidQuantity, Quantity},
    selector::{Condition, InvalidSelector, Requirement, Selector},
};
