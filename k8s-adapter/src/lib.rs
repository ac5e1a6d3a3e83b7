//! Kubernetes objects in, delegated authentication and authorization.

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
