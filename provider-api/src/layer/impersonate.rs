//! Somebody acts as somebody else.

mod wanted;

use std::sync::Arc;

use http::Request;
use tower::Layer;
use tracing::{info, warn};

use self::wanted::Wanted;
use super::{
    around::{Answer, Around, Below, Layered},
    authorize::decide,
};
use crate::{Authorizer, Decision, Format, Status, User};

/// Makes a request that of another [`User`], where it asks for that by the headers
/// `Impersonate-User`, `-Group`, `-Uid` and `-Extra-…` and its sender may `impersonate`
/// each of them, as `kubectl --as` does. From here on the headers are gone.
///
/// It stands between [`Authenticate`](super::Authenticate) and
/// [`Authorize`](super::Authorize). The API server resolves impersonation itself; this
/// serves those who ask this server directly.
///
/// [Kubernetes on impersonation](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation)
#[derive(Clone)]
pub struct Impersonate {
    authorizer: Arc<dyn Authorizer>,
}

impl Impersonate {
    /// Asks this authorizer who may act as whom.
    pub fn by(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer }
    }
}

impl<S> Layer<S> for Impersonate {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for Impersonate {
    async fn around<S: Below<B>>(&self, mut request: Box<Request<B>>, below: S) -> Answer {
        // Boxed, so that no other request carries the space for it.
        if Wanted::is_in(request.headers())
            && let Err(status) = Box::pin(act(&*self.authorizer, &mut request)).await
        {
            return status.answer(Format::of_status(&request));
        }
        below.answer(request).await
    }
}

/// Makes the request that of the user whom it names.
async fn act<B>(authorizer: &dyn Authorizer, request: &mut Request<B>) -> Result<(), Status> {
    let wanted = Wanted::take(request.headers_mut())?;
    let sender: Option<Arc<User>> = request.extensions().get().cloned();
    let sender = sender.unwrap_or_else(|| Arc::new(User::anonymous()));
    // One after the other: whoever may not be the first is asked about no more.
    for action in wanted.actions() {
        match decide(authorizer, &sender, &action).await {
            Ok(Decision::Allowed) => {}
            Ok(Decision::Denied { reason }) => {
                return Err(Status::forbidden(&sender, &action, &reason));
            }
            Err(error) => {
                warn!(%error, user = sender.name, "nobody can say whether the user may act as another");
                return Err(Status::internal(&error));
            }
        }
    }
    let user = wanted.into_user();
    info!(
        user = sender.name,
        acts_as = user.name,
        path = request.uri().path(),
        "a user acts as another"
    );
    request.extensions_mut().insert(Arc::new(user));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        AUTHENTICATED, Action, MASTERS, Undecided,
        layer::testing::{Answered, ask, echo},
    };

    /// Lets everybody be anybody but eve, and remembers how often it was asked.
    #[derive(Default)]
    struct Cluster {
        asked: Mutex<usize>,
    }

    #[async_trait]
    impl Authorizer for Cluster {
        async fn authorize(&self, _: &User, action: &Action) -> Result<Decision, Undecided> {
            *self.asked.lock().unwrap() += 1;
            let action = format!("{action:?}");
            if action.contains("nobody-knows") {
                return Err(Undecided("away".to_owned()));
            }
            Ok(if action.contains("eve") {
                Decision::Denied {
                    reason: "not her".to_owned(),
                }
            } else {
                Decision::Allowed
            })
        }
    }

    fn sender(groups: &[&str]) -> User {
        User {
            name: "bob".to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            ..User::default()
        }
    }

    /// The answer to bob's request with these headers, which tells whose it became and
    /// which headers are left; and how often the authorizer was asked.
    async fn asked(groups: &[&str], headers: &[(&str, &str)]) -> (Answered, usize) {
        let cluster = Arc::new(Cluster::default());
        let service = Impersonate::by(cluster.clone()).layer(echo(|request| {
            let user = request.extensions().get::<Arc<User>>().unwrap();
            format!("{} {:?} {:?}", user.name, user.groups, request.headers())
        }));
        let mut request = Request::get("/apis").extension(Arc::new(sender(groups)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = ask(service, request.body(()).unwrap()).await;
        let count = *cluster.asked.lock().unwrap();
        (answer, count)
    }

    #[tokio::test]
    async fn a_request_that_asks_for_nobody_stays_its_senders() {
        let (answer, count) = asked(&[], &[("accept", "*/*")]).await;
        assert_eq!((answer.text(), count), ("bob [] {\"accept\": \"*/*\"}", 0));
    }

    #[tokio::test]
    async fn whoever_may_be_another_is_and_the_headers_are_gone() {
        let headers = [
            ("impersonate-user", "alice"),
            ("impersonate-group", "dev"),
            ("accept", "*/*"),
        ];
        let (answer, count) = asked(&[], &headers).await;
        let expected = format!("alice [\"dev\", \"{AUTHENTICATED}\"] {{\"accept\": \"*/*\"}}");
        assert_eq!((answer.text(), count), (expected.as_str(), 2));
    }

    #[tokio::test]
    async fn whoever_may_not_is_told_and_nothing_more_is_asked() {
        let headers = [("impersonate-user", "eve"), ("impersonate-group", "dev")];
        let (answer, count) = asked(&[], &headers).await;
        let message = "users \"eve\" is forbidden: User \"bob\" cannot impersonate resource \"users\" \
            in API group \"\" at the cluster scope: not her";
        assert_eq!(
            (answer.status(), count),
            ((403, "Forbidden".to_owned(), message.to_owned()), 1)
        );
        // Each of them has to be allowed.
        let headers = [
            ("impersonate-user", "alice"),
            ("impersonate-group", "friends-of-eve"),
        ];
        let (answer, count) = asked(&[], &headers).await;
        assert_eq!((answer.code(), count), (403, 2));
    }

    #[tokio::test]
    async fn a_master_may_be_anybody_and_an_undecided_cluster_lets_nobody() {
        let (answer, count) = asked(&[MASTERS], &[("impersonate-user", "eve")]).await;
        assert_eq!((answer.code(), count), (200, 0));
        let (answer, _) = asked(&[], &[("impersonate-user", "nobody-knows")]).await;
        assert_eq!(answer.code(), 500);
    }

    #[tokio::test]
    async fn a_group_without_a_user_is_a_400() {
        let (answer, count) = asked(&[], &[("impersonate-group", "dev")]).await;
        assert_eq!((answer.code(), count), (400, 0));
    }
}
