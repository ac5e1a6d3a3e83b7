//! One call, at the first endpoint that answers it.

use std::collections::BTreeMap;

use super::{Client, send};
use crate::{
    account::Account,
    api_version::ApiVersion,
    batch::Batch,
    error::Error,
    exchange::{Exchange, ExchangeError},
    reply::Reply,
    request,
    window::Window,
};

impl<S: Exchange> Client<S> {
    /// Asks one batch in one call, and once more at each further endpoint
    /// where those before it fail. The call is taken to be made when the
    /// window ends.
    pub fn ask(
        &self,
        batch: &Batch,
        window: Window,
    ) -> impl Future<Output = Result<Reply, Error>> + Send + use<S> {
        let (client, batch, now) = (self.clone(), batch.clone(), window.asked_at());
        async move {
            let mut failed = BTreeMap::new();
            while let Some((index, account)) = client.accounts.next(&failed, now) {
                let exchange = client.exchange.clone();
                let outcome = ask(exchange, account, client.limits.version, &batch, window).await;
                match outcome {
                    Err(error) if error.blames_the_endpoint() => failed.insert(index, error),
                    outcome if is_an_answer(&outcome) => {
                        if let Some(turn) = client.accounts.answered(index, failed, now) {
                            (client.tell)(turn);
                        }
                        return outcome;
                    }
                    outcome => return outcome,
                };
            }
            Err(Error::of_all(failed))
        }
    }
}

/// Whether it came from the other side; what else is left may never have been sent.
fn is_an_answer<T>(outcome: &Result<T, Error>) -> bool {
    !matches!(
        outcome,
        Err(Error::UriTooLong { .. }
            | Error::Unreachable {
                source: ExchangeError::GivenUp,
                ..
            })
    )
}

/// Asks one account.
pub(super) async fn ask<S: Exchange>(
    exchange: S,
    account: &Account,
    version: ApiVersion,
    batch: &Batch,
    window: Window,
) -> Result<Reply, Error> {
    let Account { endpoint, keys } = account;
    let request = request::query(endpoint, keys, version, batch, window)?;
    let response = send(exchange, account, request).await?;
    Reply::read(&response, account, version, batch, window)
}

#[cfg(test)]
mod tests;
