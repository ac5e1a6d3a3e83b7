//! A document in memory.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ETAG, IF_NONE_MATCH, VARY},
};
use http_body_util::Full;
use ring::digest::{SHA512, digest};
use serde_json::Value;

use crate::{
    Status,
    encode::{self, chosen},
};

const JSON: &str = "application/json";

/// A document as it is sent, and its hash.
pub(super) struct Page {
    body: Bytes,
    /// SHA-512 in capital hexadecimal digits.
    pub(super) hash: String,
}

impl Page {
    pub(super) fn of(document: &Value) -> Self {
        let body = document.to_string();
        let hash = digest(&SHA512, body.as_bytes());
        Self {
            hash: hash
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect(),
            body: body.into(),
        }
    }

    /// The document, unless the client has it already. There is JSON alone: the
    /// API server asks for nothing else.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, Status> {
        let json = chosen(request.headers(), |range| {
            range.includes(JSON).then_some(())
        });
        if json.is_none() {
            return Err(Status::not_acceptable([JSON]));
        }
        let etag = format!("\"{}\"", self.hash);
        let mut answer = if is_known(request.headers(), &etag) {
            let mut unchanged = Response::new(Full::default());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            encode::response(StatusCode::OK, JSON, self.body.clone())
        };
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        headers.insert(
            ETAG,
            etag.try_into().expect("quotes and hexadecimal digits"),
        );
        Ok(answer)
    }
}

/// Whether the client says that it has this very document.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        // A proxy that compresses makes the tag a weak one, which will do here.
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_TYPE};
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    /// SHA-512 of `{}`.
    const HASH: &str = "27C74670ADB75075FAD058D5CEAF7B20C4E7786C83BAE8A32F626F9782AF34C9A33C2046EF60FD2A7878D378E29FEC851806BBD9A67878F3A9F1CDA4830763FD";

    fn answer(headers: &[(http::HeaderName, &str)]) -> Result<Response<Full<Bytes>>, Status> {
        let mut request = Request::new(());
        for (name, value) in headers {
            request
                .headers_mut()
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        Page::of(&json!({})).answer(&request)
    }

    #[tokio::test]
    async fn a_document_has_its_hash_for_a_tag() {
        let answer = answer(&[]).unwrap();
        let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            [header(ETAG), header(VARY), header(CONTENT_TYPE)],
            [&format!("\"{HASH}\""), "Accept", "application/json"]
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{}");
    }

    #[test]
    fn who_has_the_document_is_not_sent_it_again() {
        let code = |known: &str| answer(&[(IF_NONE_MATCH, known)]).unwrap().status().as_u16();
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
        let unchanged = answer(&[(IF_NONE_MATCH, "*")]).unwrap();
        assert_eq!(unchanged.headers()[ETAG], format!("\"{HASH}\""));
    }

    #[test]
    fn there_is_json_and_nothing_else() {
        let accepting = |accept: &str| answer(&[(ACCEPT, accept)]).map(|answer| answer.status());
        let protobuf = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
        for accept in [
            "application/json",
            "application/json, */*",
            "*/*",
            &format!("{protobuf}, application/json;q=0.5"),
        ] {
            assert_eq!(accepting(accept), Ok(StatusCode::OK), "{accept}");
        }
        for accept in [protobuf, "application/yaml", "application/json;q=0"] {
            assert_eq!(
                accepting(accept),
                Err(Status::not_acceptable(["application/json"])),
                "{accept}"
            );
        }
    }
}
