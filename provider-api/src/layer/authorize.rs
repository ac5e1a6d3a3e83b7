//! And whether they may.

use std::sync::Arc;

use http::Request;
use tower::Layer;
use tracing::warn;

use super::{
    access_log::bounded,
    around::{Answer, Around, Below, Layered},
    is_health,
};
use crate::{
    Action, Authorizer, Decision, Format, MASTERS, Route, Status, Target, Undecided, User,
};

/// Lets a request through if its [`User`] may do what it asks for.
///
/// It stands below [`Authenticate`](super::Authenticate); without that, everybody
/// is anonymous. The request is parsed here, once, and the [`Route`] travels on
/// in its extensions: what was allowed is what is answered.
#[derive(Clone)]
pub struct Authorize {
    authorizer: Arc<dyn Authorizer>,
}

impl Authorize {
    /// Asks this authorizer.
    pub fn by(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer }
    }
}

impl<S> Layer<S> for Authorize {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for Authorize {
    async fn around<S: Below<B>>(&self, mut request: Box<Request<B>>, below: S) -> Answer {
        let route = Route::of_request(&mut request);
        let user: Option<Arc<User>> = request.extensions().get().cloned();
        let user = user.unwrap_or_else(|| Arc::new(User::anonymous()));
        match decide(&*self.authorizer, &user, route.action()).await {
            Ok(Decision::Allowed) => below.answer(request).await,
            Ok(Decision::Denied { reason }) => Status::forbidden(&user, route.action(), &reason)
                .answer(Format::of_status(&request)),
            Err(error) => {
                warn!(%error, user = user.name, path = &*bounded(request.uri().path()), "nobody can say whether the user may");
                Status::internal(&error).answer(Format::of_status(&request))
            }
        }
    }
}

pub(super) async fn decide(
    authorizer: &dyn Authorizer,
    user: &User,
    action: &Action,
) -> Result<Decision, Undecided> {
    let is_free = matches!(&action.target, Target::Path(path) if is_health(path));
    if is_free || user.is_in(MASTERS) {
        return Ok(Decision::Allowed);
    }
    authorizer.authorize(user, action).await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::layer::testing::{Answered, ask, echo, get};

    /// Always says the same, and remembers what it was asked.
    struct Fixed {
        answer: Result<Decision, Undecided>,
        asked: Mutex<Vec<(String, Action)>>,
    }

    impl Fixed {
        fn saying(answer: Result<Decision, Undecided>) -> Arc<Self> {
            Arc::new(Self {
                answer,
                asked: Mutex::default(),
            })
        }

        async fn ask(self: &Arc<Self>, user: &User, uri: &str) -> Answered {
            let service = Authorize::by(self.clone()).layer(echo(|request| {
                format!("{:?}", request.extensions().get::<Arc<Route>>())
            }));
            let mut request = get(uri);
            request.extensions_mut().insert(Arc::new(user.clone()));
            ask(service, request).await
        }

        fn asked(&self) -> Vec<(String, Action)> {
            self.asked.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Authorizer for Fixed {
        async fn authorize(&self, user: &User, action: &Action) -> Result<Decision, Undecided> {
            self.asked
                .lock()
                .unwrap()
                .push((user.name.clone(), action.clone()));
            self.answer.clone()
        }
    }

    fn denied(reason: &str) -> Result<Decision, Undecided> {
        Ok(Decision::Denied {
            reason: reason.to_owned(),
        })
    }

    fn bob() -> User {
        User {
            name: "bob".to_owned(),
            ..User::default()
        }
    }

    const METRIC: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue_depth";

    #[tokio::test]
    async fn what_was_allowed_is_the_route_that_the_service_reads() {
        let authorizer = Fixed::saying(Ok(Decision::Allowed));
        let answer = authorizer.ask(&bob(), METRIC).await;
        let route = Route::of(&http::Method::GET, &METRIC.parse().unwrap());
        assert_eq!(answer.text(), format!("{:?}", Some(&route)));
        assert_eq!(
            authorizer.asked(),
            [("bob".to_owned(), route.action().clone())]
        );
    }

    #[tokio::test]
    async fn a_denial_tells_what_was_denied_to_whom_and_why() {
        let answer = Fixed::saying(denied("no role")).ask(&bob(), METRIC).await;
        let message = "queue_depth.external.metrics.k8s.io is forbidden: User \"bob\" cannot list resource \
            \"queue_depth\" in API group \"external.metrics.k8s.io\" in the namespace \"shop\": no role";
        assert_eq!(
            answer.status(),
            (403, "Forbidden".to_owned(), message.to_owned())
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }

    #[tokio::test]
    async fn a_denied_path_is_told_as_a_path() {
        let answer = Fixed::saying(denied("")).ask(&bob(), "/metrics?x=y").await;
        let message = "forbidden: User \"bob\" cannot get path \"/metrics\"";
        assert_eq!(
            answer.status(),
            (403, "Forbidden".to_owned(), message.to_owned())
        );
    }

    #[tokio::test]
    async fn health_is_told_to_everybody_and_nobody_is_asked() {
        let authorizer = Fixed::saying(denied(""));
        for path in ["/healthz", "/livez", "/readyz?verbose"] {
            assert_eq!(
                authorizer.ask(&User::anonymous(), path).await.code(),
                200,
                "{path}"
            );
        }
        assert_eq!(authorizer.asked(), []);
    }

    #[tokio::test]
    async fn what_lies_below_health_and_what_resembles_it_is_asked_for() {
        let authorizer = Fixed::saying(denied(""));
        for path in [
            "/readyz/ping",
            "/healthz/",
            "/livez2",
            "/Healthz",
            "//healthz",
        ] {
            assert_eq!(
                authorizer.ask(&User::anonymous(), path).await.code(),
                403,
                "{path}"
            );
        }
        assert_eq!(authorizer.asked().len(), 5);
    }

    #[tokio::test]
    async fn nobody_is_asked_about_masters() {
        let authorizer = Fixed::saying(denied(""));
        let master = User {
            groups: vec![MASTERS.to_owned()],
            ..bob()
        };
        assert_eq!(authorizer.ask(&master, METRIC).await.code(), 200);
        assert_eq!(authorizer.asked(), []);
    }

    #[tokio::test]
    async fn a_request_without_a_user_is_anonymous() {
        let authorizer = Fixed::saying(denied(""));
        ask(
            Authorize::by(authorizer.clone()).layer(echo(|_| String::new())),
            get("/metrics"),
        )
        .await;
        assert_eq!(authorizer.asked()[0].0, "system:anonymous");
    }

    #[tokio::test]
    async fn no_decision_is_a_typed_500_and_not_a_permission() {
        let authorizer = Fixed::saying(Err(Undecided("the API server is away".to_owned())));
        assert_eq!(authorizer.ask(&bob(), METRIC).await.status().0, 500);
    }
}
