//! The little HTTP that tests speak themselves.

use std::{fs, sync::Arc, time::Duration};

use ureq::{
    Agent,
    http::Response,
    tls::{Certificate, ClientCert, PrivateKey, TlsConfig, TlsProvider},
};

use super::certificates::PairFiles;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The body of a 200, or what came instead. A server's certificate is not looked at: who
/// trusts whom is the business of the processes under test.
pub(crate) fn get(url: &str) -> Result<String, String> {
    read(client(None, TIMEOUT).get(url).call())
}

/// Sends JSON by PUT.
pub(crate) fn put(url: &str, json: &str) -> Result<String, String> {
    let request = client(None, TIMEOUT)
        .put(url)
        .header("Content-Type", "application/json");
    read(request.send(json))
}

/// A client that shows this certificate and keeps its connections. It waits no longer than a
/// reader in a hurry would.
pub(crate) fn reader(certificate: &PairFiles) -> Reader {
    let [chain, key] = [&certificate.certificate, &certificate.key]
        .map(|file| fs::read(file).expect("the files were written"));
    let chain = [Certificate::from_pem(&chain).expect("we wrote it")];
    let key = PrivateKey::from_pem(&key).expect("we wrote it");
    let identity = ClientCert::new_with_certs(&chain, key);
    Reader(client(Some(identity), Duration::from_secs(5)))
}

pub(crate) struct Reader(Agent);

impl Reader {
    pub(crate) fn get(&self, url: &str) -> Result<String, String> {
        read(self.0.get(url).call())
    }
}

fn client(identity: Option<ClientCert>, timeout: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .client_cert(identity)
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .disable_verification(true)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(timeout))
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
