//! The stack, in travel order, and what it is wired to.

use datadog_query::{Client, InvalidLeaf, Leaf, LeafSettings};
use metrics_store::Store;
use provider_api::MetricsApi;
use secrecy::ExposeSecret;

use crate::{config::Datadog, edge::bounded};

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

/// What the store answers, in the name of this program.
pub(crate) fn metrics_api(store: Store) -> MetricsApi {
    MetricsApi::new(store).version(concat!("v", env!("CARGO_PKG_VERSION")))
}
