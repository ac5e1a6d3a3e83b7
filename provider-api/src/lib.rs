//! The Kubernetes metrics API as a library: types, provider traits, tower services and layers.

mod clock;
mod identity;
mod object;
mod permission;
mod provider;

pub use crate::{
    clock::Clock,
    identity::{AUTHENTICATED, Authenticator, MASTERS, PeerCertificates, Presented, Rejected, UNAUTHENTICATED, User},
    object::ObjectReference,
    permission::{Action, Authorizer, Decision, Target, Undecided},
    provider::{ExternalMetricsProvider, Refusal},
};
