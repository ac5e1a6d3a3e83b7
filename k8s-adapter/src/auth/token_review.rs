//! Users who bring a bearer token.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, header::AUTHORIZATION};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube_client::Client;
use provider_api::{Authenticator, Clock, Presented, Rejected, User};
use ring::{hmac, rand::SystemRandom};

use super::{cache::Cache, review};
use crate::{ApiError, api_error::chain};

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews?timeout=10s";
/// Tokens are remembered for seconds; this many at once is a flood, not a cluster.
const CAPACITY: usize = 8192;

/// Knows the users whose bearer token the API server knows: it is asked by
/// `TokenReview`, and its verdict, good or bad, is kept for ten seconds. While the API
/// server is silent, a good one holds for five minutes.
///
/// Needs the ClusterRole `system:auth-delegator`.
pub struct BearerToken {
    client: Client,
    clock: Arc<dyn Clock>,
    /// Under a keyed hash of the token, so that a look into memory shows none.
    verdicts: Cache<[u8; 32], Option<Arc<User>>>,
    key: hmac::Key,
}

impl BearerToken {
    /// An authenticator that asks the API server of `client`.
    ///
    /// # Panics
    /// When the operating system has no random numbers to give.
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the operating system has random numbers: TLS could not start without them");
        Self {
            client,
            clock,
            verdicts: Cache::of("TokenReview", CAPACITY, Option::is_some),
            key,
        }
    }

    async fn verdict(&self, token: &str) -> Result<Option<Arc<User>>, ApiError> {
        let spec = TokenReviewSpec {
            token: Some(token.to_owned()),
            ..TokenReviewSpec::default()
        };
        let question = TokenReview {
            spec,
            ..TokenReview::default()
        };
        let answer = review::post(&self.client, PATH, &question).await?;
        let status = answer.status.unwrap_or_default();
        Ok(status
            .user
            .filter(|_| status.authenticated == Some(true))
            .and_then(user_of)
            .map(Arc::new))
    }
}

#[async_trait]
impl Authenticator for BearerToken {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let Some(token) = token_of(presented.headers) else {
            return Ok(None);
        };
        let tag = hmac::sign(&self.key, token.as_bytes());
        let tag: [u8; 32] = tag
            .as_ref()
            .try_into()
            .expect("a tag of HMAC-SHA-256 is 32 bytes long");
        let user = self
            .verdicts
            .get(&tag, self.clock.now(), || Box::pin(self.verdict(token)))
            .await
            .map_err(|error| Rejected(format!("bearer token: {}", chain(&error))))?;
        user.map(Some)
            .ok_or_else(|| Rejected("bearer token: the API server does not know it".to_owned()))
    }
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .trim()
        .split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn user_of(info: UserInfo) -> Option<User> {
    Some(User {
        name: info.username.filter(|name| !name.is_empty())?,
        uid: info.uid.filter(|uid| !uid.is_empty()),
        groups: info.groups.unwrap_or_default(),
        extra: info.extra.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use time::Duration;

    use super::*;
    use crate::{
        auth::testing::Presentation,
        testing::{Asked, NOW, TestClock, api_server},
    };

    struct Story {
        authenticator: BearerToken,
        clock: TestClock,
        asked: Asked,
    }

    fn story(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Story {
        let (client, asked) =
            api_server(move |_, question| answer(question["spec"]["token"].as_str().unwrap()));
        let clock = TestClock::at(NOW);
        Story {
            authenticator: BearerToken::new(client, Arc::new(clock.clone())),
            clock,
            asked,
        }
    }

    impl Story {
        async fn presents(&self, authorization: &str) -> Result<Option<Arc<User>>, Rejected> {
            let presentation = Presentation::of(&[("Authorization", authorization)], vec![]);
            self.authenticator
                .authenticate(presentation.presented())
                .await
        }

        fn questions(&self) -> usize {
            self.asked.lock().unwrap().len()
        }
    }

    fn review(status: &Value) -> (u16, Value) {
        (
            201,
            json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": {}, "status": status}),
        )
    }

    fn knows_bob(token: &str) -> (u16, Value) {
        match token {
            "good" => review(&json!({"authenticated": true, "user": {
                "username": "bob", "uid": "7", "groups": ["dev"], "extra": {"scopes": ["a"]},
            }})),
            _ => review(&json!({"authenticated": false, "error": "invalid bearer token"})),
        }
    }

    fn unknown() -> Result<Option<Arc<User>>, Rejected> {
        Err(Rejected(
            "bearer token: the API server does not know it".to_owned(),
        ))
    }

    #[tokio::test]
    async fn a_token_that_the_api_server_knows_names_its_user() {
        let story = story(knows_bob);
        let bob = User {
            name: "bob".to_owned(),
            uid: Some("7".to_owned()),
            groups: vec!["dev".to_owned()],
            extra: BTreeMap::from([("scopes".to_owned(), vec!["a".to_owned()])]),
        };
        assert_eq!(story.presents("Bearer good").await, Ok(Some(Arc::new(bob))));
        let question = json!({
            "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": {"token": "good"},
        });
        assert_eq!(*story.asked.lock().unwrap(), [(PATH.to_owned(), question)]);
    }

    #[tokio::test]
    async fn a_token_that_the_api_server_does_not_know_is_rejected() {
        assert_eq!(story(knows_bob).presents("Bearer bad").await, unknown());
    }

    #[tokio::test]
    async fn a_user_of_a_token_that_is_not_authenticated_does_not_count() {
        let story =
            story(|_| review(&json!({"authenticated": false, "user": {"username": "bob"}})));
        assert_eq!(story.presents("Bearer good").await, unknown());
    }

    #[tokio::test]
    async fn good_and_bad_verdicts_are_asked_for_once_in_ten_seconds() {
        for authorization in ["Bearer good", "Bearer bad"] {
            let story = story(knows_bob);
            let first = story.presents(authorization).await;
            story.clock.advance(Duration::seconds(9));
            assert_eq!(story.presents(authorization).await, first);
            assert_eq!(story.questions(), 1);
            story.clock.advance(Duration::seconds(1));
            assert_eq!(story.presents(authorization).await, first);
            assert_eq!(story.questions(), 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_api_server_is_asked_five_times_and_its_failure_is_not_kept() {
        let story = story(|_| {
            (
                500,
                json!({"kind": "Status", "status": "Failure", "message": "no etcd", "code": 500}),
            )
        });
        let rejected = Err(Rejected(
            "bearer token: the API server answers 500: no etcd".to_owned(),
        ));
        assert_eq!(story.presents("Bearer good").await, rejected);
        assert_eq!(story.questions(), 5);
        assert_eq!(story.presents("Bearer good").await, rejected);
        assert_eq!(story.questions(), 10);
    }

    #[tokio::test]
    async fn a_missing_permission_is_named_at_once() {
        let story = story(|_| {
            (
                403,
                json!({"kind": "Status", "status": "Failure", "message": "no", "code": 403}),
            )
        });
        assert_eq!(
            story.presents("Bearer good").await,
            Err(Rejected(
                "bearer token: the API server forbids it (no): bind this server's ServiceAccount to the ClusterRole \
                 system:auth-delegator"
                    .to_owned()
            ))
        );
        assert_eq!(story.questions(), 1);
    }

    #[tokio::test]
    async fn anything_but_a_bearer_token_is_left_to_others() {
        let story = story(knows_bob);
        for authorization in ["Basic Ym9iOmJvYg==", "Bearer", "Bearer  ", "good"] {
            assert_eq!(
                story.presents(authorization).await,
                Ok(None),
                "{authorization:?}"
            );
        }
        assert_eq!(story.questions(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_does_not_show_in_an_error() {
        let story = story(|token| (201, json!({"spec": {"token": token}, "status": token})));
        let Err(rejected) = story.presents("Bearer good-secret").await else {
            panic!("the answer is no TokenReview")
        };
        assert!(!rejected.0.contains("good-secret"), "{rejected}");
    }
}
