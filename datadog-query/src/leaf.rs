//! The exchange that speaks HTTP.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::Service;
use ureq::Agent;

use crate::{exchange::ExchangeError, leaf::call::exchange};

mod call;
mod connector;
mod settings;

#[cfg(test)]
mod tests;

pub use settings::{InvalidLeaf, LeafSettings};

/// A call, to be run where a thread may block. It ends by the time-out of its
/// [`LeafSettings`], whether or not somebody still waits for it: what bounds
/// the number of calls belongs to the job, not to the future.
pub type Job = Box<dyn FnOnce() + Send>;

/// An [`Exchange`](crate::Exchange) over [ureq], which blocks. Each call is
/// handed to a function of the caller, which runs it on a thread.
///
/// It sends the keys to the host that it was told and follows no redirect.
/// A call goes out once more, on a new connection and within the same time,
/// where the kept one that it was sent on ends without an answer.
/// Certificates are checked as the platform does it.
#[derive(Clone)]
pub struct Leaf {
    agent: Agent,
    most_bytes: u64,
    spawn: Arc<dyn Fn(Job) + Send + Sync>,
}

impl Leaf {
    /// A leaf whose calls `spawn` runs.
    ///
    /// # Errors
    ///
    /// Refuses settings that no call could be made with.
    pub fn new(
        settings: &LeafSettings,
        spawn: impl Fn(Job) + Send + Sync + 'static,
    ) -> Result<Self, InvalidLeaf> {
        Ok(Self {
            agent: settings.agent()?,
            most_bytes: settings.most_bytes,
            spawn: Arc::new(spawn),
        })
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").finish_non_exhaustive()
    }
}

impl Service<Request<Bytes>> for Leaf {
    type Response = Response<Bytes>;
    type Error = ExchangeError;
    type Future = BoxFuture<'static, Result<Response<Bytes>, ExchangeError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ExchangeError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        let Self {
            agent, most_bytes, ..
        } = self.clone();
        (self.spawn)(Box::new(move || {
            if !answer.is_canceled() {
                // Nobody may be waiting any longer, and then nobody is told.
                let _ = answer.send(exchange(&agent, request, most_bytes));
            }
        }));
        Box::pin(async { answered.await.unwrap_or(Err(ExchangeError::GivenUp)) })
    }
}
