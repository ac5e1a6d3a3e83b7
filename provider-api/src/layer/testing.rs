//! What the layers' tests are told with.

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{ServiceExt, service_fn};
use tracing::{Level, subscriber::DefaultGuard};

use super::around::{Answer, Answering};

/// A service that answers with what `tell` says of the request.
pub(crate) fn echo(
    tell: impl Fn(&Request<()>) -> String + Clone + Send + 'static,
) -> impl Answering<()> {
    service_fn(move |request| {
        let tell = tell.clone();
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(tell(&request))))) }
    })
}

/// A service that has no answer, ever.
pub(crate) fn silence() -> impl Answering<()> {
    service_fn(|_| std::future::pending::<Result<Answer, Infallible>>())
}

pub(crate) fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// Asks a service as the server does.
pub(crate) async fn ask(service: impl Answering<()>, request: Request<()>) -> Answered {
    let Ok(answer) = service.oneshot(request).await;
    let (parts, body) = answer.into_parts();
    let body = body
        .collect()
        .now_or_never()
        .expect("a whole body is there at once");
    Answered {
        parts,
        body: body.unwrap().to_bytes(),
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answered {
    parts: http::response::Parts,
    body: Bytes,
}

impl Answered {
    pub(crate) fn code(&self) -> u16 {
        self.parts.status.as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let values = self.parts.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.parts.extensions.get().cloned()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Code, reason and message of a Status, which the body has to be.
    pub(crate) fn status(&self) -> (u16, String, String) {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(
            (&body["kind"], &body["code"]),
            (&"Status".into(), &self.code().into())
        );
        let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (self.code(), word("reason"), word("message"))
    }
}

/// What is logged on this thread while this lives.
pub(crate) struct Lines {
    written: Arc<Mutex<Vec<u8>>>,
    _capturing: DefaultGuard,
}

impl Lines {
    pub(crate) fn capture() -> Self {
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_target(false)
            .with_ansi(false)
            .without_time()
            .with_writer({
                let written = Arc::clone(&written);
                move || Writer(Arc::clone(&written))
            })
            .finish();
        Self {
            written,
            _capturing: tracing::subscriber::set_default(subscriber),
        }
    }

    pub(crate) fn read(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        std::str::from_utf8(&written)
            .unwrap()
            .lines()
            .map(|line| line.trim().to_owned())
            .collect()
    }
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
