//! The stack, in travel order, and what it is wired to.

use bytes::Bytes;
use datadog_query::{Client, Exchange, InvalidLeaf, Leaf, Turn};
use http::{Response, header::DATE};
use metrics_store::Store;
use provider_api::MetricsApi;
use time::format_description::well_known::Rfc3339;
use tower::ServiceExt as _;
use tracing::{info, warn};

use crate::{
    chain,
    config::Datadog,
    edge::{WallClock, bounded},
};

/// From the store's questions to Datadog, whose answers tell `clock` the time.
pub(crate) fn datadog(
    config: Datadog,
    clock: WallClock,
) -> Result<Client<impl Exchange + Sync + 'static>, InvalidLeaf> {
    let Datadog {
        endpoint,
        keys,
        fallbacks,
        limits,
        parallel,
        connection,
    } = config;
    // The leaf blocks: each call has a thread, and there are so many threads.
    let leaf = Leaf::new(&connection, bounded(parallel))?;
    let leaf = leaf.map_response(move |answer: Response<Bytes>| {
        let date = answer.headers().get(DATE);
        if let Some(date) = date.and_then(|date| date.to_str().ok()) {
            clock.hears(date);
        }
        answer
    });
    let client = Client::new(endpoint, keys, leaf).with_limits(limits);
    let fallbacks = fallbacks.into_iter();
    Ok(fallbacks
        .fold(client, |client, (endpoint, keys)| {
            client.or_at(endpoint, keys)
        })
        .telling(report))
}

/// Tells the log where calls go from now on.
fn report(turn: Turn) {
    match turn {
        Turn::Over {
            from,
            cause,
            retry_at,
            to,
        } => {
            let retry_at = retry_at.format(&Rfc3339).unwrap_or_default();
            warn!(
                "{from} fails: {}; {to} is asked from now on, and {from} is tried again at {retry_at}",
                chain(&*cause)
            );
        }
        Turn::Back { to } => info!("{to} answers again, and is asked from now on"),
    }
}

/// What the store answers, in the name of this program.
pub(crate) fn metrics_api(store: Store) -> MetricsApi {
    MetricsApi::new(store).version(concat!("v", env!("CARGO_PKG_VERSION")))
}
