//! The Kubernetes metrics API as a library: types, provider traits, tower services and layers.

mod clock;
mod discovery;
mod encode;
mod external;
mod health;
mod identity;
mod layer;
mod metric;
mod object;
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

pub use crate::{
    clock::Clock,
    encode::Format,
    external::{ExternalMetricValue, ExternalMetricValueList},
    health::Check,
    identity::{
        AUTHENTICATED, Authenticator, MASTERS, PeerCertificates, Presented, Rejected,
        UNAUTHENTICATED, User,
    },
    layer::{
        AccessLog, Answer, Answering, Around, Authenticate, Authorize, CatchPanic, InFlightLimit,
        RequestId, Layered,
    },
    metric::{ExternalMetric, InvalidName, MetricName, Namespace},
    object::ObjectReference,
    permission::{Action, Authorizer, Decision, Target, Undecided},
    provider::{ExternalMetricsProvider, Refusal},
    quantity::{InvalidQuantity, Quantity},
    route::Route,
    selector::{Condition, InvalidSelector, Requirement, Selector},
    service::MetricsApi,
    status::{Reason, Status, StatusDetails},
};
#[cfg(feature = "server")]
pub use crate::{
    layer::Deadline,
    server::{
        CertificateError, Ended, Limits, RotatingCertificate, Server, ServerError,
        ServingCertificate,
    },
};
