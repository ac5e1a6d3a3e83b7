//! Whom we ask.

use std::num::NonZeroUsize;

use datadog_query::{ApiVersion, BatchLimits, Endpoint, Keys, LeafSettings};
use secrecy::SecretString;

use super::{Mistakes, Reader, Variables, connection::connection, fallbacks::fallbacks};

/// Whom we ask, and how much at once.
#[derive(Debug)]
pub(crate) struct Datadog {
    pub(crate) endpoint: Endpoint,
    pub(crate) keys: Keys,
    /// Whom we ask where that one fails, in this order.
    pub(crate) fallbacks: Vec<(Endpoint, Keys)>,
    pub(crate) limits: BatchLimits,
    pub(crate) parallel: NonZeroUsize,
    pub(crate) connection: LeafSettings,
}

impl Datadog {
    /// What is needed to ask Datadog, without a cluster.
    ///
    /// # Errors
    /// All mistakes in it.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Mistakes> {
        let mut read = Reader::new(variables);
        let datadog = datadog(&mut read);
        read.finish()?;
        Ok(
            datadog
                .expect("where there is none, there is a mistake, and that has ended this above"),
        )
    }
}

/// Calls at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(10).expect("not zero");

pub(super) fn datadog(read: &mut Reader<'_>) -> Option<Datadog> {
    // The key that is for this provider alone comes before the agent's.
    let mut key = |own, general, what| {
        let key = read.first(&[own, general]);
        if key.is_none() {
            read.mistake(format!(
                "{general} is not set: Datadog answers only with {what}"
            ));
        }
        key.map(|(_, key)| SecretString::from(key))
    };
    let api = key(
        "DD_EXTERNAL_METRICS_PROVIDER_API_KEY",
        "DD_API_KEY",
        "an API key",
    );
    let app = key(
        "DD_EXTERNAL_METRICS_PROVIDER_APP_KEY",
        "DD_APP_KEY",
        "an application key",
    );
    let endpoint = endpoint(read);
    let fallbacks = fallbacks(read);
    let version = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_QUERY_API",
        "v1 or v2",
        ApiVersion::default(),
    );
    let most = BatchLimits::default().queries;
    let queries = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_CHUNK_SIZE",
        "a whole number from 1 to 35",
        most,
    );
    let parallel = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_MAX_PARALLEL_QUERIES",
        "a whole number above 0",
        PARALLEL,
    );
    let connection = connection(read);
    let keys = Keys::new(&api?, &app?)
        .map_err(|why| read.mistake(format!("DD_API_KEY or DD_APP_KEY: {why}")))
        .ok()?;
    Some(Datadog {
        endpoint: endpoint?,
        keys,
        fallbacks,
        limits: BatchLimits {
            version,
            queries: queries.min(most),
            ..BatchLimits::default()
        },
        parallel,
        connection,
    })
}

fn endpoint(read: &mut Reader<'_>) -> Option<Endpoint> {
    let site = read.value("DD_SITE").unwrap_or("datadoghq.com");
    let (name, endpoint) =
        match read.first(&["DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT", "DATADOG_HOST"]) {
            Some((name, url)) => (name, Endpoint::at(url)),
            None => ("DD_SITE", Endpoint::of_site(site)),
        };
    endpoint
        .map_err(|why| read.mistake(format!("{name}: {why}")))
        .ok()
}
