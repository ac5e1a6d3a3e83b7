//! How an answer is written: the formats, and which one a request gets.

mod accept;
mod page;
mod protobuf;
mod time;
mod yaml;

use std::cell::RefCell;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::Full;
use serde::Serialize;
use serde_json::Value;

#[cfg(test)]
pub(crate) use self::protobuf::bytes_of;
use self::protobuf::envelope;
pub(crate) use self::{
    accept::{MediaRange, chosen},
    page::Page,
    protobuf::Message,
    time::{as_seconds, in_whole_seconds},
};
use crate::{Status, meanings::Meanings, query};

/// The format that a request asks for, to be taken from it before it is spent.
///
/// There are JSON, YAML and Kubernetes' protobuf, for which an autoscaler asks first. It
/// is the one of the `Accept` header that the client likes best, by quality (`q`),
/// then by how exactly it is named, then by place; who accepts nothing in particular
/// gets JSON. That is indented where `?pretty` says so, and for `curl`, `wget` and
/// browsers where it does not say otherwise, as
/// [Kubernetes does it](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go).
/// A table (`as=Table`) is not to be had; `kubectl get` also takes plain JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    media: Media,
    /// Indented for a person; JSON only.
    pretty: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Yaml,
    Protobuf,
}

/// What Kubernetes has a protobuf message for.
pub(crate) trait Document: Serialize {
    const API_VERSION: &'static str;
    const KIND: &'static str;

    /// Writes the message without its envelope.
    fn protobuf(&self, message: &mut Message);
}

impl Format {
    /// The format for the answer to a request.
    ///
    /// # Errors
    /// 406 when the request accepts none of JSON, YAML and Kubernetes' protobuf.
    pub fn of<B>(request: &Request<B>) -> Result<Self, Status> {
        Self::in_media(request, Media::accepted(request.headers()), &Media::ALL)
    }

    /// The format for an answer that has no protobuf form.
    pub(crate) fn of_text<B>(request: &Request<B>) -> Result<Self, Status> {
        let offered = [Media::Json, Media::Yaml];
        Self::in_media(request, Media::of(request.headers(), &offered), &offered)
    }

    /// The format for a [`Status`], which has to be said whatever is accepted:
    /// JSON where nothing else was agreed.
    pub fn of_status<B>(request: &Request<B>) -> Self {
        Self::of(request).unwrap_or_else(|_| Self::json(request))
    }

    /// Whatever is accepted, JSON.
    pub(crate) fn json<B>(request: &Request<B>) -> Self {
        Self {
            media: Media::Json,
            pretty: is_for_a_person(request.uri(), request.headers()),
        }
    }

    fn in_media<B>(
        request: &Request<B>,
        media: Option<Media>,
        offered: &[Media],
    ) -> Result<Self, Status> {
        let media = media
            .ok_or_else(|| Status::not_acceptable(offered.iter().map(|media| media.name())))?;
        Ok(Self {
            media,
            ..Self::json(request)
        })
    }

    /// An answer of one of Kubernetes' documents.
    pub(crate) fn answer<D: Document>(
        self,
        code: StatusCode,
        document: &D,
    ) -> Response<Full<Bytes>> {
        match self.media {
            Media::Protobuf => {
                let body = envelope(D::API_VERSION, D::KIND, |message| {
                    document.protobuf(message);
                });
                response(code, Media::Protobuf.header(), body)
            }
            Media::Json | Media::Yaml => self.answer_text(code, document),
        }
    }

    /// An answer of a document that has no protobuf form.
    pub(crate) fn answer_text(
        self,
        code: StatusCode,
        document: &impl Serialize,
    ) -> Response<Full<Bytes>> {
        response(code, self.media.header(), self.text(document))
    }

    /// An answer of a document that is written already.
    pub(crate) fn answer_page(self, code: StatusCode, page: &Page) -> Response<Full<Bytes>> {
        if self.media == Media::Json && !self.pretty {
            return response(code, Media::Json.header(), page.body.clone());
        }
        let document: Value =
            serde_json::from_slice(&page.body).expect("a page is the JSON of a document");
        self.answer_text(code, &document)
    }

    fn text(self, document: &impl Serialize) -> Vec<u8> {
        const TEXT: &str = "what is served holds text, numbers and text keys, so it is JSON";
        let mut text = match self.media {
            Media::Yaml => {
                return yaml::written(&serde_json::to_value(document).expect(TEXT)).into_bytes();
            }
            _ if self.pretty => serde_json::to_vec_pretty(document).expect(TEXT),
            _ => serde_json::to_vec(document).expect(TEXT),
        };
        text.push(b'\n');
        text
    }
}

thread_local! {
    /// Of `Accept` headers of one line, where everything is offered.
    static ACCEPTED: RefCell<Meanings<Option<Media>>> = Meanings::none_yet();
}

impl Media {
    const ALL: [Self; 3] = [Self::Json, Self::Yaml, Self::Protobuf];

    /// What the client likes best of all. What is read again and again is remembered.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(ACCEPT).iter();
        let read = || Self::of(headers, &Self::ALL);
        match (lines.next(), lines.next()) {
            (Some(line), None) => Meanings::of(&ACCEPTED, line.as_bytes(), read),
            _ => read(),
        }
    }

    /// What the client likes best of what is offered.
    fn of(headers: &HeaderMap, offered: &[Self]) -> Option<Self> {
        chosen(headers, offered, |range, media: Self| {
            range.is_plain() && range.includes(media.name())
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// The name as a header, which was made by the compiler.
    fn header(self) -> HeaderValue {
        match self {
            Self::Json => const { HeaderValue::from_static(Self::Json.name()) },
            Self::Yaml => const { HeaderValue::from_static(Self::Yaml.name()) },
            Self::Protobuf => const { HeaderValue::from_static(Self::Protobuf.name()) },
        }
    }
}

/// An answer with the headers that every answer has.
pub(crate) fn response(
    code: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(
        CACHE_CONTROL,
        const { HeaderValue::from_static("no-cache, private") },
    );
    response
}

/// `?pretty` decides; where it is absent, the tools by which people look do.
fn is_for_a_person(uri: &Uri, headers: &HeaderMap) -> bool {
    if let Some(pretty) = query::parameter(uri, "pretty") {
        return query::is_true(&pretty);
    }
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    let agent = agent.unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"]
        .iter()
        .any(|tool| agent.starts_with(tool.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, accept: Option<&str>, agent: &str) -> Request<()> {
        let mut request = Request::builder().uri(uri).header(USER_AGENT, agent);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_gets_the_first_format_that_it_accepts() {
        for (accept, media) in [
            (None, Media::Json),
            (Some(""), Media::Json),
            (Some("*/*"), Media::Json),
            (Some("application/*"), Media::Json),
            (Some("application/json"), Media::Json),
            (Some("application/yaml"), Media::Yaml),
            // the autoscaler
            (
                Some("application/vnd.kubernetes.protobuf, */*"),
                Media::Protobuf,
            ),
            (
                Some("*/*, application/vnd.kubernetes.protobuf"),
                Media::Protobuf,
            ),
            (
                Some("application/vnd.kubernetes.protobuf;q=0.5, application/json"),
                Media::Json,
            ),
            (Some("application/json;q=0, */*;q=0.1"), Media::Yaml),
            // kubectl get
            (
                Some(
                    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                ),
                Media::Json,
            ),
            (
                Some("text/html, APPLICATION/YAML ; charset=utf-8"),
                Media::Yaml,
            ),
        ] {
            let format = Format::of(&request("/", accept, ""));
            assert_eq!(
                format,
                Ok(Format {
                    media,
                    pretty: false
                }),
                "{accept:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_written_is_not_acceptable() {
        for accept in [
            "text/html",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/cbor",
            "application/json;q=0",
        ] {
            let request = request("/", Some(accept), "");
            let refused = Status::not_acceptable([
                "application/json",
                "application/yaml",
                "application/vnd.kubernetes.protobuf",
            ]);
            assert_eq!(Format::of(&request), Err(refused), "{accept}");
            assert_eq!(
                Format::of_status(&request),
                Format {
                    media: Media::Json,
                    pretty: false
                }
            );
        }
        assert!(
            Format::of_text(&request(
                "/",
                Some("application/vnd.kubernetes.protobuf"),
                ""
            ))
            .is_err()
        );
    }

    #[test]
    fn people_get_indented_json() {
        for (uri, agent, pretty) in [
            ("/", "curl/8.5.0", true),
            ("/", "Wget/1.21", true),
            ("/", "Mozilla/5.0 (X11)", true),
            ("/", "kubectl/v1.33.0", false),
            ("/?pretty", "kubectl/v1.33.0", true),
            ("/?pretty=true", "kubectl/v1.33.0", true),
            ("/?a=b&pretty=1", "", true),
            ("/?pretty=false", "curl/8.5.0", false),
            ("/?pretty=nonsense", "", false),
        ] {
            assert_eq!(
                Format::json(&request(uri, None, agent)).pretty,
                pretty,
                "{uri} {agent}"
            );
        }
    }

    #[test]
    fn what_was_remembered_of_one_line_is_not_said_of_two() {
        let mut request = request("/", Some("application/yaml;q=0.5"), "");
        let media = |request: &Request<()>| Format::of(request).map(|format| format.media);
        assert_eq!(media(&request), Ok(Media::Yaml));
        let second = HeaderValue::from_static("application/json");
        request.headers_mut().append(ACCEPT, second);
        assert_eq!(media(&request), Ok(Media::Json));
    }
}
