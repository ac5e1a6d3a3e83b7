//! One blocking call, and what its failure means.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use ureq::Agent;

use crate::exchange::ExchangeError;

pub(super) fn exchange(
    agent: &Agent,
    request: Request<Bytes>,
    most_bytes: u64,
) -> Result<Response<Bytes>, ExchangeError> {
    // A GET may not even announce an empty body.
    let answer = if request.body().is_empty() {
        agent.run(request.map(drop))
    } else {
        agent.run(request.map(Vec::from))
    };
    let answer = answer.map_err(failure)?;
    let (parts, mut body) = answer.into_parts();
    let body = body
        .with_config()
        .limit(most_bytes)
        .read_to_vec()
        .map_err(failure)?;
    Ok(Response::from_parts(parts, body.into()))
}

fn failure(error: ureq::Error) -> ExchangeError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
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
        ureq::Error::Io(error) => match error.kind() {
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => {
                ExchangeError::CutOff(error.to_string())
            }
            _ => ExchangeError::Unreachable(error.to_string()),
        },
        ureq::Error::Rustls(error) => ExchangeError::Unreachable(format!("tls: {error}")),
        error @ (ureq::Error::Protocol(_) | ureq::Error::Decompress(..)) => {
            ExchangeError::CutOff(error.to_string())
        }
        error => ExchangeError::Unreachable(error.to_string()),
    }
}
