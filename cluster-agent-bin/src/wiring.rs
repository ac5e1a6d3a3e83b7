//! The stacks, in travel order, and what they are wired to.

use std::sync::Arc;

use datadog_query::{Client, InvalidLeaf, Leaf, LeafSettings};
use metrics_store::Store;
use provider_api::{
    AccessLog, Answering, Authenticate, Authenticator, Authorize, Authorizer, CatchPanic, Check,
    Deadline, Impersonate, InFlightLimit, MetricsApi, RequestId, ServerMetrics,
};
use secrecy::ExposeSecret;
use tower::ServiceBuilder;

use crate::{
    config::Datadog,
    edge::{WallClock, bounded},
};

/// From the store's questions to Datadog.
pub(crate) fn datadog(config: Datadog) -> Result<Client<Leaf>, InvalidLeaf> {
    let Datadog {
        endpoint,
        keys,
        limits,
        parallel,
        proxy,
        no_proxy,
    } = config;
    let proxy = proxy.map(|url| url.expose_secret().to_owned());
    let settings = LeafSettings {
        proxy,
        no_proxy,
        ..LeafSettings::default()
    };
    // The leaf blocks: each call has a thread, and there are so many threads.
    let leaf = Leaf::new(&settings, bounded(parallel))?;
    Ok(Client::new(endpoint, keys, leaf).with_limits(limits))
}

/// From the socket to the store. A request goes down this list, its answer up.
pub(crate) fn metrics_api<B: Send + 'static>(
    store: Store,
    authenticators: Vec<Arc<dyn Authenticator>>,
    authorizer: Arc<dyn Authorizer>,
    ready: impl Fn() -> Vec<Check> + Send + Sync + 'static,
    metrics: &ServerMetrics,
    clock: WallClock,
) -> impl Answering<B> {
    ServiceBuilder::new()
        // Every request has a name that the client and the log share,
        .layer(RequestId::default())
        // has a line in the log, whatever becomes of it below,
        .layer(AccessLog::new(Arc::new(clock)))
        // and is counted.
        .layer(metrics.clone())
        // A panic costs one request; below these two, so that they see it.
        .layer(CatchPanic)
        // Too much at once is refused before it costs anything,
        .layer(InFlightLimit::default())
        // and what takes too long is given up: asking who somebody is takes time.
        .layer(Deadline::default())
        // Who asks, and as whom,
        .layer(Authenticate::by(authenticators))
        .layer(Impersonate::by(Arc::clone(&authorizer)))
        // and whether they may, before they learn what there is.
        .layer(Authorize::by(authorizer))
        // What was counted, for those who may read it.
        .layer(metrics.page())
        .service(
            MetricsApi::new(store)
                .ready_when(ready)
                .version(concat!("v", env!("CARGO_PKG_VERSION"))),
        )
}
