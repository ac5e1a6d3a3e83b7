//! The stack, in travel order, and what it is wired to.

use bytes::Bytes;
use datadog_query::{Client, Exchange, InvalidLeaf, Leaf, Turn};
use http::{
    Response,
    header::{AGE, DATE},
};
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
        if let Some(date) = told_date(&answer) {
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

/// The date that Datadog tells now. What something in between has kept tells how it was then,
/// and a refusal may be that of something in between.
fn told_date(answer: &Response<Bytes>) -> Option<&str> {
    let is_its_own = answer.status().is_success() && !answer.headers().contains_key(AGE);
    let date = answer.headers().get(DATE).filter(|_| is_its_own)?;
    date.to_str().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_answer_of_datadogs_own_tells_the_time() {
        const TOLD: &str = "Fri, 02 Jan 2026 03:00:00 GMT";
        let answer = |status: u16| Response::builder().status(status).header(DATE, TOLD);
        let date = |answer: http::response::Builder| {
            let answer = answer.body(Bytes::new()).unwrap();
            told_date(&answer).map(str::to_owned)
        };
        assert_eq!(date(answer(200)), Some(TOLD.to_owned()));
        assert_eq!(date(answer(200).header(AGE, "300")), None);
        assert_eq!(date(answer(502)), None);
        assert_eq!(date(Response::builder().status(200)), None);
    }
}
