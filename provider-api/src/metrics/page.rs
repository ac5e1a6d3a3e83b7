//! `/metrics`.

use http::{HeaderValue, Method, Request, StatusCode};
use tower::Layer;

use super::ServerMetrics;
use crate::{
    Format, Status, encode,
    layer::{Answer, Around, Below, Layered},
};

/// The format in which counters are written, which Prometheus reads by this name.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `/metrics`, and hands everything else on.
#[derive(Clone, Debug)]
pub struct MetricsPage(pub(super) ServerMetrics);

impl MetricsPage {
    pub(crate) const PATH: &str = "/metrics";
}

impl<S> Layer<S> for MetricsPage {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for MetricsPage {
    async fn around<S: Below<B>>(&self, request: Box<Request<B>>, below: S) -> Answer {
        // Letter by letter: a path that is only spelled like it was not authorized as it.
        if request.uri().path() != Self::PATH {
            return below.answer(request).await;
        }
        if request.method() != Method::GET {
            return Status::method_not_allowed().answer(Format::of_status(&request));
        }
        encode::response(
            StatusCode::OK,
            HeaderValue::from_static(OPENMETRICS),
            self.0.text(),
        )
    }
}
