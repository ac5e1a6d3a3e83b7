//! Asks Datadog.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Map;
use time::OffsetDateTime;
use tower::ServiceExt;

use crate::{
    account::Account,
    answers::{Answers, NoValue},
    batch::{Batch, BatchLimits, batches, cost},
    endpoint::Endpoint,
    error::Error,
    exchange::Exchange,
    keys::Keys,
    metric::MetricName,
    query::Query,
    reply::Reply,
    request,
    said::{one_line, said},
    window::Window,
};

/// Asks Datadog over an [`Exchange`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client<S> {
    account: Arc<Account>,
    limits: BatchLimits,
    exchange: S,
}

impl<S> Client<S> {
    /// A client for one address and the keys that belong to it.
    #[must_use]
    pub fn new(endpoint: Endpoint, keys: Keys, exchange: S) -> Self {
        let account = Arc::new(Account { endpoint, keys });
        Self {
            account,
            limits: BatchLimits::default(),
            exchange,
        }
    }

    /// The same client with other limits of what goes into one call.
    #[must_use]
    pub fn with_limits(self, limits: BatchLimits) -> Self {
        Self { limits, ..self }
    }

    /// Where it asks.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.account.endpoint
    }
}

// The futures own what they need, so that they are `Send` and outlive the
// client even where the exchange cannot be shared between threads.
impl<S: Exchange> Client<S> {
    /// Asks one batch in one call.
    pub fn ask(
        &self,
        batch: &Batch,
        window: Window,
    ) -> impl Future<Output = Result<Reply, Error>> + Send + use<S> {
        let Account { endpoint, keys } = &*self.account;
        let call = self.call(request::query(endpoint, keys, batch, window));
        let account = Arc::clone(&self.account);
        async move { Reply::read(&call.await?, &account) }
    }

    /// The newest point of each query that is complete at `now`, or why there
    /// is none. Equal queries are asked once.
    ///
    /// The queries are cut into batches, which are asked at once; the exchange
    /// decides how many calls really run. Where a query spoils its batch, the
    /// batch is halved until the bad one is alone, so that its neighbours have
    /// their values from the same round. An error that blames no query is
    /// every query's of that batch.
    pub fn values<I: IntoIterator<Item = Query>>(
        &self,
        queries: I,
        window: Window,
        now: OffsetDateTime,
    ) -> impl Future<Output = Answers> + Send + use<S, I> {
        let client = self.clone();
        let limit = self.limits.characters;
        let (batches, too_long) = batches(queries, self.limits);
        async move {
            let mut answers = Answers::default();
            for query in too_long {
                let why = NoValue::TooLong {
                    characters: cost(&query),
                    limit,
                };
                answers.by_query.insert(query, Err(why));
            }
            let ask = move |batch: Batch| {
                let reply = client.ask(&batch, window);
                async move { (batch, reply.await) }
            };
            let mut calls: FuturesUnordered<_> = batches.into_iter().map(&ask).collect();
            while let Some((batch, outcome)) = calls.next().await {
                answers.calls += 1;
                let error = match outcome {
                    Ok(reply) => {
                        answers.note(&batch, &reply, window, now);
                        continue;
                    }
                    Err(error) => error,
                };
                if error.blames_a_query()
                    && let Some((first, second)) = batch.halves()
                {
                    calls.extend([ask(first), ask(second)]);
                    continue;
                }
                answers.note_failure(&batch, error, window);
            }
            answers
        }
    }

    /// Whether Datadog knows a metric of this name: whether anybody ever sent
    /// it, not whether it has data now. Needs the scope `metrics_read`.
    pub fn knows(
        &self,
        name: &MetricName,
    ) -> impl Future<Output = Result<bool, Error>> + Send + use<S> {
        let Account { endpoint, keys } = &*self.account;
        let call = self.call(request::metric(endpoint, keys, name));
        let account = Arc::clone(&self.account);
        async move {
            let response = call.await?;
            match response.status() {
                StatusCode::OK => read::<Map<_, _>>(&response, &account).map(|_| true),
                // Other addresses are not found either: only these words are
                // about the metric.
                StatusCode::NOT_FOUND
                    if said(response.body(), &account.keys).contains("metric_name not found") =>
                {
                    Ok(false)
                }
                _ => Err(account.refusal(&response, "metrics_read")),
            }
        }
    }

    /// Checks that the API key belongs to this site. It does not check the
    /// application key.
    pub fn validate(&self) -> impl Future<Output = Result<(), Error>> + Send + use<S> {
        let Account { endpoint, keys } = &*self.account;
        let call = self.call(request::validate(endpoint, keys));
        let account = Arc::clone(&self.account);
        async move {
            #[derive(Deserialize)]
            struct Validity {
                valid: bool,
            }
            let response = call.await?;
            if response.status() != StatusCode::OK {
                return Err(account.refusal(&response, "api_keys_read"));
            }
            match read(&response, &account)? {
                Validity { valid: true } => Ok(()),
                Validity { valid: false } => Err(Error::KeysRefused {
                    host: account.endpoint.host().to_owned(),
                    status: response.status().as_u16(),
                    text: "not valid".to_owned(),
                }),
            }
        }
    }

    fn call(
        &self,
        request: Result<Request<Bytes>, Error>,
    ) -> impl Future<Output = Result<Response<Bytes>, Error>> + Send + use<S> {
        let exchange = self.exchange.clone();
        let account = Arc::clone(&self.account);
        async move {
            exchange
                .oneshot(request?)
                .await
                .map_err(|error| account.silence(error))
        }
    }
}

fn read<'a, T: Deserialize<'a>>(
    response: &'a Response<Bytes>,
    account: &Account,
) -> Result<T, Error> {
    serde_json::from_slice(response.body())
        .map_err(|error| account.malformed(one_line(&error.to_string())))
}
