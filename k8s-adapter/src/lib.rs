//! Kubernetes objects in, delegated authentication and authorization.

mod api_error;
mod auth;

pub use crate::{
    api_error::ApiError,
    auth::{
        AuthenticationConfig, BearerToken, CaBundle, ClientCertificate, CurrentConfig, FrontProxy,
        InvalidAuthenticationConfig, InvalidCaBundle, RequestHeader, SubjectAccess, keep_current,
    },
};
