//! A panic costs one request.

use std::{any::Any, panic::AssertUnwindSafe, pin::pin};

use futures_util::FutureExt;
use http::Request;
use tower::Layer;
use tracing::error;

use super::{
    access_log::bounded,
    around::{Answer, Around, Below, Layered},
    request_id::AUDIT_ID,
};
use crate::{Format, Status};

/// What the client reads.
const FAILED: &str = "the server failed while it answered this request; its log says where";

/// Answers a request whose service panics with 500, and logs where it happened.
///
/// The client learns that there is a bug and not what it is: a panic's message
/// may hold anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct CatchPanic;

impl<S> Layer<S> for CatchPanic {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(*self, below)
    }
}

impl<B: Send + 'static> Around<B> for CatchPanic {
    async fn around<S: Below<B>>(&self, request: Box<Request<B>>, below: S) -> Answer {
        let format = Format::of_status(&request);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let audit_id = request.headers().get(AUDIT_ID).cloned();
        // Pinned where it is: it is large, and would be moved into each of what follows.
        let answer = pin!(below.answer(request));
        // The service is not used after a panic, so nobody sees it half changed.
        match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(answer) => answer,
            Err(panic) => {
                let (method, path) = (bounded(method.as_str()), bounded(uri.path()));
                error!(panic = message(&*panic), %method, path = &*path, ?audit_id, "a request ended in a panic, which is a bug");
                Status::internal(FAILED).answer(format)
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::testing::{ask, echo, get};

    #[tokio::test]
    async fn a_panic_becomes_a_500_that_does_not_tell_the_message() {
        let service = CatchPanic.layer(echo(|request| match request.uri().path() {
            "/panic" => panic!("the password is secret"),
            path => path.to_owned(),
        }));
        let (code, _, message) = ask(service.clone(), get("/panic")).await.status();
        assert_eq!(
            (code, message),
            (500, format!("Internal error occurred: {FAILED}"))
        );
        assert_eq!(ask(service, get("/next")).await.text(), "/next");
    }

    #[test]
    fn the_message_of_a_panic_is_found_in_each_of_its_forms() {
        assert_eq!(message(&"literal"), "literal");
        assert_eq!(message(&"formatted".to_owned()), "formatted");
        assert_eq!(message(&7), "without a message");
    }
}
