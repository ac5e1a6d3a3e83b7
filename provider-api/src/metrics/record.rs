//! Counting, around each request.

use std::sync::Arc;

use http::{Method, StatusCode};
use prometheus_client::metrics::gauge::Gauge;
use tower::Layer;

use super::{
    ServerMetrics,
    labels::{Counted, Request},
};
use crate::{
    Route, User,
    layer::{Answer, Around, Below, Layered, Terminated},
};

impl<S> Layer<S> for ServerMetrics {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for ServerMetrics {
    async fn around<S: Below<B>>(&self, mut request: Box<http::Request<B>>, below: S) -> Answer {
        let _in_flight = InFlight::begin(match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS => &self.0.read_only,
            _ => &self.0.mutating,
        });
        let route = Route::of_request(&mut request);
        let since = self.0.clock.now();
        let answer = below.answer(request).await;
        let took = self.0.clock.now() - since;
        let asked = Request::of(route.action());
        // A clock that was set back in between measures nothing.
        self.0
            .durations
            .get_or_create(&asked)
            .observe(took.as_seconds_f64().max(0.0));
        self.count(asked, &answer);
        answer
    }
}

impl ServerMetrics {
    fn count(&self, request: Request, answer: &Answer) {
        // Who asks is known from the answer: `Authenticate` leaves the user there.
        if answer.extensions().get::<Arc<User>>().is_some() {
            self.0.succeeded.inc();
        } else if answer.status() == StatusCode::UNAUTHORIZED {
            self.0.failed.inc();
        }
        let counted = Counted {
            request,
            code: answer.status().as_u16(),
        };
        if answer.extensions().get::<Terminated>().is_some() {
            self.0.terminations.get_or_create(&counted).inc();
        }
        self.0.requests.get_or_create(&counted).inc();
    }
}

/// A request without an answer, until this is dropped: by an answer, by a client that
/// went away or by a panic.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn begin(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use async_trait::async_trait;
    use futures_util::FutureExt;
    use time::macros::datetime;
    use tower::ServiceBuilder;

    use super::*;
    use crate::{
        Action, Authenticate, Authenticator, Authorize, Authorizer, Deadline, Decision,
        InFlightLimit, Presented, Rejected, Target, Undecided,
        layer::testing::{ask, echo, get, silence},
    };

    const E: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop";

    /// Time goes on by 30 milliseconds whenever somebody looks.
    fn metrics() -> ServerMetrics {
        let now = Mutex::new(datetime!(2026-01-02 03:04:05 UTC));
        ServerMetrics::new(Arc::new(move || {
            let mut now = now.lock().unwrap();
            *now += Duration::from_millis(30);
            *now
        }))
    }

    /// The lines of the page that begin so.
    fn lines(metrics: &ServerMetrics, begin: &str) -> Vec<String> {
        let text = metrics.text();
        let lines = text.lines().filter(|line| line.starts_with(begin));
        lines.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_request_is_counted_and_measured_under_kubernetes_names() {
        let metrics = metrics();
        ask(
            metrics.layer(echo(|_| String::new())),
            get(&format!("{E}/depth")),
        )
        .await;
        let labels = "verb=\"LIST\",group=\"external.metrics.k8s.io\",version=\"v1beta1\",\
            resource=\"*\",subresource=\"\",scope=\"namespace\",component=\"external-metrics\"";
        assert_eq!(
            lines(&metrics, "apiserver_request_total"),
            [format!(
                "apiserver_request_total{{{labels},code=\"200\"}} 1"
            )]
        );
        assert_eq!(
            lines(&metrics, "apiserver_request_duration_seconds_")[..4],
            [
                format!("apiserver_request_duration_seconds_sum{{{labels}}} 0.03"),
                format!("apiserver_request_duration_seconds_count{{{labels}}} 1"),
                format!("apiserver_request_duration_seconds_bucket{{le=\"0.005\",{labels}}} 0"),
                format!("apiserver_request_duration_seconds_bucket{{le=\"0.025\",{labels}}} 0"),
            ]
        );
        assert_eq!(
            lines(&metrics, "process_start_time_seconds"),
            ["process_start_time_seconds 1767323045"]
        );
    }

    #[tokio::test]
    async fn a_thousand_names_make_the_series_of_one() {
        let metrics = metrics();
        let service = metrics.layer(echo(|_| String::new()));
        ask(service.clone(), get(&format!("{E}/metric-0"))).await;
        let one = metrics.text().lines().count();
        for number in 1..1000 {
            let path = format!("{E}{number}/metric-{number}?labelSelector=a%3D{number}");
            ask(service.clone(), get(&path)).await;
        }
        assert_eq!(metrics.text().lines().count(), one);
        assert!(lines(&metrics, "apiserver_request_total")[0].ends_with(" 1000"));
    }

    #[tokio::test]
    async fn a_request_is_in_flight_until_its_client_goes_away() {
        let metrics = metrics();
        let kind = "apiserver_current_inflight_requests{request_kind=\"readOnly\"}";
        let in_flight = || lines(&metrics, kind);
        let mut request = Box::pin(ask(metrics.layer(silence()), get("/apis")));
        assert!(request.as_mut().now_or_never().is_none());
        assert_eq!(in_flight(), [format!("{kind} 1")]);
        drop(request);
        assert_eq!(in_flight(), [format!("{kind} 0")]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_gives_up_is_counted_as_that_and_a_providers_429_is_not() {
        let metrics = metrics();
        let limited = ServiceBuilder::new()
            .layer(metrics.clone())
            .layer(InFlightLimit::new(0));
        ask(limited.service(silence()), get("/apis")).await;
        let hurried = ServiceBuilder::new()
            .layer(metrics.clone())
            .layer(Deadline::default());
        ask(hurried.service(silence()), get("/apis")).await;
        let busy = tower::service_fn(|_| async {
            Ok(crate::Status::too_many_requests().answer(crate::Format::of_status(&get("/"))))
        });
        ask(metrics.layer(busy), get("/version")).await;

        let mut terminations = lines(&metrics, "apiserver_request_terminations_total");
        terminations.sort();
        let expected = ["429", "504"].map(|code| {
            format!(
                "apiserver_request_terminations_total{{verb=\"GET\",group=\"\",version=\"\",\
                resource=\"\",subresource=\"/apis\",scope=\"\",component=\"\",code=\"{code}\"}} 1"
            )
        });
        assert_eq!(terminations, expected);
    }

    /// Knows who says a name, and rejects who says `nobody`.
    struct Named;

    #[async_trait]
    impl Authenticator for Named {
        async fn authenticate(
            &self,
            presented: Presented<'_>,
        ) -> Result<Option<Arc<User>>, Rejected> {
            match presented.headers.get("name").map(|name| name.to_str()) {
                Some(Ok("nobody")) => Err(Rejected("nobody".to_owned())),
                Some(Ok(name)) => Ok(Some(Arc::new(User {
                    name: name.to_owned(),
                    ..User::default()
                }))),
                _ => Ok(None),
            }
        }
    }

    /// Lets bob read `/metrics`, and nobody do anything else.
    #[async_trait]
    impl Authorizer for Named {
        async fn authorize(&self, user: &User, action: &Action) -> Result<Decision, Undecided> {
            let page = Action {
                verb: "get".to_owned(),
                target: Target::Path("/metrics".to_owned()),
            };
            Ok(if user.name == "bob" && *action == page {
                Decision::Allowed
            } else {
                Decision::Denied {
                    reason: String::new(),
                }
            })
        }
    }

    #[tokio::test]
    async fn the_page_is_for_those_who_may_get_its_path() {
        let metrics = metrics();
        let stack = ServiceBuilder::new()
            .layer(metrics.clone())
            .layer(Authenticate::by(
                [Arc::new(Named) as Arc<dyn Authenticator>],
            ))
            .layer(Authorize::by(Arc::new(Named)))
            .layer(metrics.page())
            .service(echo(|_| "below".to_owned()));
        let named = |name: &str, method: &str| {
            http::Request::builder()
                .method(method)
                .uri("/metrics")
                .header("name", name)
                .body(())
                .unwrap()
        };
        assert_eq!(ask(stack.clone(), get("/metrics")).await.code(), 403);
        assert_eq!(ask(stack.clone(), named("nobody", "GET")).await.code(), 401);
        assert_eq!(ask(stack.clone(), named("bob", "POST")).await.code(), 403);

        let page = ask(stack, named("bob", "GET")).await;
        assert_eq!(
            (page.code(), page.header("content-type")),
            (
                200,
                Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
            )
        );
        assert!(page.text().ends_with("# EOF\n"));
        let mut attempts = lines(&metrics, "authentication_attempts_total");
        attempts.sort();
        assert_eq!(
            attempts,
            [
                "authentication_attempts_total{result=\"failure\"} 1",
                "authentication_attempts_total{result=\"success\"} 3",
            ]
        );
    }

    #[tokio::test]
    async fn the_page_is_read_only_and_everything_else_passes() {
        let service = metrics().page().layer(echo(|_| "below".to_owned()));
        let post = http::Request::post("/metrics").body(()).unwrap();
        assert_eq!(ask(service.clone(), post).await.code(), 405);
        for path in ["/apis", "/metrics/", "/%6Detrics"] {
            assert_eq!(ask(service.clone(), get(path)).await.text(), "below");
        }
    }
}
