//! What all layers have in common, so that each is one function.

use std::{
    convert::Infallible,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
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
pub trait Around<B>: Send + Sync + 'static {
    /// Answers by itself, or by what is below.
    ///
    /// The request is boxed since it is large, and moves at every layer.
    fn around<S: Below<B>>(
        &self,
        request: Box<Request<B>>,
        below: S,
    ) -> impl Future<Output = Answer> + Send;
}

/// What stands below a layer, ready for one request: a service, or other layers.
pub trait Below<B>: Send {
    /// Answers the request.
    fn answer(self, request: Box<Request<B>>) -> impl Future<Output = Answer> + Send;
}

/// A layer upon a service.
#[derive(Clone, Debug)]
pub struct Layered<L, S> {
    layer: Arc<L>,
    below: S,
}

impl<L, S> Layered<L, S> {
    pub(crate) fn of(layer: L, below: S) -> Self {
        Self {
            layer: Arc::new(layer),
            below,
        }
    }
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
        let ready = Ready(mem::replace(&mut self.below, clone));
        let layer = Arc::clone(&self.layer);
        let request = Box::new(request);
        Box::pin(async move { Ok(layer.around(request, ready).await) })
    }
}

/// A service that was polled.
struct Ready<S>(S);

impl<S: Answering<B>, B: Send> Below<B> for Ready<S> {
    async fn answer(mut self, request: Box<Request<B>>) -> Answer {
        let Ok(answer) = self.0.call(*request).await;
        answer
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
        let service = Layered::of(CatchPanic, Strict { is_ready: false });
        assert_eq!(ask(service.clone(), get("/")).await.code(), 200);
        assert_eq!(ask(service, get("/")).await.code(), 200);
    }
}
