//! Whether a user may do something, by the cluster's own rules.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube_client::Client;
use provider_api::{Action, Authorizer, Clock, Decision, Target, Undecided, User};

use super::{
    cache::{Cache, Question},
    review,
};
use crate::{ApiError, api_error::chain};

const PATH: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=10s";
const CAPACITY: usize = 8192;
/// A longer question is asked each time: memory is not for others to fill.
const LONGEST_KEPT: usize = 10_000;

/// Asks the API server by `SubjectAccessReview`, and keeps its decision, yes or
/// no, for ten seconds. While the API server is silent, a yes holds for five minutes.
///
/// Needs the ClusterRole `system:auth-delegator`.
pub struct SubjectAccess {
    client: Client,
    clock: Arc<dyn Clock>,
    decisions: Cache<(User, Action), Decision>,
}

impl SubjectAccess {
    /// An authorizer that asks the API server of `client`.
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            decisions: Cache::of("SubjectAccessReview", CAPACITY, |decision| {
                *decision == Decision::Allowed
            }),
        }
    }

    async fn decision(&self, user: &User, action: &Action) -> Result<Decision, ApiError> {
        let question = SubjectAccessReview {
            spec: spec(user, action),
            ..SubjectAccessReview::default()
        };
        let answer = review::post(&self.client, PATH, &question).await?;
        Ok(match answer.status.unwrap_or_default() {
            status if status.allowed => Decision::Allowed,
            status => Decision::Denied {
                reason: status.reason.unwrap_or_default(),
            },
        })
    }
}

#[async_trait]
impl Authorizer for SubjectAccess {
    async fn authorize(&self, user: &User, action: &Action) -> Result<Decision, Undecided> {
        // Boxed, so that nobody carries the space for it to whom it is told from memory.
        let ask = || Box::pin(self.decision(user, action));
        if length(user, action) >= LONGEST_KEPT {
            return ask().await.map_err(|error| undecided(&error));
        }
        let now = self.clock.now();
        let decision = self.decisions.get(&(user, action), now, ask).await;
        decision.map_err(|error| undecided(&error))
    }
}

fn undecided(error: &ApiError) -> Undecided {
    Undecided(format!("SubjectAccessReview: {}", chain(error)))
}

impl Question<(User, Action)> for (&User, &Action) {
    fn is(&self, (user, action): &(User, Action)) -> bool {
        *self == (user, action)
    }

    fn key(&self) -> (User, Action) {
        (self.0.clone(), self.1.clone())
    }
}

fn spec(user: &User, action: &Action) -> SubjectAccessReviewSpec {
    let verb = Some(action.verb.clone());
    let (resource, non_resource) = match &action.target {
        Target::Resource {
            namespace,
            group,
            version,
            resource,
            subresource,
            name,
        } => {
            let attributes = ResourceAttributes {
                namespace: written(namespace),
                verb,
                group: written(group),
                version: written(version),
                resource: written(resource),
                subresource: written(subresource),
                name: written(name),
                ..ResourceAttributes::default()
            };
            (Some(attributes), None)
        }
        Target::Path(path) => (
            None,
            Some(NonResourceAttributes {
                path: Some(path.clone()),
                verb,
            }),
        ),
    };
    SubjectAccessReviewSpec {
        user: Some(user.name.clone()),
        uid: user.uid.clone(),
        groups: Some(user.groups.clone()).filter(|groups| !groups.is_empty()),
        extra: Some(user.extra.clone()).filter(|extra| !extra.is_empty()),
        resource_attributes: resource,
        non_resource_attributes: non_resource,
    }
}

/// Empty attributes are left out of a review.
fn written(attribute: &str) -> Option<String> {
    (!attribute.is_empty()).then(|| attribute.to_owned())
}

fn length(user: &User, action: &Action) -> usize {
    let target = match &action.target {
        Target::Resource {
            namespace,
            group,
            version,
            resource,
            subresource,
            name,
        } => [namespace, *group, *version, resource, subresource, name]
            .map(str::len)
            .iter()
            .sum(),
        Target::Path(path) => path.len(),
    };
    let groups: usize = user.groups.iter().map(String::len).sum();
    let extra: usize = user
        .extra
        .iter()
        .map(|(key, values)| key.len() + values.iter().map(String::len).sum::<usize>())
        .sum();
    user.name.len()
        + user.uid.as_ref().map_or(0, String::len)
        + groups
        + extra
        + action.verb.len()
        + target
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use time::Duration;

    use super::*;
    use crate::testing::{Asked, NOW, TestClock, api_server};

    struct Story {
        authorizer: SubjectAccess,
        clock: TestClock,
        asked: Asked,
    }

    fn story(code: u16, answer: Value) -> Story {
        let (client, asked) = api_server(move |_, _| (code, answer.clone()));
        let clock = TestClock::at(NOW);
        Story {
            authorizer: SubjectAccess::new(client, Arc::new(clock.clone())),
            clock,
            asked,
        }
    }

    fn answering(status: &Value) -> Story {
        let kind = ("SubjectAccessReview", "authorization.k8s.io/v1");
        story(
            201,
            json!({"kind": kind.0, "apiVersion": kind.1, "metadata": {}, "spec": {}, "status": status}),
        )
    }

    impl Story {
        async fn asks(&self, user: &User, action: &Action) -> Result<Decision, Undecided> {
            self.authorizer.authorize(user, action).await
        }

        fn specs(&self) -> Vec<Value> {
            self.asked
                .lock()
                .unwrap()
                .iter()
                .map(|(_, question)| question["spec"].clone())
                .collect()
        }
    }

    fn bob() -> User {
        User {
            name: "bob".to_owned(),
            uid: Some("7".to_owned()),
            groups: vec!["dev".to_owned(), "system:authenticated".to_owned()],
            extra: BTreeMap::from([("scopes".to_owned(), vec!["a".to_owned()])]),
        }
    }

    fn lists(metric: &str) -> Action {
        let target = Target::Resource {
            namespace: "shop".to_owned(),
            group: "external.metrics.k8s.io",
            version: "v1beta1",
            resource: metric.to_owned(),
            subresource: String::new(),
            name: String::new(),
        };
        Action {
            verb: "list".to_owned(),
            target,
        }
    }

    #[tokio::test]
    async fn a_metric_is_asked_for_as_a_resource() {
        let story = answering(&json!({"allowed": true}));
        assert_eq!(
            story.asks(&bob(), &lists("queue.depth")).await,
            Ok(Decision::Allowed)
        );
        let spec = json!({
            "user": "bob", "uid": "7", "groups": ["dev", "system:authenticated"], "extra": {"scopes": ["a"]},
            "resourceAttributes": {
                "namespace": "shop", "verb": "list", "group": "external.metrics.k8s.io", "version": "v1beta1",
                "resource": "queue.depth",
            },
        });
        assert_eq!(story.specs(), [spec]);
        assert_eq!(story.asked.lock().unwrap()[0].0, PATH);
    }

    #[tokio::test]
    async fn a_path_is_asked_for_as_a_path() {
        let story = answering(&json!({"allowed": true}));
        let action = Action {
            verb: "get".to_owned(),
            target: Target::Path("/metrics/".to_owned()),
        };
        assert_eq!(
            story.asks(&User::anonymous(), &action).await,
            Ok(Decision::Allowed)
        );
        let spec = json!({
            "user": "system:anonymous", "groups": ["system:unauthenticated"],
            "nonResourceAttributes": {"path": "/metrics/", "verb": "get"},
        });
        assert_eq!(story.specs(), [spec]);
    }

    #[tokio::test]
    async fn a_denial_keeps_the_reason() {
        let story = answering(&json!({"allowed": false, "reason": "no rule says so"}));
        let denied = Decision::Denied {
            reason: "no rule says so".to_owned(),
        };
        assert_eq!(story.asks(&bob(), &lists("queue.depth")).await, Ok(denied));
    }

    #[tokio::test]
    async fn an_answer_without_a_status_is_a_denial() {
        let story = story(201, json!({"spec": {}}));
        assert_eq!(
            story.asks(&bob(), &lists("a")).await,
            Ok(Decision::Denied {
                reason: String::new()
            })
        );
    }

    #[tokio::test]
    async fn decisions_are_asked_for_once_in_ten_seconds_for_each_user_and_action() {
        for allowed in [true, false] {
            let story = answering(&json!({"allowed": allowed}));
            for (after, questions) in [(0, 1), (9, 1), (1, 2)] {
                story.clock.advance(Duration::seconds(after));
                story.asks(&bob(), &lists("a")).await.unwrap();
                assert_eq!(story.specs().len(), questions);
            }
            story.asks(&bob(), &lists("b")).await.unwrap();
            story.asks(&User::anonymous(), &lists("b")).await.unwrap();
            assert_eq!(story.specs().len(), 4);
        }
    }

    #[tokio::test]
    async fn a_question_of_ten_thousand_bytes_is_asked_each_time() {
        let story = answering(&json!({"allowed": true}));
        let long = lists(&"a".repeat(LONGEST_KEPT));
        for _ in 0..2 {
            story.asks(&bob(), &long).await.unwrap();
        }
        assert_eq!(story.specs().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_api_server_is_asked_five_times_and_decides_nothing() {
        let story = story(
            503,
            json!({"kind": "Status", "status": "Failure", "message": "starting", "code": 503}),
        );
        let undecided = Err(Undecided(
            "SubjectAccessReview: the API server answers 503: starting".to_owned(),
        ));
        assert_eq!(story.asks(&bob(), &lists("a")).await, undecided);
        assert_eq!(story.specs().len(), 5);
        assert_eq!(story.asks(&bob(), &lists("a")).await, undecided);
        assert_eq!(story.specs().len(), 10);
    }
}
