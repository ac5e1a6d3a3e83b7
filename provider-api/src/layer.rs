//! The layers between the socket and the service, in travel order.
//!
//! A request passes them from the top of this list to the bottom, its answer
//! from the bottom to the top:
//!
//! 1. [`RequestId`]: every request has a name that the client and the log share.
//! 2. [`AccessLog`]: one line for each request, above whatever may refuse it.
//! 3. `ServerMetrics`, where there is a server: what became of each request is counted.
//! 4. [`CatchPanic`]: below the log, so that a panic is a logged 500 as well.
//! 5. [`InFlightLimit`]: what is too much is refused before it costs anything.
//! 6. [`Deadline`]: from here on, time counts; asking who somebody is takes some.
//! 7. [`Authenticate`]: who asks.
//! 8. [`Impersonate`]: as whom.
//! 9. [`Authorize`]: and whether they may, before they learn what exists.

mod access_log;
mod around;
mod authenticate;
mod authorize;
mod catch_panic;
#[cfg(feature = "server")]
mod deadline;
mod impersonate;
mod in_flight_limit;
mod layers;
mod request_id;
mod seldom;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(feature = "server")]
pub use self::deadline::Deadline;
pub use self::{
    access_log::AccessLog,
    around::{Answer, Answering, Around, Below, Layered},
    authenticate::Authenticate,
    authorize::Authorize,
    catch_panic::CatchPanic,
    impersonate::Impersonate,
    in_flight_limit::InFlightLimit,
    layers::Layers,
    request_id::RequestId,
};

#[cfg(feature = "server")]
pub(crate) use self::seldom::Seldom;

/// In an answer's extensions: the server gave the request up to protect itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminated;

/// The paths that say how the server is. They are answered to everybody and at
/// any load: whoever asks would otherwise take a busy server for a dead one.
///
/// The paths below them (`/readyz/ping`) are ordinary.
fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use time::macros::datetime;
    use tower::ServiceBuilder;

    use super::{
        testing::{Lines, ask, echo, get},
        *,
    };
    use crate::{
        Action, Authenticator, Authorizer, Decision, Presented, Rejected, Undecided, User,
    };

    /// Knows bob, and lets him do whatever is not forbidden by its name.
    struct Cluster;

    #[async_trait]
    impl Authenticator for Cluster {
        async fn authenticate(
            &self,
            presented: Presented<'_>,
        ) -> Result<Option<Arc<User>>, Rejected> {
            match presented.headers.get("x-remote-user") {
                Some(name) if name == "bob" => Ok(Some(Arc::new(User {
                    name: "bob".to_owned(),
                    ..User::default()
                }))),
                Some(_) => Err(Rejected("not bob".to_owned())),
                None => Ok(None),
            }
        }
    }

    #[async_trait]
    impl Authorizer for Cluster {
        async fn authorize(&self, _: &User, action: &Action) -> Result<Decision, Undecided> {
            match format!("{action:?}") {
                action if action.contains("undecided") => Err(Undecided("away".to_owned())),
                action if action.contains("denied") => Ok(Decision::Denied {
                    reason: String::new(),
                }),
                _ => Ok(Decision::Allowed),
            }
        }
    }

    #[tokio::test]
    async fn whatever_becomes_of_a_request_its_answer_has_its_name_and_the_log_its_line() {
        let lines = Lines::capture();
        let stack = ServiceBuilder::new()
            .layer(RequestId::default())
            .layer(AccessLog::new(Arc::new(
                || datetime!(2026-01-02 03:04:05 UTC),
            )))
            .layer(CatchPanic)
            .layer(InFlightLimit::new(1))
            .layer(Authenticate::by([
                Arc::new(Cluster) as Arc<dyn Authenticator>
            ]))
            .layer(Authorize::by(Arc::new(Cluster)))
            .service(echo(|request| match request.uri().path() {
                "/panic" => panic!("asked to"),
                path => path.to_owned(),
            }));

        let mut expected = Vec::new();
        for (path, sender, level, code, user) in [
            ("/allowed", "bob", "INFO", 200, "bob"),
            ("/denied", "bob", "INFO", 403, "bob"),
            ("/undecided", "bob", "WARN", 500, "bob"),
            ("/allowed", "eve", "INFO", 401, ""),
            ("/panic", "bob", "WARN", 500, ""), // the panic took the user's name with it
            ("/livez", "bob", "DEBUG", 200, "bob"),
        ] {
            let mut request = get(path);
            request
                .headers_mut()
                .insert("x-remote-user", sender.parse().unwrap());
            request
                .headers_mut()
                .insert("audit-id", "a-1".parse().unwrap());
            let answer = ask(stack.clone(), request).await;
            assert_eq!(
                (answer.code(), answer.header("audit-id")),
                (code, Some("a-1")),
                "{path}"
            );
            expected.push(format!(
                "{level} answered method=GET path={path} status={code} latency=0ns user=\"{user}\" user_agent=\"\" audit_id=\"a-1\"{}",
                if code == 401 { " reason=\"not bob\"" } else { "" }
            ));
        }
        let answered: Vec<_> = lines
            .read()
            .into_iter()
            .filter(|line| line.contains(" answered "))
            .collect();
        assert_eq!(answered, expected);
    }
}
