//! One line for each request.

use std::{borrow::Cow, sync::Arc, thread, time::Duration};

use http::{
    HeaderMap, HeaderName, Method, Request, StatusCode, Uri,
    header::{self, HeaderValue},
};
use time::OffsetDateTime;
use tower::Layer;
use tracing::{debug, info, warn};

use super::{
    around::{Answer, Around, Below, Layered},
    is_health,
    request_id::AUDIT_ID,
    seldom::Seldom,
};
use crate::{Clock, Ending, Rejected, User};

/// The user whom the API server is when it asks whether this server is there.
const AGGREGATOR: &str = "system:kube-aggregator";

/// What one line prints of anything that a client chose, in bytes.
const LONGEST: usize = 1024;

/// Logs each request once, when it is answered:
///
/// - with a warning where the server has failed,
/// - quietly where nobody but a probe has asked and the answer is the usual one, where a
///   health check fails, which has its own line, and when a server that ends says so: an
///   orderly end is not a failure;
/// - once a minute where credentials were refused, with how many lines were
///   `untold` since the last: whoever repeats them shall not fill the log;
/// - as information otherwise.
///
/// The answer tells it who asked: [`Authenticate`](super::Authenticate) puts the
/// [`User`] into the extensions of the answer as well, or why there is none.
#[derive(Clone)]
pub struct AccessLog {
    clock: Arc<dyn Clock>,
    refused: Arc<Seldom>,
}

impl AccessLog {
    /// Measures by `clock` how long an answer takes.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            refused: Arc::default(),
        }
    }
}

impl<S> Layer<S> for AccessLog {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for AccessLog {
    async fn around<S: Below<B>>(&self, request: Box<Request<B>>, below: S) -> Answer {
        let mut line = Line::begin(&request, self);
        let answer = below.answer(request).await;
        line.answered(&answer);
        answer
    }
}

/// What is known of a request. Dropped before its answer, it tells that the
/// client went away, which clients may.
struct Line<'a> {
    method: Method,
    uri: Uri,
    user_agent: HeaderValue,
    audit_id: HeaderValue,
    is_ending: bool,
    log: &'a AccessLog,
    since: OffsetDateTime,
    told: bool,
}

impl<'a> Line<'a> {
    fn begin<B>(request: &Request<B>, log: &'a AccessLog) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            user_agent: header(request.headers(), header::USER_AGENT),
            audit_id: header(request.headers(), AUDIT_ID),
            is_ending: request.extensions().get::<Ending>().is_some(),
            since: log.clock.now(),
            log,
            told: false,
        }
    }

    fn latency(&self) -> Duration {
        // A clock that was set back in between must not spoil the line.
        (self.log.clock.now() - self.since)
            .try_into()
            .unwrap_or_default()
    }

    fn answered(&mut self, answer: &Answer) {
        self.told = true;
        let user = answer.extensions().get::<Arc<User>>();
        let user = bounded(user.map_or("", |user| &user.name));
        let reason = answer.extensions().get::<Rejected>();
        let reason = reason.map(|Rejected(reason)| bounded(reason));
        let Self {
            method,
            uri,
            user_agent,
            audit_id,
            ..
        } = &*self;
        let (method, path) = (bounded(method.as_str()), bounded(uri.path()));
        let (status, latency) = (answer.status().as_u16(), self.latency());
        let (user, reason) = (&*user, reason.as_deref());
        macro_rules! tell {
            ($level:ident $(, $untold:ident)?) => {
                $level!(
                    %method, %path, status, ?latency, user, ?user_agent, ?audit_id, reason,
                    $($untold,)? "answered"
                )
            };
        }
        match importance(&path, user, answer.status(), self.is_ending) {
            Importance::Failure => tell!(warn),
            Importance::Request => tell!(info),
            Importance::Probe => tell!(debug),
            Importance::Refused => match self.log.refused.happened(since_1970(self.since)) {
                // An empty field is not printed.
                Some(untold) => {
                    let untold = (untold > 0).then_some(untold);
                    tell!(info, untold);
                }
                None => tell!(debug),
            },
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        // A panic is told by the layer that catches it.
        if self.told || thread::panicking() {
            return;
        }
        let latency = self.latency();
        let Self {
            method,
            uri,
            user_agent,
            audit_id,
            ..
        } = &*self;
        let (method, path) = (bounded(method.as_str()), bounded(uri.path()));
        debug!(%method, %path, ?latency, ?user_agent, ?audit_id, "the client went away");
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> HeaderValue {
    let Some(value) = headers.get(name) else {
        return HeaderValue::from_static("");
    };
    match value.as_bytes().split_at_checked(LONGEST) {
        Some((shown, cut)) if !cut.is_empty() => {
            let cut = format!("... and {} bytes more", cut.len());
            HeaderValue::from_bytes(&[shown, cut.as_bytes()].concat())
                .expect("a part of a header's value is one")
        }
        _ => value.clone(),
    }
}

/// As much of a text as a line may hold, and how much was cut.
pub(super) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let (shown, cut) = text.split_at(text.floor_char_boundary(LONGEST));
    Cow::Owned(format!("{shown}... and {} bytes more", cut.len()))
}

fn since_1970(now: OffsetDateTime) -> Duration {
    (now - OffsetDateTime::UNIX_EPOCH)
        .try_into()
        .unwrap_or_default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Importance {
    /// The server's fault.
    Failure,
    /// What the server is for.
    Request,
    /// Asked every few seconds by every kubelet and API server, with the usual outcome.
    Probe,
    /// Nobody we know has asked, and may do so as often as they like.
    Refused,
}

fn importance(path: &str, user: &str, status: StatusCode, is_ending: bool) -> Importance {
    let is_probe = is_health(path) || user == AGGREGATOR;
    let is_told = is_ending || status == StatusCode::INTERNAL_SERVER_ERROR;
    if is_probe && status.is_success() || is_health(path) && is_told {
        Importance::Probe
    } else if status.is_server_error() {
        Importance::Failure
    } else if status == StatusCode::UNAUTHORIZED {
        Importance::Refused
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
        Answering, CatchPanic,
        testing::{Lines, ask, echo, get, silence},
    };

    /// Answers with this code, to this user.
    fn answers(code: u16, user: &'static str) -> impl Answering<()> {
        service_fn(move |_| {
            let mut answer = Answer::default();
            *answer.status_mut() = StatusCode::from_u16(code).unwrap();
            answer.extensions_mut().insert(Arc::new(User {
                name: user.to_owned(),
                ..User::default()
            }));
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

    #[tokio::test]
    async fn refused_credentials_are_told_once_a_minute_with_how_many_were() {
        let lines = Lines::capture();
        let refuses = service_fn(|_| {
            let mut answer = Answer::default();
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            answer
                .extensions_mut()
                .insert(Rejected("not bob".to_owned()));
            std::future::ready(Ok(answer))
        });
        // Each request takes two seconds of this clock.
        let refuses = access_log().layer(refuses);
        for _ in 0..32 {
            ask(refuses.clone(), get("/apis")).await;
        }
        let line = "INFO answered method=GET path=/apis status=401 latency=1s user=\"\" \
            user_agent=\"\" audit_id=\"\" reason=\"not bob\"";
        let mut told = lines.read();
        told.retain(|line| line.starts_with("INFO"));
        assert_eq!(told, [line.to_owned(), format!("{line} untold=29")]);
    }

    #[tokio::test]
    async fn a_line_is_bounded_whatever_a_client_sends() {
        let lines = Lines::capture();
        let long = "x".repeat(60_000);
        let request = Request::get(format!("/{long}"))
            .method(long.as_str())
            .header("user-agent", &long)
            .body(())
            .unwrap();
        ask(access_log().layer(answers(200, "bob")), request).await;
        let [line] = <[String; 1]>::try_from(lines.read()).unwrap();
        assert!(line.len() < 4 * LONGEST, "{}", line.len());
        assert_eq!(line.matches("... and 58976 bytes more").count(), 2);
        assert_eq!(line.matches("... and 58977 bytes more").count(), 1);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("ä"), "ä");
        let shown = format!("x{}", "ä".repeat(511));
        assert_eq!(
            bounded(&format!("x{}", "ä".repeat(512))),
            format!("{shown}... and 2 bytes more")
        );
    }

    #[test]
    fn failures_are_loud_and_probes_are_quiet() {
        use Importance::{Failure, Probe, Refused, Request};
        const ENDING: bool = true;
        let anonymous = "system:anonymous";
        for (path, user, status, is_ending, expected) in [
            ("/apis", "bob", 200, false, Request),
            ("/apis", "bob", 403, false, Request), // the client's to know
            ("/apis", "", 401, false, Refused),
            ("/apis", "bob", 504, false, Failure),
            ("/apis", "bob", 504, ENDING, Failure),
            ("/livez", anonymous, 200, false, Probe),
            ("/readyz", anonymous, 500, false, Probe), // the check that fails has its own line
            ("/readyz", anonymous, 503, false, Failure),
            ("/readyz", anonymous, 503, ENDING, Probe), // as it was asked to
            ("/apis", AGGREGATOR, 200, false, Probe),
            ("/apis", AGGREGATOR, 403, false, Request), // and so are we unavailable
        ] {
            assert_eq!(
                importance(path, user, StatusCode::from_u16(status).unwrap(), is_ending),
                expected,
                "{path} {user} {status}"
            );
        }
    }
}
