//! The metrics API as one service.

mod custom;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tower::Service;

use crate::{
    Clock, CustomMetricsProvider, ExternalMetric, ExternalMetricValueList, ExternalMetricsProvider,
    Route, Status,
    discovery::{self, Catalogue, Kept, Listing},
    encode::Format,
    group::Group,
    health::{Check, Ending, Probe},
    openapi::OpenApi,
    route::Destination,
};

/// Answers the requests of the Kubernetes metrics API from a provider.
///
/// It serves external metrics, custom metrics or both, and beside them
///
/// - discovery: `/apis` and what is below it. Of each group it lists at most 100
///   metrics, the first by name, and a placeholder where there is none: clients take an
///   empty list for an error, and every `kubectl` reads a long one. Whether a metric can
///   be read does not depend on it;
/// - its schema: `/openapi/v2` and `/openapi/v3`;
/// - health: `/healthz`, `/livez` and `/readyz`, each with `?verbose` and `?exclude=`,
///   and each check alone, as `/readyz/ping`;
/// - `/version`, and `/`, which lists all of these.
///
/// Anything else is 404. Whatever it answers is an answer: it has no errors. It reads no
/// body, and asks nobody whether the client may ask: put layers above it that do, or
/// keep it among friends; `MetricsServer` has all of them.
///
/// The paths are those of Kubernetes' own
/// [external](https://github.com/kubernetes/design-proposals-archive/blob/main/instrumentation/external-metrics-api.md)
/// and [custom](https://github.com/kubernetes/design-proposals-archive/blob/main/instrumentation/custom-metrics-api.md)
/// metrics APIs. A clone costs nothing.
#[derive(Clone)]
pub struct MetricsApi(Arc<Parts>);

/// Clients parse a version, so there has to be one.
const UNTOLD: &str = "v0.0.0";

#[derive(Clone)]
struct Parts {
    external: Option<Arc<dyn ExternalMetricsProvider>>,
    custom: Option<Arc<dyn CustomMetricsProvider>>,
    readiness: Vec<Arc<dyn Fn() -> Vec<Check> + Send + Sync>>,
    version: String,
    schemas: Arc<OpenApi>,
    discovery: Arc<Kept>,
    /// Paths that a layer above answers.
    beside: Vec<&'static str>,
}

impl MetricsApi {
    /// The API of a provider of external metrics. It is ready from the start.
    pub fn new(external: impl ExternalMetricsProvider) -> Self {
        Self::of(Some(Arc::new(external)), None)
    }

    /// The API of a provider of custom metrics. It is ready from the start.
    pub fn of_custom(custom: impl CustomMetricsProvider) -> Self {
        Self::of(None, Some(Arc::new(custom)))
    }

    /// Serves custom metrics too.
    pub fn and_custom(self, custom: impl CustomMetricsProvider) -> Self {
        self.with(|parts| {
            parts.custom = Some(Arc::new(custom));
            parts.describe();
        })
    }

    fn of(
        external: Option<Arc<dyn ExternalMetricsProvider>>,
        custom: Option<Arc<dyn CustomMetricsProvider>>,
    ) -> Self {
        let parts = Parts {
            external,
            custom,
            readiness: Vec::new(),
            version: UNTOLD.to_owned(),
            schemas: Arc::new(OpenApi::of(&[])),
            discovery: Arc::default(),
            beside: Vec::new(),
        };
        Self(Arc::new(parts)).with(Parts::describe)
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Answers `/readyz` by these checks, and by those of other calls. They are made for
    /// each probe, so they look at what is known and do not find out.
    pub fn ready_when(self, checks: impl Fn() -> Vec<Check> + Send + Sync + 'static) -> Self {
        self.with(|parts| parts.readiness.push(Arc::new(checks)))
    }

    /// Asks the providers what there is to list at most once a second, by this clock,
    /// however many ask for it at once. Without a clock they are asked each time;
    /// `MetricsServer` brings its own.
    pub fn listing_by(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|parts| parts.discovery = Arc::new(Kept::by(clock)))
    }

    /// Answers `/version` by this version of the server, in `gitVersion`; `v0.0.0` where
    /// none is told.
    pub fn version(self, version: &str) -> Self {
        self.with(|parts| parts.version = version.into())
    }

    /// Lists `path` in the index at `/`, which a layer above answers.
    #[cfg(feature = "server")]
    pub(crate) fn beside(self, path: &'static str) -> Self {
        self.with(|parts| parts.beside.push(path))
    }

    /// What is served, as `external.metrics.k8s.io/v1beta1`.
    pub fn group_versions(&self) -> Vec<String> {
        self.0.group_versions()
    }
}

impl Parts {
    fn group_versions(&self) -> Vec<String> {
        let groups = self.groups().into_iter();
        let named = |group: Group| {
            let versions = group.versions().iter();
            versions.map(move |version| format!("{}/{version}", group.name()))
        };
        groups.flat_map(named).collect()
    }

    /// Makes anew what depends on which groups are served.
    fn describe(&mut self) {
        self.schemas = Arc::new(OpenApi::of(&self.groups()));
        self.discovery = Arc::new(self.discovery.emptied());
    }

    async fn answer(
        &self,
        route: &Route,
        request: &Request<()>,
    ) -> Result<Response<Full<Bytes>>, Status> {
        match route.destination() {
            Destination::External(metric) => self.external(metric, request).await,
            Destination::Custom {
                version,
                metric,
                objects,
            } => {
                let provider = self.custom.as_ref().ok_or_else(Status::not_found)?;
                custom::answer(&**provider, *version, metric, objects, request).await
            }
            Destination::Groups => self.catalogue().groups(request),
            Destination::Group(group) if !self.serves(*group) => Err(Status::not_found()),
            Destination::Group(group) => discovery::group(request, *group),
            Destination::Resources(group, version) => {
                self.catalogue().resources(request, *group, version)
            }
            Destination::Schema(schema) => self.schemas.answer(schema, request),
            Destination::Index => {
                let paths = json!({ "paths": self.paths() });
                Ok(Format::json(request).answer_text(StatusCode::OK, &paths))
            }
            Destination::Health(asked) => {
                asked.answer(&self.checks(asked.probe, request.extensions().get()))
            }
            Destination::Version => {
                let version = json!({
                    "major": "",
                    "minor": "",
                    "gitVersion": self.version,
                    "gitCommit": "",
                    "gitTreeState": "",
                    "buildDate": "",
                    "goVersion": "",
                    "compiler": "rustc",
                    "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
                });
                Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &version))
            }
            Destination::Refused(Some(group), _) if !self.serves(*group) => {
                Err(Status::not_found())
            }
            Destination::Refused(_, status) => Err(status.clone()),
        }
    }

    fn groups(&self) -> Vec<Group> {
        let mut groups = Group::ALL.to_vec();
        groups.retain(|group| self.serves(*group));
        groups
    }

    fn serves(&self, group: Group) -> bool {
        match group {
            Group::External => self.external.is_some(),
            Group::Custom => self.custom.is_some(),
        }
    }

    fn checks(&self, probe: Probe, ending: Option<&Ending>) -> Vec<Check> {
        let readiness = || self.readiness.iter().flat_map(|checks| checks()).collect();
        probe.checks(readiness, ending)
    }

    /// Every path that does not name a metric, in order.
    fn paths(&self) -> BTreeSet<String> {
        let mut paths: BTreeSet<String> = ["/apis", "/openapi/v2", "/openapi/v3", "/version"]
            .into_iter()
            .chain(self.beside.iter().copied())
            .map(str::to_owned)
            .collect();
        for group_version in self.group_versions() {
            if let Some((group, _)) = group_version.split_once('/') {
                paths.insert(format!("/apis/{group}"));
            }
            paths.insert(format!("/apis/{group_version}"));
            paths.insert(format!("/openapi/v3/apis/{group_version}"));
        }
        for probe in Probe::ALL {
            let name = probe.name();
            paths.insert(format!("/{name}"));
            let checks = self.checks(probe, None);
            paths.extend(checks.iter().map(|check| format!("/{name}/{}", check.name)));
        }
        paths
    }

    async fn external(
        &self,
        metric: &ExternalMetric,
        request: &Request<()>,
    ) -> Result<Response<Full<Bytes>>, Status> {
        let provider = self.external.as_ref().ok_or_else(Status::not_found)?;
        let format = Format::of(request)?;
        // Of the provider itself: that of its `Arc` would box the answer twice.
        let items = (**provider)
            .external_metric(metric)
            .await
            .map_err(|refusal| Status::from(&refusal))?;
        Ok(format.answer(StatusCode::OK, &ExternalMetricValueList { items }))
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.discovery.catalogue(|| {
            let external = self.external.as_ref();
            let custom = self.custom.as_ref();
            let listings = [
                external.map(|provider| Listing::external(provider.external_metrics())),
                custom.map(|provider| Listing::custom(provider.custom_metrics())),
            ];
            listings.into_iter().flatten().collect()
        })
    }
}

impl<B> Service<Request<B>> for MetricsApi {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let api = Arc::clone(&self.0);
        let mut request = request.map(drop);
        Box::pin(async move {
            // What was authorized, where something was.
            let route = Route::of_request(&mut request);
            let answer = api.answer(&route, &request).await;
            let mut answer =
                answer.unwrap_or_else(|status| status.answer(Format::of_status(&request)));
            if request.method() == Method::HEAD {
                *answer.body_mut() = Full::default();
            }
            Ok(answer)
        })
    }
}

impl fmt::Debug for MetricsApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsApi")
            .field("version", &self.0.version)
            .finish_non_exhaustive()
    }
}
