//! The Kubernetes metrics API as a library: types, provider traits, tower services and layers.

mod clock;
mod external;
mod identity;
mod metric;
mod object;
mod permission;
mod provider;
mod quantity;
mod selector;

pub use crate::{
    clock::Clock,
    external::ExternalMetricValue,
    identity::{
        AUTHENTICATED, Authenticator, MASTERS, PeerCertificates, Presented, Rejected,
        UNAUTHENTICATED, User,
    },
    metric::{ExternalMetric, InvalidName, MetricName, Namespace},
    object::ObjectReference,
    permission::{Action, Authorizer, Decision, Target, Undecided},
    provider::{ExternalMetricsProvider, Refusal},
    quantity::{InvalidQuantity, Quantity},
    selector::{Condition, InvalidSelector, Requirement, Selector},
};
