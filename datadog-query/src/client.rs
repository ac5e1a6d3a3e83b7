//! Asks Datadog.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Map;
use tower::ServiceExt;

use crate::{
    account::Account,
    api_version::ApiVersion,
    batch::{Batch, BatchLimits},
    endpoint::Endpoint,
    error::Error,
    exchange::Exchange,
    keys::Keys,
    metric::MetricName,
    point::Reading,
    reply::Reply,
    request,
    said::said,
    window::Window,
};

mod values;

/// Asks Datadog over an [`Exchange`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client<S> {
    account: Arc<Account>,
    limits: BatchLimits,
    reading: Reading,
    version: ApiVersion,
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
            reading: Reading::default(),
            version: ApiVersion::default(),
            exchange,
        }
    }

    /// The same client with other limits of what goes into one call.
    #[must_use]
    pub fn with_limits(self, limits: BatchLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same client, asking the other route for queries.
    #[must_use]
    pub fn with_api_version(self, version: ApiVersion) -> Self {
        Self { version, ..self }
    }

    /// The same client, which reads the answers to its queries in another way.
    #[must_use]
    pub fn with_reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
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
        let version = self.version;
        let call = self.call(request::query(endpoint, keys, version, batch, window));
        let (account, batch) = (Arc::clone(&self.account), batch.clone());
        async move { Reply::read(&call.await?, &account, version, &batch, window) }
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
                _ => Err(account.refusal(&response, Some("metrics_read"))),
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
                return Err(account.refusal(&response, None));
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
    serde_json::from_slice(response.body()).map_err(|error| account.malformed(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::{exchange::ExchangeError, query::Query};

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
        let window = Window::ending(time::OffsetDateTime::UNIX_EPOCH, std::time::Duration::ZERO);
        assert_eq!(
            scope(block_on(client.ask(&batch, window)).unwrap_err()),
            "timeseries_query"
        );
        assert_eq!(scope(knows(403, refused).unwrap_err()), "metrics_read");
    }

    #[test]
    fn a_key_is_valid_only_when_datadog_says_so() {
        let validate = |status, body| block_on(client(Ok((status, body))).validate());
        // Both after recordings; the third form is documented.
        assert_eq!(validate(200, r#"{"valid":true}"#), Ok(()));
        for (status, body, text) in [
            (
                403,
                r#"{"errors": ["API key required"]}"#,
                "API key required",
            ),
            (200, r#"{"valid":false}"#, "not valid"),
        ] {
            let text = text.to_owned();
            let refused = Error::KeysRefused {
                host: host(),
                status,
                text,
            };
            assert_eq!(validate(status, body), Err(refused));
        }
        assert!(matches!(validate(200, "{}"), Err(Error::Malformed { .. })));
    }

    #[test]
    fn no_answer_is_told_from_a_slow_one() {
        let outcome = |error| block_on(client(Err(error)).validate()).unwrap_err();
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
