//! Who sends a request and whether they may: delegated to the API server.

mod ca_bundle;
mod cache;
mod client_certificate;
mod config;
mod config_watch;
mod front_proxy;
mod newest;
mod review;
mod subject_access;
#[cfg(test)]
mod testing;
mod token_review;
mod verified;

pub use self::{
    ca_bundle::{CaBundle, InvalidCaBundle},
    client_certificate::ClientCertificate,
    config::{AuthenticationConfig, InvalidAuthenticationConfig, RequestHeader},
    config_watch::{CurrentConfig, keep_current},
    front_proxy::FrontProxy,
    subject_access::SubjectAccess,
    token_review::BearerToken,
};
