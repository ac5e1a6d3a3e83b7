//! The requests of one HTTP/2 connection.

use std::{
    mem,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::{FutureExt, Stream, stream::FuturesUnordered};
use hyper::rt::Executor;
use tracing::error;

/// The requests of one connection, answered by the task that serves it: the answers to
/// requests that came together leave together, and none costs a task of its own. A
/// provider that computes for long holds up its own connection, unless it spawns.
#[derive(Default)]
pub(super) struct Streams {
    begun: Begun,
    open: FuturesUnordered<Request>,
}

type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a connection leaves the requests that it has read.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Vec<Request>>>);

impl<F> Executor<F> for Begun
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, request: F) {
        let request = AssertUnwindSafe(request).catch_unwind().map(|ended| {
            if ended.is_err() {
                error!("a request ended in a panic, the connection goes on");
            }
        });
        self.requests().push(Box::pin(request));
    }
}

impl Begun {
    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        // Each change is whole before the lock is let go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    pub(super) fn begun(&self) -> Begun {
        self.begun.clone()
    }

    /// Goes on with every request that can go on, those that were begun since the last
    /// time among them. An answer wakes the connection, which then sends it.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) {
        self.open.extend(mem::take(&mut *self.begun.requests()));
        while let Poll::Ready(Some(())) = Pin::new(&mut self.open).poll_next(context) {}
    }
}
