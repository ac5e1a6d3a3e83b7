//! What all layers have in common, so that each is one function.

use std::{
    convert::Infallible,
    mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{Request, Response};
use http_body_util::Full;
use tower::Service;

/// An answer, whole.
pub type Answer = Response<Full<Bytes>>;

/// A service that has an answer to every request: what a layer stands on, and
/// what the server serves.
pub trait Answering<B>:
    Service<Request<B>, Response = Answer, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<S, B> Answering<B> for S where
    S: Service<Request<B>, Response = Answer, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// A layer, told as what it does around one request.
pub trait Around<B>: Clone + Send + 'static {
    /// Answers by itself, or by the ready service below.
    fn around<S: Answering<B>>(
        self,
        request: Request<B>,
        below: S,
    ) -> impl Future<Output = Answer> + Send;
}

/// A layer upon a service.
#[derive(Clone, Debug)]
pub struct Layered<L, S> {
    pub(crate) layer: L,
    pub(crate) below: S,
}

impl<L, S, B> Service<Request<B>> for Layered<L, S>
where
    L: Around<B>,
    S: Answering<B>,
    B: Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Answer, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.below.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled is ready, its clone may not be: the ready
        // one goes with the request.
        let clone = self.below.clone();
        let ready = mem::replace(&mut self.below, clone);
        let layer = self.layer.clone();
        Box::pin(layer.around(request, ready).map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;
    use crate::layer::{
        CatchPanic,
        testing::{ask, get},
    };

    /// Must be polled before it is called, and a clone of it too.
    struct Strict {
        is_ready: bool,
    }

    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self { is_ready: false }
        }
    }

    impl Service<Request<()>> for Strict {
        type Response = Answer;
        type Error = Infallible;
        type Future = Ready<Result<Answer, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.is_ready = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert!(mem::take(&mut self.is_ready), "called without being ready");
            ready(Ok(Answer::default()))
        }
    }

    #[tokio::test]
    async fn the_service_that_was_ready_is_the_one_that_is_called() {
        let service = Layered {
            layer: CatchPanic,
            below: Strict { is_ready: false },
        };
        assert_eq!(ask(service.clone(), get("/")).await.code(), 200);
        assert_eq!(ask(service, get("/")).await.code(), 200);
    }
}
