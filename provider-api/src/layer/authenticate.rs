//! Who asks.

use std::{mem, sync::Arc};

use http::Request;
use tower::Layer;

use super::around::{Answer, Around, Below, Layered};
use crate::{
    AUTHENTICATED, Authenticator, Format, PeerCertificates, Presented, Rejected, Status,
    UNAUTHENTICATED, User,
};

/// Finds out who sends a request, and puts the [`User`], in an [`Arc`], into its
/// extensions, and into those of the answer for whatever stands above: there is the
/// reason too, as [`Rejected`], where nobody is found.
///
/// The first authenticator that knows the sender decides. Where none does, a
/// request that presented something bad is answered with 401, and one that
/// presented nothing goes on as [`User::anonymous`].
#[derive(Clone)]
pub struct Authenticate {
    authenticators: Arc<[Arc<dyn Authenticator>]>,
}

impl Authenticate {
    /// Asks the authenticators in this order.
    pub fn by(authenticators: impl IntoIterator<Item = Arc<dyn Authenticator>>) -> Self {
        Self {
            authenticators: authenticators.into_iter().collect(),
        }
    }
}

impl<S> Layer<S> for Authenticate {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for Authenticate {
    async fn around<S: Below<B>>(&self, mut request: Box<Request<B>>, below: S) -> Answer {
        // The body may not be looked at by two threads, so nothing of the request is lent
        // while somebody is asked.
        let headers = mem::take(request.headers_mut());
        let certificates = request.extensions().get::<PeerCertificates>().cloned();
        let PeerCertificates(certificates) = certificates.unwrap_or_default();
        let presented = Presented {
            headers: &headers,
            certificates: &certificates,
        };
        let sender = sender(&self.authenticators, presented).await;
        *request.headers_mut() = headers;
        match sender {
            Ok(user) => {
                request.extensions_mut().insert(Arc::clone(&user));
                let mut answer = below.answer(request).await;
                answer.extensions_mut().insert(user);
                answer
            }
            Err(reason) => {
                let mut answer = Status::unauthorized().answer(Format::of_status(&request));
                answer.extensions_mut().insert(reason);
                answer
            }
        }
    }
}

async fn sender(
    authenticators: &[Arc<dyn Authenticator>],
    presented: Presented<'_>,
) -> Result<Arc<User>, Rejected> {
    let mut reasons = Vec::new();
    for authenticator in authenticators {
        match authenticator.authenticate(presented).await {
            Ok(Some(user)) => return Ok(in_group(user)),
            Ok(None) => {}
            Err(Rejected(reason)) => reasons.push(reason),
        }
    }
    if reasons.is_empty() {
        Ok(Arc::new(User::anonymous()))
    } else {
        Err(Rejected(reasons.join("; ")))
    }
}

/// Whoever is known belongs to `system:authenticated`. The API server may also
/// vouch for a user that it does not know itself, who is in the other group.
fn in_group(mut user: Arc<User>) -> Arc<User> {
    if !user.is_in(AUTHENTICATED) && !user.is_in(UNAUTHENTICATED) {
        Arc::make_mut(&mut user)
            .groups
            .push(AUTHENTICATED.to_owned());
    }
    user
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::layer::{
        Answering,
        testing::{ask, echo, get},
    };

    /// Knows everybody by a word in the header `authorization`.
    struct Word(&'static str, Result<&'static str, &'static str>);

    #[async_trait]
    impl Authenticator for Word {
        async fn authenticate(
            &self,
            presented: Presented<'_>,
        ) -> Result<Option<Arc<User>>, Rejected> {
            match presented.headers.get("authorization") {
                Some(word) if word == self.0 => match self.1 {
                    Ok(name) => Ok(Some(user(name, &[]))),
                    Err(reason) => Err(Rejected(reason.to_owned())),
                },
                _ => Ok(None),
            }
        }
    }

    /// Knows everybody who shows a certificate by its bytes.
    struct Certificate;

    #[async_trait]
    impl Authenticator for Certificate {
        async fn authenticate(
            &self,
            presented: Presented<'_>,
        ) -> Result<Option<Arc<User>>, Rejected> {
            Ok(presented
                .certificates
                .first()
                .map(|der| user(&format!("{der:?}"), &[])))
        }
    }

    fn user(name: &str, groups: &[&str]) -> Arc<User> {
        Arc::new(User {
            name: name.to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            ..User::default()
        })
    }

    fn presenting(word: &str) -> Request<()> {
        Request::get("/")
            .header("authorization", word)
            .body(())
            .unwrap()
    }

    fn authenticate(words: impl IntoIterator<Item = Word>) -> Authenticate {
        Authenticate::by(
            words
                .into_iter()
                .map(|word| Arc::new(word) as Arc<dyn Authenticator>),
        )
    }

    /// Answers with the name of the user.
    fn whoami() -> impl Answering<()> {
        echo(|request| {
            request
                .extensions()
                .get::<Arc<User>>()
                .unwrap()
                .name
                .clone()
        })
    }

    #[tokio::test]
    async fn the_first_authenticator_that_knows_the_sender_decides() {
        let layer = authenticate([
            Word("b", Err("revoked")),
            Word("a", Ok("first")),
            Word("a", Ok("second")),
        ]);
        let answer = ask(layer.layer(whoami()), presenting("a")).await;
        assert_eq!(answer.text(), "first");
        assert_eq!(answer.extension(), Some(user("first", &[AUTHENTICATED])));
    }

    #[tokio::test]
    async fn a_sender_whom_one_rejects_and_another_knows_is_known() {
        let layer = authenticate([Word("a", Err("unknown issuer")), Word("a", Ok("known"))]);
        assert_eq!(
            ask(layer.layer(whoami()), presenting("a")).await.text(),
            "known"
        );
    }

    #[tokio::test]
    async fn something_bad_that_nobody_knows_is_a_401_that_keeps_the_reason() {
        let layer = authenticate([Word("a", Err("expired yesterday"))]);
        let answer = ask(layer.layer(whoami()), presenting("a")).await;
        assert_eq!(
            answer.status(),
            (401, "Unauthorized".to_owned(), "Unauthorized".to_owned())
        );
    }

    #[tokio::test]
    async fn a_request_that_presents_nothing_is_anonymous() {
        let layer = authenticate([Word("a", Err("expired yesterday"))]);
        let answer = ask(layer.layer(whoami()), get("/")).await;
        assert_eq!(answer.extension(), Some(Arc::new(User::anonymous())));
    }

    #[tokio::test]
    async fn the_certificates_of_the_connection_are_presented() {
        let mut request = get("/");
        request
            .extensions_mut()
            .insert(PeerCertificates(Arc::new([vec![1, 2], vec![3]])));
        let layer = Authenticate::by([Arc::new(Certificate) as Arc<dyn Authenticator>]);
        assert_eq!(ask(layer.layer(whoami()), request).await.text(), "[1, 2]");
    }

    #[test]
    fn a_known_user_joins_the_authenticated_once_and_an_anonymous_one_never() {
        assert_eq!(
            in_group(user("bob", &["dev"])),
            user("bob", &["dev", AUTHENTICATED])
        );
        assert_eq!(
            in_group(user("bob", &[AUTHENTICATED])),
            user("bob", &[AUTHENTICATED])
        );
        let anonymous = Arc::new(User::anonymous());
        assert_eq!(in_group(anonymous.clone()), anonymous);
    }
}
