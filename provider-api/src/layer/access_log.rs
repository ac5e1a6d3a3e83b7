//! One line for each request.

use std::{sync::Arc, thread, time::Duration};

use http::{
    HeaderMap, HeaderName, Method, Request, StatusCode,
    header::{self, HeaderValue},
};
use time::OffsetDateTime;
use tower::Layer;
use tracing::{debug, info, warn};

use super::{
    around::{Answer, Answering, Around, Layered},
    is_health,
    request_id::AUDIT_ID,
};
use crate::{Clock, User};

/// The user whom the API server is when it asks whether this server is there.
const AGGREGATOR: &str = "system:kube-aggregator";

/// Logs each request once, when it is answered: with a warning where the server
/// has failed, quietly where nobody but a probe has asked, and as information
/// otherwise.
///
/// The answer tells it who asked: [`Authenticate`](super::Authenticate) puts the
/// [`User`] into the extensions of the answer as well.
#[derive(Clone)]
pub struct AccessLog {
    clock: Arc<dyn Clock>,
}

impl AccessLog {
    /// Measures by `clock` how long an answer takes.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl<S> Layer<S> for AccessLog {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered {
            layer: self.clone(),
            below,
        }
    }
}

impl<B: Send + 'static> Around<B> for AccessLog {
    async fn around<S: Answering<B>>(self, request: Request<B>, mut below: S) -> Answer {
        let mut line = Line::begin(&request, self.clock);
        let Ok(answer) = below.call(request).await;
        line.answered(&answer);
        answer
    }
}

/// What is known of a request. Dropped before its answer, it tells that the
/// client went away, which clients may.
struct Line {
    method: Method,
    path: String,
    user_agent: HeaderValue,
    audit_id: HeaderValue,
    clock: Arc<dyn Clock>,
    since: OffsetDateTime,
    told: bool,
}

impl Line {
    fn begin<B>(request: &Request<B>, clock: Arc<dyn Clock>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            user_agent: header(request.headers(), header::USER_AGENT),
            audit_id: header(request.headers(), AUDIT_ID),
            since: clock.now(),
            clock,
            told: false,
        }
    }

    fn latency(&self) -> Duration {
        // A clock that was set back in between must not spoil the line.
        (self.clock.now() - self.since)
            .try_into()
            .unwrap_or_default()
    }

    fn answered(&mut self, answer: &Answer) {
        self.told = true;
        let user = answer
            .extensions()
            .get::<User>()
            .map_or("", |user| user.name.as_str());
        let Self {
            method,
            path,
            user_agent,
            audit_id,
            ..
        } = &*self;
        let (status, latency) = (answer.status().as_u16(), self.latency());
        macro_rules! tell {
            ($level:ident) => {
                $level!(%method, %path, status, ?latency, user, ?user_agent, ?audit_id, "answered")
            };
        }
        match importance(path, user, answer.status()) {
            Importance::Failure => tell!(warn),
            Importance::Request => tell!(info),
            Importance::Probe => tell!(debug),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A panic is told by the layer that catches it.
        if self.told || thread::panicking() {
            return;
        }
        let latency = self.latency();
        let Self {
            method,
            path,
            user_agent,
            audit_id,
            ..
        } = &*self;
        debug!(%method, %path, ?latency, ?user_agent, ?audit_id, "the client went away");
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> HeaderValue {
    headers
        .get(name)
        .cloned()
        .unwrap_or(HeaderValue::from_static(""))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Importance {
    /// The server's fault.
    Failure,
    /// What the server is for.
    Request,
    /// Asked every few seconds by every kubelet and API server, with the usual outcome.
    Probe,
}

fn importance(path: &str, user: &str, status: StatusCode) -> Importance {
    if status.is_server_error() {
        Importance::Failure
    } else if status.is_success() && (is_health(path) || user == AGGREGATOR) {
        Importance::Probe
    } else {
        Importance::Request
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt;
    use time::macros::datetime;
    use tower::service_fn;

    use super::*;
    use crate::layer::{
        CatchPanic,
        testing::{Lines, ask, echo, get, silence},
    };

    /// Answers with this code, to this user.
    fn answers(code: u16, user: &'static str) -> impl Answering<()> {
        service_fn(move |_| {
            let mut answer = Answer::default();
            *answer.status_mut() = StatusCode::from_u16(code).unwrap();
            answer.extensions_mut().insert(User {
                name: user.to_owned(),
                ..User::default()
            });
            std::future::ready(Ok(answer))
        })
    }

    /// A clock that goes on by a second whenever it is asked.
    fn access_log() -> AccessLog {
        let now = Mutex::new(datetime!(2026-01-02 03:04:05 UTC));
        AccessLog::new(Arc::new(move || {
            let mut now = now.lock().unwrap();
            *now += Duration::from_secs(1);
            *now
        }))
    }

    #[tokio::test]
    async fn a_request_is_one_line() {
        let lines = Lines::capture();
        let request = Request::get("/apis/x?labelSelector=a")
            .header("user-agent", "kube-controller-manager/v1.33")
            .header("audit-id", "7d3c")
            .body(())
            .unwrap();
        ask(
            access_log().layer(answers(200, "system:kube-controller-manager")),
            request,
        )
        .await;
        let line = "INFO answered method=GET path=/apis/x status=200 latency=1s \
            user=\"system:kube-controller-manager\" user_agent=\"kube-controller-manager/v1.33\" audit_id=\"7d3c\"";
        assert_eq!(lines.read(), [line]);
    }

    #[tokio::test]
    async fn a_client_that_went_away_is_a_quiet_line() {
        let lines = Lines::capture();
        assert!(
            ask(access_log().layer(silence()), get("/apis"))
                .now_or_never()
                .is_none()
        );
        let line = "DEBUG the client went away method=GET path=/apis latency=1s user_agent=\"\" audit_id=\"\"";
        assert_eq!(lines.read(), [line]);
    }

    #[tokio::test]
    async fn a_panic_is_not_taken_for_a_client_that_went_away() {
        let lines = Lines::capture();
        let panics = access_log().layer(echo(|_| panic!("asked to")));
        assert_eq!(
            ask(CatchPanic.layer(panics), get("/apis")).await.code(),
            500
        );
        let lines = lines.read();
        assert!(
            lines.len() == 1 && lines[0].starts_with("ERROR a request ended in a panic"),
            "{lines:?}"
        );
    }

    #[test]
    fn failures_are_loud_and_probes_are_quiet() {
        for (path, user, status, expected) in [
            ("/apis", "bob", StatusCode::OK, Importance::Request),
            ("/apis", "bob", StatusCode::FORBIDDEN, Importance::Request), // the client's to know
            (
                "/apis",
                "bob",
                StatusCode::GATEWAY_TIMEOUT,
                Importance::Failure,
            ),
            (
                "/livez",
                "system:anonymous",
                StatusCode::OK,
                Importance::Probe,
            ),
            (
                "/readyz",
                "system:anonymous",
                StatusCode::INTERNAL_SERVER_ERROR,
                Importance::Failure,
            ),
            ("/apis", AGGREGATOR, StatusCode::OK, Importance::Probe),
            (
                "/apis",
                AGGREGATOR,
                StatusCode::FORBIDDEN,
                Importance::Request,
            ), // and so are we unavailable
        ] {
            assert_eq!(
                importance(path, user, status),
                expected,
                "{path} {user} {status}"
            );
        }
    }
}
