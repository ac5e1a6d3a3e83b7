//! The little HTTP that tests speak themselves.

use std::{sync::Arc, time::Duration};

use ureq::{
    Agent,
    http::Response,
    tls::{TlsConfig, TlsProvider},
};

/// The body of a 200, or what came instead. A server's certificate is not looked at: who
/// trusts whom is the business of the processes under test.
pub(crate) fn get(url: &str) -> Result<String, String> {
    read(client().get(url).call())
}

/// Sends JSON by PUT.
pub(crate) fn put(url: &str, json: &str) -> Result<String, String> {
    let request = client().put(url).header("Content-Type", "application/json");
    read(request.send(json))
}

fn client() -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .disable_verification(true)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)))
        .build();
    config.into()
}

fn read(answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<String, String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = answer
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(format!("HTTP {status}: {body}"))
    }
}
