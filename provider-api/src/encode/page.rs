//! A document that is written once and sent often.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ETAG, IF_NONE_MATCH, VARY},
};
use http_body_util::Full;
use ring::digest::{SHA512, digest};
use serde_json::Value;

use super::{Media, response};

/// A document as it is sent, and its hash.
pub(crate) struct Page {
    pub(super) body: Bytes,
    /// SHA-512 in capital hexadecimal digits.
    pub(crate) hash: String,
    /// The hash in quotes.
    etag: HeaderValue,
}

impl Page {
    pub(crate) fn of(document: &Value) -> Self {
        let body = format!("{document}\n");
        let hash: String = digest(&SHA512, body.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self {
            etag: format!("\"{hash}\"")
                .try_into()
                .expect("quotes and hexadecimal digits"),
            hash,
            body: body.into(),
        }
    }

    /// The document in JSON, unless the client has it already.
    pub(crate) fn answer_once(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let mut answer = if self.is_known(headers) {
            let mut unchanged = Response::new(Full::default());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            response(StatusCode::OK, Media::Json.header(), self.body.clone())
        };
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        headers.insert(ETAG, self.etag.clone());
        answer
    }

    /// Whether the client says that it has this very document.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            // A proxy that compresses makes the tag a weak one, which will do here.
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    /// SHA-512 of `{}` and a new line.
    const HASH: &str = "CA4B6DEFB8ADCC010050BC8B1BB8F8092C4928B8A0FBA32146ABCFB256E4D91672F88CA2CDF6210E754E5B8AC5E23FB023806CCD749AC8B701F79A691F03C87A";

    fn answer(known: Option<&str>) -> Response<Full<Bytes>> {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
        }
        Page::of(&json!({})).answer_once(&headers)
    }

    #[tokio::test]
    async fn a_document_has_its_hash_for_a_tag() {
        let answer = answer(None);
        let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            [header(ETAG), header(VARY), header(CONTENT_TYPE)],
            [&format!("\"{HASH}\""), "Accept", "application/json"]
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{}\n");
    }

    #[test]
    fn who_has_the_document_is_not_sent_it_again() {
        let code = |known: &str| answer(Some(known)).status().as_u16();
        for known in [
            format!("\"{HASH}\""),
            format!("\"other\", \"{HASH}\""),
            format!("W/\"{HASH}\""),
            "*".to_owned(),
        ] {
            assert_eq!(code(&known), 304, "{known}");
        }
        for other in [HASH, "", "\"\"", &format!("\"{}\"", HASH.to_lowercase())] {
            assert_eq!(code(other), 200, "{other}");
        }
        let unchanged = answer(Some("*"));
        assert_eq!(unchanged.headers()[ETAG], format!("\"{HASH}\""));
    }
}
