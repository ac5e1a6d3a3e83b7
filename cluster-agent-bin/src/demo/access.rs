//! Who may read the demo's metrics: whoever has the token that it prints.

use std::{fmt::Write, sync::Arc};

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use provider_api::{
    Action, Authenticator, Authorizer, Decision, ExternalMetric, Presented, Rejected, Target,
    Undecided, User,
};

/// The one user of the demo.
const READER: &str = "demo-reader";

/// A token made for one run of the demo.
#[derive(Clone)]
pub(crate) struct DemoToken(String);

impl DemoToken {
    /// A token that nobody has used before: the hash keys of the standard library are
    /// random, and nothing but this machine's own user is kept out by it.
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let mut token = String::from("demo-");
        // Writing to a string does not fail.
        let _ = write!(token, "{:016x}", RandomState::new().hash_one(READER));
        Self(token)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[async_trait]
impl Authenticator for DemoToken {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let Some(header) = presented.headers.get(AUTHORIZATION) else {
            return Ok(None);
        };
        if header.as_bytes() == format!("Bearer {}", self.0).as_bytes() {
            return Ok(Some(Arc::new(User {
                name: READER.to_owned(),
                ..User::default()
            })));
        }
        Err(Rejected(
            "the token is not the one that the demo printed".to_owned(),
        ))
    }
}

/// Lets the demo's user read metrics and what describes them, and nobody anything else.
pub(crate) struct DemoReader;

#[async_trait]
impl Authorizer for DemoReader {
    async fn authorize(&self, user: &User, action: &Action) -> Result<Decision, Undecided> {
        let may = match &action.target {
            Target::Resource { group, .. } => {
                *group == ExternalMetric::GROUP && action.verb == "list"
            }
            Target::Path(_) => action.verb == "get",
        };
        Ok(if may && user.name == READER {
            Decision::Allowed
        } else {
            Decision::Denied {
                reason: "ask with the token that the demo printed".to_owned(),
            }
        })
    }
}
