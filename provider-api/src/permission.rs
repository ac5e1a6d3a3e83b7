//! What somebody wants to do, and the trait that says whether they may.

use async_trait::async_trait;

use crate::User;

/// What a request does, in the words of a Kubernetes `SubjectAccessReview`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// `list` and `get` for metrics; the lower-case HTTP method for plain paths.
    pub verb: String,
    /// On what.
    pub target: Target,
}

/// The object of an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A resource of an API group; a metric's name is the resource (external
    /// metrics) or the subresource (custom metrics).
    Resource {
        /// The namespace; empty at the cluster's scope.
        namespace: String,
        /// The API group.
        group: &'static str,
        /// The version of the group.
        version: &'static str,
        /// The resource.
        resource: String,
        /// The subresource; empty for none.
        subresource: String,
        /// The object's name; empty for none.
        name: String,
    },
    /// A path that names no resource: discovery, health, version, metrics.
    Path(String),
}

/// What an [`Authorizer`] decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user may.
    Allowed,
    /// The user may not; the reason is shown to them where there is one.
    Denied {
        /// Kubernetes' own words; may be empty.
        reason: String,
    },
}

/// Says whether a user may do what a request asks.
#[async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// The decision.
    ///
    /// # Errors
    /// When nobody could be asked: the request is answered with 500 and nothing
    /// is remembered.
    async fn authorize(&self, user: &User, action: &Action) -> Result<Decision, Undecided>;
}

/// Why no decision could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undecided(pub String);
