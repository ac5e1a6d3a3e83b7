//! Whether the keys are good.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde::Deserialize;
use time::OffsetDateTime;

use super::{Client, ask::ask, knows, read, send};
use crate::{
    account::Account,
    api_version::ApiVersion,
    batch::Batch,
    error::Error,
    exchange::Exchange,
    query::Query,
    request,
    validation::{Finding, Validation},
    window::Window,
};

/// A metric that most accounts have; what is asked of it, one without it may be asked as well.
const METRIC: &str = "datadog.agent.running";

impl<S: Exchange> Client<S> {
    /// Finds out for each endpoint whether it is reached, and what its keys may do. At most three
    /// calls to each, one of them a query. It turns nothing.
    pub fn validate(
        &self,
        now: OffsetDateTime,
    ) -> impl Future<Output = Vec<Validation>> + Send + use<S> {
        let accounts = self.accounts.all().iter().cloned();
        let validations = accounts.map(|account| {
            let (exchange, version) = (self.exchange.clone(), self.limits.version);
            async move { validate(exchange, &account, version, now).await }
        });
        join_all(validations)
    }

    /// Finds out whether the endpoint that is asked now accepts its API key. It is no query,
    /// and counts towards no limit of theirs.
    ///
    /// # Errors
    /// Why it does not.
    pub fn validate_api_key(&self) -> impl Future<Output = Result<(), Error>> + Send + use<S> {
        let (exchange, account) = (self.exchange.clone(), self.accounts.in_use().clone());
        async move { api_key(exchange, &account).await }
    }
}

async fn validate<S: Exchange>(
    exchange: S,
    account: &Account,
    version: ApiVersion,
    now: OffsetDateTime,
) -> Validation {
    let mut validation = Validation::of(account.endpoint.clone());
    validation.note_api_key(api_key(exchange.clone(), account).await);
    if validation.api_key == Finding::Good {
        let query = Query::written(&format!("avg:{METRIC}{{*}}")).expect("a query");
        let window = Window::ending(now, Duration::from_mins(1));
        let batch = Batch::of(query);
        let outcome = ask(exchange.clone(), account, version, &batch, window).await;
        validation.note_query(outcome.map(drop));
    }
    if validation.app_key == Finding::Good {
        let name = METRIC.parse().expect("a metric's name");
        let outcome = knows(exchange, account, &name).await;
        validation.note_metadata(outcome.map(drop));
    }
    validation
}

/// Whether the API key belongs to this site. The application key plays no part.
async fn api_key<S: Exchange>(exchange: S, account: &Account) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Validity {
        valid: bool,
    }
    let request = request::validate(&account.endpoint, &account.keys)?;
    let response = send(exchange, account, request).await?;
    if response.status() != StatusCode::OK {
        return Err(account.refusal(&response, None));
    }
    match read(&response, account)? {
        Validity { valid: true } => Ok(()),
        Validity { valid: false } => Err(Error::KeysRefused {
            host: account.endpoint.host().to_owned(),
            status: response.status().as_u16(),
            text: "not valid".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_executor::block_on;
    use http::{Request, Response};
    use time::macros::datetime;

    use super::*;
    use crate::{endpoint::Endpoint, exchange::ExchangeError, keys::Keys};

    const GOOD: (u16, &str) = (200, r#"{"valid":true}"#);
    const NO_SERIES: (u16, &str) = (200, r#"{"series":[]}"#);
    const UNKNOWN_METRIC: (u16, &str) = (404, r#"{"errors":["metric_name not found"]}"#);
    const FORBIDDEN: (u16, &str) = (403, r#"{"errors":["Forbidden"]}"#);
    const NO_SCOPE: (u16, &str) = (
        403,
        r#"{"errors":["Forbidden","Failed permission authorization checks"]}"#,
    );

    /// The verdict where the three routes answer so, without its first line.
    fn verdict(routes: [(u16, &'static str); 3]) -> (bool, String) {
        let exchange = tower::service_fn(move |request: Request<Bytes>| {
            let [validate, query, metric] = routes;
            let (status, body) = match request.uri().path() {
                "/api/v1/validate" => validate,
                "/api/v1/query" => query,
                _ => metric,
            };
            let answer = Response::builder().status(status).body(body.into());
            async { Ok::<_, ExchangeError>(answer.unwrap()) }
        });
        let keys = Keys::new(&"api-key-0123456789".into(), &"app-key-0123456789".into()).unwrap();
        let client = Client::new(Endpoint::of_site("datadoghq.eu").unwrap(), keys, exchange);
        let validations = block_on(client.validate(datetime!(2026-01-01 00:00:00 UTC)));
        let [validation] = validations.as_slice() else {
            panic!("{validations:?}");
        };
        let told = validation.to_string();
        let told = told.strip_prefix("https://api.datadoghq.eu\n").unwrap();
        (validation.is_good(), told.to_owned())
    }

    const ALL_GOOD: &str = "  good     site
  good     API key
  good     application key
  good     scope timeseries_query
  good     scope metrics_read";

    #[test]
    fn keys_that_may_do_everything_are_good() {
        let told = (true, ALL_GOOD.to_owned());
        assert_eq!(verdict([GOOD, NO_SERIES, UNKNOWN_METRIC]), told);
        // An account may refuse the query for what it is, and has let it in.
        assert_eq!(verdict([GOOD, (422, ""), (200, "{}")]), told);
    }

    #[test]
    fn what_is_wrong_is_told_and_what_depends_on_it_is_not_asked() {
        let rows = [
            (
                [(404, ""), NO_SERIES, UNKNOWN_METRIC],
                "  bad      site: api.datadoghq.eu answered HTTP 404: is it the address of Datadog's API?
  unasked  API key
  unasked  application key
  unasked  scope timeseries_query
  unasked  scope metrics_read",
            ),
            (
                [FORBIDDEN, NO_SERIES, UNKNOWN_METRIC],
                "  good     site
  bad      API key: api.datadoghq.eu refused the keys (HTTP 403: Forbidden): check DD_API_KEY, DD_APP_KEY and DD_SITE
  unasked  application key
  unasked  scope timeseries_query
  unasked  scope metrics_read",
            ),
            (
                [GOOD, FORBIDDEN, UNKNOWN_METRIC],
                "  good     site
  good     API key
  bad      application key: api.datadoghq.eu refused the keys (HTTP 403: Forbidden): check DD_API_KEY, DD_APP_KEY and DD_SITE
  unasked  scope timeseries_query
  unasked  scope metrics_read",
            ),
            (
                [GOOD, NO_SCOPE, UNKNOWN_METRIC],
                "  good     site
  good     API key
  good     application key
  bad      scope timeseries_query: the application key lacks a permission at api.datadoghq.eu (HTTP 403: Forbidden, Failed permission authorization checks): give it the scope timeseries_query
  good     scope metrics_read",
            ),
            (
                [GOOD, NO_SERIES, NO_SCOPE],
                "  good     site
  good     API key
  good     application key
  good     scope timeseries_query
  bad      scope metrics_read: the application key lacks a permission at api.datadoghq.eu (HTTP 403: Forbidden, Failed permission authorization checks): give it the scope metrics_read",
            ),
            (
                [GOOD, (429, ""), UNKNOWN_METRIC],
                "  good     site
  good     API key
  unknown  application key: api.datadoghq.eu allows no more calls in this period: its rate limit is reached
  unasked  scope timeseries_query
  unasked  scope metrics_read",
            ),
        ];
        for (routes, told) in rows {
            assert_eq!(verdict(routes), (false, told.to_owned()));
        }
    }

    #[test]
    fn an_api_key_is_good_only_when_datadog_says_so() {
        // Both after recordings; the third form is documented.
        let told = |validate| verdict([validate, NO_SERIES, UNKNOWN_METRIC]).1;
        for (status, body, text) in [
            (
                403,
                r#"{"errors": ["API key required"]}"#,
                "HTTP 403: API key required",
            ),
            (200, r#"{"valid":false}"#, "HTTP 200: not valid"),
        ] {
            let expected = format!("bad      API key: api.datadoghq.eu refused the keys ({text})");
            let told = told((status, body));
            assert!(told.contains(&expected), "{told}");
        }
        let told = told((200, "{}"));
        assert!(told.starts_with("  bad      site: "), "{told}");
    }
}
