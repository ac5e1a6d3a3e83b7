//! The good server's answer, to be spoilt.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE, response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::Answer;

pub(in super::super) struct Reply {
    parts: response::Parts,
    body: Bytes,
}

impl Reply {
    pub(in super::super) async fn of(answer: Answer) -> Self {
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { parts, body }
    }

    pub(in super::super) fn into_answer(self) -> Answer {
        Answer::from_parts(self.parts, Full::new(self.body))
    }

    pub(super) fn code(&self) -> u16 {
        self.parts.status.as_u16()
    }

    pub(super) fn coded(&mut self, code: u16) {
        self.parts.status = StatusCode::from_u16(code).unwrap();
    }

    pub(super) fn header(&mut self, name: &'static str, value: &'static str) {
        let name = HeaderName::from_static(name);
        self.parts
            .headers
            .insert(name, HeaderValue::from_static(value));
    }

    pub(super) fn without(&mut self, header: &str) {
        self.parts.headers.remove(header);
    }

    /// Plain text in place of the body.
    pub(super) fn text(&mut self, text: &str) {
        self.body = text.to_owned().into();
        let plain = HeaderValue::from_static("text/plain");
        self.parts.headers.insert(CONTENT_TYPE, plain);
    }

    pub(super) fn body(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.json()["kind"] == kind
    }

    /// JSON with something changed; anything else stays.
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        let Ok(mut json) = serde_json::from_slice(&self.body) else {
            return;
        };
        edit(&mut json);
        let is_pretty = self.body.starts_with(b"{\n");
        let text = if is_pretty {
            format!("{json:#}")
        } else {
            json.to_string()
        };
        self.body = text.into();
    }

    /// Each entry of an array of the JSON, changed.
    pub(super) fn each(&mut self, array: &str, change: impl Fn(&mut Value)) {
        self.edit(|json| {
            if json.get(array).is_some() {
                json[array]
                    .as_array_mut()
                    .into_iter()
                    .flatten()
                    .for_each(change);
            }
        });
    }
}
