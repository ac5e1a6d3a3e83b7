//! A name for every request.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderName, HeaderValue, Request};
use tower::Layer;

use super::around::{Answer, Around, Below, Layered};

/// The header in which Kubernetes' servers tell the name of a request.
pub(super) const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Gives each request the name that it came with, or a new one, and tells it in
/// the answer. The layers below read it from the request's own headers.
#[derive(Clone, Debug)]
pub struct RequestId {
    process: u64,
    next: Arc<AtomicU64>,
}

impl Default for RequestId {
    fn default() -> Self {
        // A name has to be new and needs no secrecy: the random seed that every
        // hash map of the standard library starts from tells processes apart.
        Self {
            process: RandomState::new().hash_one("process"),
            next: Arc::default(),
        }
    }
}

impl<S> Layer<S> for RequestId {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for RequestId {
    async fn around<S: Below<B>>(&self, mut request: Box<Request<B>>, below: S) -> Answer {
        let id = match request.headers().get(AUDIT_ID) {
            Some(id) if is_sane(id) => id.clone(),
            _ => {
                let id = self.fresh();
                request.headers_mut().insert(AUDIT_ID, id.clone());
                id
            }
        };
        let mut answer = below.answer(request).await;
        answer.headers_mut().insert(AUDIT_ID, id);
        answer
    }
}

impl RequestId {
    fn fresh(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{:016x}-{number}", self.process))
            .expect("digits and a dash are legal")
    }
}

/// Whether a name from outside can stand in a log line: as long as a UUID, or not
/// much longer, and of the characters that names are made of.
fn is_sane(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    let is_of_a_name = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b':');
    (1..=64).contains(&id.len()) && id.iter().all(is_of_a_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::testing::{ask, echo};

    #[tokio::test]
    async fn a_name_from_outside_is_kept_for_the_service_and_for_the_answer() {
        let seen = echo(|request| request.headers()[AUDIT_ID].to_str().unwrap().to_owned());
        let request = Request::get("/")
            .header(AUDIT_ID, "7d3c-1")
            .body(())
            .unwrap();
        let answer = ask(RequestId::default().layer(seen), request).await;
        assert_eq!(
            (answer.header("audit-id"), answer.text()),
            (Some("7d3c-1"), "7d3c-1")
        );
    }

    #[tokio::test]
    async fn requests_without_a_name_get_different_ones() {
        let service = RequestId::default().layer(echo(|_| String::new()));
        let first = ask(service.clone(), Request::new(())).await;
        let second = ask(service, Request::new(())).await;
        assert_ne!(first.header("audit-id"), None);
        assert_ne!(first.header("audit-id"), second.header("audit-id"));
    }

    #[test]
    fn names_that_would_spoil_a_log_are_not_kept() {
        for (name, sane) in [
            ("0f8fad5b-d9cb-469f-a165-70867728950e", true),
            ("a:b_c.d", true),
            ("", false),
            ("two words", false),
            ("a\tb", false),
            ("q\"uote", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(
                is_sane(&HeaderValue::from_str(name).unwrap()),
                sane,
                "{name:?}"
            );
        }
    }
}
