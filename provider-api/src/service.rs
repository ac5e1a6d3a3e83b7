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
    CustomMetricsProvider, ExternalMetric, ExternalMetricValueList, ExternalMetricsProvider, Route,
    Status,
    discovery::{self, Listing},
    encode::Format,
    group::Group,
    health::{Check, Ending, Probe},
    openapi::OpenApi,
    route::{Destination, group_of},
};

/// Answers the requests of the Kubernetes metrics API from a provider.
///
/// It serves external metrics, custom metrics or both, their discovery, their
/// schema (OpenAPI), health and the version; anything else is not found. Whatever
/// it answers is an answer: it has no errors. It reads no body, and asks nobody
/// whether the client may ask: put layers above it that do, or keep it among
/// friends.
#[derive(Clone)]
pub struct MetricsApi {
    external: Option<Arc<dyn ExternalMetricsProvider>>,
    custom: Option<Arc<dyn CustomMetricsProvider>>,
    readiness: Vec<Arc<dyn Fn() -> Vec<Check> + Send + Sync>>,
    version: Arc<str>,
    schemas: Arc<OpenApi>,
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
        Self {
            readiness: self.readiness,
            version: self.version,
            beside: self.beside,
            ..Self::of(self.external, Some(Arc::new(custom)))
        }
    }

    fn of(
        external: Option<Arc<dyn ExternalMetricsProvider>>,
        custom: Option<Arc<dyn CustomMetricsProvider>>,
    ) -> Self {
        let groups = [
            external.as_ref().map(|_| Group::External),
            custom.as_ref().map(|_| Group::Custom),
        ];
        let groups: Vec<_> = groups.into_iter().flatten().collect();
        Self {
            external,
            custom,
            readiness: Vec::new(),
            version: "".into(),
            schemas: Arc::new(OpenApi::of(&groups)),
            beside: Vec::new(),
        }
    }

    /// Answers `/readyz` by these checks, and by those of other calls. They are made for
    /// each probe, so they look at what is known and do not find out.
    pub fn ready_when(mut self, checks: impl Fn() -> Vec<Check> + Send + Sync + 'static) -> Self {
        self.readiness.push(Arc::new(checks));
        self
    }

    /// Lists `path` in the index at `/`, which a layer above answers.
    #[cfg(feature = "server")]
    pub(crate) fn beside(mut self, path: &'static str) -> Self {
        self.beside.push(path);
        self
    }

    /// What is served, as `external.metrics.k8s.io/v1beta1`.
    pub fn group_versions(&self) -> Vec<String> {
        let groups = Group::ALL.into_iter().filter(|group| self.serves(*group));
        let named = |group: Group| {
            let versions = group.versions().iter();
            versions.map(move |version| format!("{}/{version}", group.name()))
        };
        groups.flat_map(named).collect()
    }

    /// Answers `/version` by this version of the server.
    pub fn version(self, version: &str) -> Self {
        Self {
            version: version.into(),
            ..self
        }
    }
}

impl MetricsApi {
    async fn answer(
        &self,
        route: Route,
        request: &Request<()>,
    ) -> Result<Response<Full<Bytes>>, Status> {
        match route.into_destination() {
            Destination::External(metric) => self.external(&metric, request).await,
            Destination::Custom {
                version,
                metric,
                objects,
            } => {
                let provider = self.custom.as_ref().ok_or_else(Status::not_found)?;
                custom::answer(&**provider, version, &metric, &objects, request).await
            }
            Destination::Groups => {
                let listings: Vec<_> = Group::ALL
                    .into_iter()
                    .filter_map(|group| self.listing(group).ok())
                    .collect();
                discovery::groups(request, &listings)
            }
            Destination::Group(group) => {
                self.listing(group)?;
                discovery::group(request, group)
            }
            Destination::Resources(group, version) => {
                discovery::resources(request, &self.listing(group)?, version)
            }
            Destination::Schema(schema) => self.schemas.answer(&schema, request),
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
                    "gitVersion": &*self.version,
                    "gitCommit": "",
                    "gitTreeState": "",
                    "buildDate": "",
                    "goVersion": "",
                    "compiler": "rustc",
                    "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
                });
                Ok(Format::of_text(request)?.answer_text(StatusCode::OK, &version))
            }
            // What is not there cannot be asked for in a wrong way.
            Destination::Refused(status) => match group_of(request.uri()) {
                Some(group) if !self.serves(group) => Err(Status::not_found()),
                _ => Err(status),
            },
        }
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
        let items = provider
            .external_metric(metric)
            .await
            .map_err(|refusal| Status::from(&refusal))?;
        Ok(format.answer(StatusCode::OK, &ExternalMetricValueList { items }))
    }

    /// What is listed of a group, where it is served.
    fn listing(&self, group: Group) -> Result<Listing, Status> {
        let listing = match group {
            Group::External => {
                let provider = self.external.as_ref();
                provider.map(|provider| Listing::external(provider.external_metrics()))
            }
            Group::Custom => {
                let provider = self.custom.as_ref();
                provider.map(|provider| Listing::custom(provider.custom_metrics()))
            }
        };
        listing.ok_or_else(Status::not_found)
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
        let api = self.clone();
        let mut request = request.map(drop);
        Box::pin(async move {
            // What was authorized, where something was.
            let route = request
                .extensions_mut()
                .remove()
                .unwrap_or_else(|| Route::of(request.method(), request.uri()));
            let answer = api.answer(route, &request).await;
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
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
