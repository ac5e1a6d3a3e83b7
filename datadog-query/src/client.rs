//! Asks Datadog.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Map;
use time::OffsetDateTime;
use tower::ServiceExt;

use crate::{
    account::Account,
    accounts::{Accounts, Standing, Turn},
    batch::BatchLimits,
    endpoint::Endpoint,
    error::Error,
    exchange::Exchange,
    keys::Keys,
    metric::MetricName,
    point::Reading,
    request,
    said::said,
};

mod ask;
mod validate;
mod values;

/// Asks Datadog over an [`Exchange`]. Cheap to clone, and clones share what is
/// known of the endpoints.
#[derive(Clone)]
pub struct Client<S> {
    accounts: Arc<Accounts>,
    tell: Arc<dyn Fn(Turn) + Send + Sync>,
    limits: BatchLimits,
    reading: Reading,
    exchange: S,
}

impl<S> Client<S> {
    /// A client for one address and the keys that belong to it.
    #[must_use]
    pub fn new(endpoint: Endpoint, keys: Keys, exchange: S) -> Self {
        Self {
            accounts: Arc::new(Accounts::of(Account { endpoint, keys })),
            tell: Arc::new(drop),
            limits: BatchLimits::default(),
            reading: Reading::default(),
            exchange,
        }
    }

    /// The same client with one more address, and the keys that belong to it,
    /// to be asked when those before it fail. Nothing is known yet of any.
    ///
    /// A call asks the first endpoint that does not fail, and goes on to the
    /// next one where the error [blames the endpoint](Error::blames_the_endpoint).
    /// An endpoint that has failed is tried again by one call after 30 seconds,
    /// then ever less often, up to every five minutes; all calls go back to it
    /// as soon as it answers. A call that fails everywhere counts against none.
    #[must_use]
    pub fn or_at(self, endpoint: Endpoint, keys: Keys) -> Self {
        let accounts = Arc::new(self.accounts.and(Account { endpoint, keys }));
        Self { accounts, ..self }
    }

    /// The same client, which tells this function of each turn from one
    /// endpoint to another, once.
    #[must_use]
    pub fn telling(self, tell: impl Fn(Turn) + Send + Sync + 'static) -> Self {
        let tell = Arc::new(tell);
        Self { tell, ..self }
    }

    /// The same client with other limits of what goes into one call, or another route for it.
    #[must_use]
    pub fn with_limits(self, limits: BatchLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same client, which reads the answers to its queries in another way.
    #[must_use]
    pub fn with_reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// Where it asks: the first endpoint that does not fail.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.accounts.in_use().endpoint
    }

    /// When one call tries an endpoint again that comes before the one in use;
    /// nothing where none does.
    #[must_use]
    pub fn retry_at(&self) -> Option<OffsetDateTime> {
        self.accounts.retry_at()
    }

    /// The endpoints in the order in which they are to be asked, and what is
    /// known of each.
    #[must_use]
    pub fn standings(&self) -> Vec<(Endpoint, Standing)> {
        self.accounts.standings()
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("accounts", &self.accounts)
            .field("limits", &self.limits)
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

// The futures own what they need, so that they are `Send` and outlive the
// client even where the exchange cannot be shared between threads.
impl<S: Exchange> Client<S> {
    /// Whether Datadog knows a metric of this name: whether anybody ever sent
    /// it, not whether it has data now. Needs the scope `metrics_read`. Only
    /// the endpoint in use is asked, since accounts differ in what they know.
    pub fn knows(
        &self,
        name: &MetricName,
    ) -> impl Future<Output = Result<bool, Error>> + Send + use<S> {
        let (exchange, name) = (self.exchange.clone(), name.clone());
        let account = self.accounts.in_use().clone();
        async move { knows(exchange, &account, &name).await }
    }
}

// A call takes an exchange of its own: a shared one would have to be `Sync`.

async fn knows<S: Exchange>(
    exchange: S,
    account: &Account,
    name: &MetricName,
) -> Result<bool, Error> {
    let request = request::metric(&account.endpoint, &account.keys, name)?;
    let response = send(exchange, account, request).await?;
    match response.status() {
        StatusCode::OK => read::<Map<_, _>>(&response, account).map(|_| true),
        // Other addresses are not found either: only these words are about the
        // metric.
        StatusCode::NOT_FOUND
            if said(response.body(), &account.keys).contains("metric_name not found") =>
        {
            Ok(false)
        }
        _ => Err(account.refusal(&response, Some("metrics_read"))),
    }
}

/// Sends a request to the account that it was made for.
async fn send<S: Exchange>(
    exchange: S,
    account: &Account,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Error> {
    let answer = exchange.oneshot(request).await;
    answer.map_err(|error| account.silence(error))
}

fn read<'a, T: Deserialize<'a>>(
    response: &'a Response<Bytes>,
    account: &Account,
) -> Result<T, Error> {
    serde_json::from_slice(response.body()).map_err(|error| account.malformed(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::{batch::Batch, exchange::ExchangeError, query::Query, window::Window};

    /// A client of a Datadog that always answers this.
    fn client(answer: Result<(u16, &'static str), ExchangeError>) -> Client<impl Exchange> {
        let exchange = tower::service_fn(move |_: Request<Bytes>| {
            let answer = answer.clone().map(|(status, body)| {
                Response::builder()
                    .status(status)
                    .body(body.into())
                    .unwrap()
            });
            async { answer }
        });
        let keys = Keys::new(&"api-key".into(), &"app-key".into()).unwrap();
        Client::new(Endpoint::of_site("datadoghq.eu").unwrap(), keys, exchange)
    }

    fn host() -> String {
        "api.datadoghq.eu".to_owned()
    }

    fn knows(status: u16, body: &'static str) -> Result<bool, Error> {
        block_on(client(Ok((status, body))).knows(&"nginx.net.request_per_s".parse().unwrap()))
    }

    #[test]
    fn a_metric_is_known_once_anybody_sent_it() {
        // Recorded: a metric that was just made has all fields, and all null.
        let body = r#"{"description":null,"short_name":null,"integration":null,
            "statsd_interval":null,"per_unit":null,"type":null,"unit":null}"#;
        assert_eq!(knows(200, body), Ok(true));
        assert_eq!(
            knows(404, r#"{"errors": ["metric_name not found"]}"#),
            Ok(false)
        );
    }

    #[test]
    fn another_404_does_not_make_a_metric_unknown() {
        // Recorded: the answer of the edge for an address that is not there.
        let body = r#"{"status":"error","code":404,"errors":["Not found"]}"#;
        let text = "Not found".to_owned();
        assert_eq!(
            knows(404, body),
            Err(Error::Unexpected {
                host: host(),
                status: 404,
                text
            })
        );
    }

    #[test]
    fn a_page_in_place_of_an_answer_does_not_make_a_metric_known() {
        assert!(matches!(
            knows(200, "<html>log in</html>"),
            Err(Error::Malformed { .. })
        ));
    }

    #[test]
    fn a_missing_permission_names_the_scope_that_each_call_needs() {
        let refused = r#"{"errors":["Forbidden","Failed permission authorization checks"]}"#;
        let scope = |error| match error {
            Error::PermissionMissing { scope, .. } => scope,
            other => panic!("{other}"),
        };
        let client = client(Ok((403, refused)));
        let batch = Batch::of(Query::written("avg:a{*}").unwrap());
        let window = Window::ending(OffsetDateTime::UNIX_EPOCH, std::time::Duration::ZERO);
        assert_eq!(
            scope(block_on(client.ask(&batch, window)).unwrap_err()),
            "timeseries_query"
        );
        assert_eq!(scope(knows(403, refused).unwrap_err()), "metrics_read");
    }

    #[test]
    fn no_answer_is_told_from_a_slow_one() {
        let name = "nginx.net.request_per_s".parse().unwrap();
        let outcome = |error| block_on(client(Err(error)).knows(&name)).unwrap_err();
        assert_eq!(
            outcome(ExchangeError::TimedOut),
            Error::TimedOut { host: host() }
        );
        let source = ExchangeError::Unreachable("the name of the host does not resolve".into());
        assert_eq!(
            outcome(source.clone()),
            Error::Unreachable {
                host: host(),
                source
            }
        );
    }
}
