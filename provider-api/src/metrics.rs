//! What the server counts, for Prometheus.

mod labels;
mod page;
mod record;

use std::{fmt, sync::Arc};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use self::labels::{Attempt, Counted, Kind, Request};
pub use self::page::MetricsPage;
use crate::Clock;

/// Kubernetes' own buckets of `apiserver_request_duration_seconds`.
const SECONDS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
];

/// Counts requests under the names that Kubernetes' own servers use, so that their
/// dashboards and alerts read this one too.
///
/// It is a layer, to stand where each request passes with its final answer: right
/// below [`AccessLog`](crate::AccessLog). Clones count together.
/// [`page`](Self::page) makes the layer that answers `/metrics`, and
/// [`Server::counting`](crate::Server::counting) tells it of handshakes.
///
/// | name | labels |
/// | --- | --- |
/// | `apiserver_request_total` | `verb`, `group`, `version`, `resource`, `subresource`, `scope`, `component`, `code` |
/// | `apiserver_request_duration_seconds` | the same without `code` |
/// | `apiserver_request_terminations_total` | the same: too many requests, or no answer in time |
/// | `apiserver_current_inflight_requests` | `request_kind`: `readOnly` or `mutating` |
/// | `apiserver_tls_handshake_errors_total` | |
/// | `authentication_attempts_total` | `result`: `success` or `failure` |
/// | `process_start_time_seconds` | |
///
/// The name of a metric that is served is in no label: `resource` is `*` wherever
/// there is one. So the number of series does not grow with what is asked.
#[derive(Clone)]
pub struct ServerMetrics(Arc<Counters>);

struct Counters {
    clock: Arc<dyn Clock>,
    registry: Registry,
    requests: Family<Counted, Counter>,
    durations: Family<Request, Histogram, fn() -> Histogram>,
    terminations: Family<Counted, Counter>,
    read_only: Gauge,
    mutating: Gauge,
    succeeded: Counter,
    failed: Counter,
    handshake_errors: Counter,
}

impl ServerMetrics {
    /// Begins to count now, and measures by `clock` how long an answer takes.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let start = Gauge::<i64>::default();
        start.set(clock.now().unix_timestamp());
        // These few are there from the start, and need not be looked up.
        let in_flight = Family::<Kind, Gauge>::default();
        let attempts = Family::<Attempt, Counter>::default();
        let mut counters = Counters {
            clock,
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            terminations: Family::default(),
            read_only: in_flight.get_or_create_owned(&Kind::READ_ONLY),
            mutating: in_flight.get_or_create_owned(&Kind::MUTATING),
            succeeded: attempts.get_or_create_owned(&Attempt::SUCCESS),
            failed: attempts.get_or_create_owned(&Attempt::FAILURE),
            handshake_errors: Counter::default(),
        };
        // The format adds `_total` to the name of a counter, and a full stop to its help.
        let registry = &mut counters.registry;
        registry.register(
            "apiserver_request",
            "Requests that were answered",
            counters.requests.clone(),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "How long an answer took",
            counters.durations.clone(),
        );
        registry.register(
            "apiserver_request_terminations",
            "Requests that the server gave up to protect itself",
            counters.terminations.clone(),
        );
        registry.register(
            "apiserver_current_inflight_requests",
            "Requests that have no answer yet",
            in_flight,
        );
        registry.register(
            "apiserver_tls_handshake_errors",
            "TLS handshakes that failed or took too long",
            counters.handshake_errors.clone(),
        );
        registry.register(
            "authentication_attempts",
            "Requests whose sender was looked for",
            attempts,
        );
        registry.register(
            "process_start_time_seconds",
            "When the server began, in seconds since 1970",
            start,
        );
        Self(Arc::new(counters))
    }

    /// The layer that answers `/metrics`.
    ///
    /// It stands below [`Authorize`](crate::Authorize): `/metrics` is read by whoever
    /// may `get` that path, which Kubernetes grants as a `nonResourceURLs` rule.
    pub fn page(&self) -> MetricsPage {
        MetricsPage(self.clone())
    }

    /// All that was counted, as text in the OpenMetrics format.
    pub fn text(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, &self.0.registry);
        page
    }

    pub(crate) fn handshake_failed(&self) {
        self.0.handshake_errors.inc();
    }
}

impl fmt::Debug for ServerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerMetrics").finish_non_exhaustive()
    }
}
