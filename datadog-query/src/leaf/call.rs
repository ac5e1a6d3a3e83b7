//! One blocking call, and what its failure means.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use ureq::{Agent, AsSendBody, Body};

use super::connector::noticing;
use crate::exchange::ExchangeError;

pub(super) fn exchange(
    agent: &Agent,
    request: Request<Bytes>,
    most_bytes: u64,
) -> Result<Response<Bytes>, ExchangeError> {
    // A GET may not even announce an empty body.
    let answer = if request.body().is_empty() {
        send(agent, &request.map(drop))
    } else {
        send(agent, &request.map(Vec::from))
    };
    let (parts, mut body) = answer.map_err(failure)?.into_parts();
    let body = body
        .with_config()
        .limit(most_bytes)
        .read_to_vec()
        .map_err(failure)?;
    Ok(Response::from_parts(parts, body.into()))
}

/// Sends a request, and once more where the kept connection that it went out on ends without an
/// answer: the server closed it while the request was on its way. Datadog is only read from, so
/// that a request that has arrived all the same does no harm.
#[expect(clippy::disallowed_methods, reason = "both share one time-out")]
fn send<B: AsSendBody + Clone>(
    agent: &Agent,
    request: &Request<B>,
) -> Result<Response<Body>, ureq::Error> {
    let begun = Instant::now();
    let (answer, connected) = noticing(|| agent.run(request.clone()));
    match answer {
        Err(ureq::Error::Io(error)) if !connected && is_cut_off(&error) => {
            let time = agent.config().timeouts().global;
            let left = time.map(|time| time.saturating_sub(begun.elapsed()));
            let anew = agent.configure_request(request.clone());
            agent.run(
                anew.max_idle_age(Duration::ZERO)
                    .timeout_global(left)
                    .build(),
            )
        }
        answer => answer,
    }
}

fn is_cut_off(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = error.kind();
    matches!(
        kind,
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe
    )
}

fn failure(error: ureq::Error) -> ExchangeError {
    match error {
        ureq::Error::Timeout(_) => ExchangeError::TimedOut,
        ureq::Error::BodyExceedsLimit(limit) => ExchangeError::TooLarge { limit },
        ureq::Error::HostNotFound => {
            ExchangeError::Unreachable("the name of the host does not resolve".to_owned())
        }
        ureq::Error::Io(error)
            if error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>()) =>
        {
            ExchangeError::Unreachable(format!("tls: {error}"))
        }
        ureq::Error::Io(error) if is_cut_off(&error) => ExchangeError::CutOff(error.to_string()),
        ureq::Error::Rustls(error) => ExchangeError::Unreachable(format!("tls: {error}")),
        error @ (ureq::Error::Protocol(_) | ureq::Error::Decompress(..)) => {
            ExchangeError::CutOff(error.to_string())
        }
        error => ExchangeError::Unreachable(error.to_string()),
    }
}
