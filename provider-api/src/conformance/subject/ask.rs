//! A request in the making.

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::Full;

use crate::conformance::{
    Pair, Unanswered,
    answer::Answer,
    client::{Connection, Speaks},
};

/// A request in the making.
#[derive(Clone, Debug)]
pub(in crate::conformance) struct Ask<'a> {
    base: &'a Uri,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    own: Option<&'a Pair>,
    speaks: Speaks,
    body: Bytes,
}

impl<'a> Ask<'a> {
    pub(in crate::conformance) fn new(base: &'a Uri, method: Method, path: &str) -> Self {
        Self {
            base,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            own: None,
            speaks: Speaks::Http1,
            body: Bytes::new(),
        }
    }

    pub(in crate::conformance) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(in crate::conformance) fn accept(self, media_types: &str) -> Self {
        self.header("accept", media_types)
    }

    pub(in crate::conformance) fn holding(self, own: &'a Pair) -> Self {
        Self {
            own: Some(own),
            ..self
        }
    }

    pub(in crate::conformance) fn with(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub(in crate::conformance) fn by(self, speaks: Speaks) -> Self {
        Self { speaks, ..self }
    }

    /// Without anything that tells who asks.
    pub(super) fn bare(self) -> Self {
        Self {
            own: None,
            headers: Vec::new(),
            ..self
        }
    }

    pub(in crate::conformance) fn body(self, body: String) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// Asks on a connection of its own.
    pub(in crate::conformance) async fn send(self) -> Result<Answer, Unanswered> {
        self.open().await?.send(self.request()?).await
    }

    /// The connection on which it would ask.
    pub(in crate::conformance) async fn open(&self) -> Result<Connection, Unanswered> {
        Connection::open(self.base, self.speaks, self.own).await
    }

    /// The request as it is sent.
    pub(in crate::conformance) fn request(self) -> Result<Request<Full<Bytes>>, Unanswered> {
        let base = self.base.to_string();
        let mut request = Request::builder().method(self.method).uri(format!(
            "{}{}",
            base.trim_end_matches('/'),
            self.path
        ));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
            .body(Full::new(self.body))
            .map_err(Unanswered::Request)
    }
}
