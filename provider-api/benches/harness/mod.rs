//! The server without its socket, and what the API server asks it.

use std::{convert::Infallible, sync::Arc};

use async_trait::async_trait;
use http::{Request, header};
use provider_api::{
    AUTHENTICATED, AccessLog, Action, Answer, Answering, Authenticate, Authenticator, Authorize,
    Authorizer, CatchPanic, Clock, Deadline, Decision, Impersonate, InFlightLimit, Layers,
    Presented, Rejected, RequestId, ServerMetrics, Undecided, User,
};
use time::macros::datetime;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt};

pub(crate) const JSON: &str = "application/json";

const AUTOSCALER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// The layers of `MetricsServer`, with stand-ins that know at once who asks and whether
/// they may.
pub(crate) fn layered(api: impl Answering<()>) -> impl Answering<()> {
    let clock = clock();
    let metrics = ServerMetrics::new(Arc::clone(&clock));
    let authorizer: Arc<dyn Authorizer> = Arc::new(OnlyTheAutoscaler);
    Layers::of(RequestId::default())
        .then(AccessLog::new(clock))
        .then(metrics.clone())
        .then(CatchPanic)
        .then(InFlightLimit::default())
        .then(Deadline::default())
        .then(Authenticate::by(vec![
            Arc::new(ByHeader) as Arc<dyn Authenticator>
        ]))
        .then(Impersonate::by(Arc::clone(&authorizer)))
        .then(Authorize::by(authorizer))
        .then(metrics.page())
        .layer(api)
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(|| datetime!(2026-01-02 03:04:10 UTC))
}

pub(crate) fn autoscaler() -> User {
    User {
        name: AUTOSCALER.to_owned(),
        groups: vec![AUTHENTICATED.to_owned()],
        ..User::default()
    }
}

/// The deadline needs a timer.
pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread needs nothing that can run out")
}

/// A request as the API server passes it on for the autoscaler.
pub(crate) fn request(path: &str, accept: &str) -> Request<()> {
    Request::get(path)
        .header(header::ACCEPT, accept)
        .header(
            header::USER_AGENT,
            "kube-controller-manager/v1.33.0 (linux/amd64)",
        )
        .header("audit-id", "0f8fad5b-d9cb-469f-a165-70867728950e")
        .header("x-remote-user", AUTOSCALER)
        .body(())
        .expect("a path and headers that are legal")
}

pub(crate) async fn answer(
    api: &impl Answering<()>,
    request: Request<()>,
) -> Result<Answer, Infallible> {
    api.clone().oneshot(request).await
}

/// Knows the autoscaler.
pub(crate) struct ByHeader;

#[async_trait]
impl Authenticator for ByHeader {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let name = presented.headers.get("x-remote-user");
        Ok(name
            .filter(|name| *name == AUTOSCALER)
            .map(|_| Arc::new(autoscaler())))
    }
}

pub(crate) struct OnlyTheAutoscaler;

#[async_trait]
impl Authorizer for OnlyTheAutoscaler {
    async fn authorize(&self, user: &User, _: &Action) -> Result<Decision, Undecided> {
        if user.name == AUTOSCALER {
            return Ok(Decision::Allowed);
        }
        Err(Undecided(format!("{} is not the autoscaler", user.name)))
    }
}
