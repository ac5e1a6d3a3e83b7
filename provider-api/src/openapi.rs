//! The schema of what is served, as OpenAPI: version 2 for the API server, which
//! merges it into the cluster's own and keeps the paths below our groups, and
//! version 3, a document a group and version, for whoever asks for one.
//!
//! The documents are made once and say the same in every replica, so their
//! hashes agree: the API server asks every minute for what has changed. Addresses,
//! hashes and headers are those of
//! [Kubernetes' own handler](https://github.com/kubernetes/kube-openapi/blob/master/pkg/handler3/handler.go).

mod custom;
mod described;
mod edition;
mod external;
mod meta;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{CACHE_CONTROL, EXPIRES, LOCATION},
};
use http_body_util::Full;
use serde_json::json;

use self::{custom::custom, described::Described, edition::Edition, external::external};
use crate::{
    Status,
    custom::CustomVersion,
    encode::{Page, chosen},
    group::Group,
    query,
};

const JSON: &str = "application/json";

/// The documents, ready to be sent.
pub(crate) struct OpenApi {
    v2: Page,
    /// Where the documents of version 3 are.
    v3: Page,
    /// The documents of version 3 by their paths, `apis/<group>/<version>`.
    versions: BTreeMap<String, Page>,
}

/// Which of the documents is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// `/openapi/v2`
    V2,
    /// `/openapi/v3`
    V3,
    /// `/openapi/v3/apis/<group>/<version>`, with the hash that the client expects
    /// the document to have.
    Version { path: String, hash: Option<String> },
}

impl Schema {
    /// The document of version 3 at this path, there or not.
    pub(crate) fn version(path: &[&str], uri: &Uri) -> Self {
        Self::Version {
            path: path.join("/"),
            hash: query::parameter(uri, "hash").filter(|hash| !hash.is_empty()),
        }
    }
}

impl OpenApi {
    /// The documents of a server that serves these groups.
    pub(crate) fn of(groups: &[Group]) -> Self {
        let versions: BTreeMap<_, _> = described(groups, Edition::V3)
            .map(|api| (api.path(), Page::of(&Edition::V3.document(&[api]))))
            .collect();
        let addresses: BTreeMap<_, _> = versions
            .iter()
            .map(|(path, page)| (path, json!({ "serverRelativeURL": address(path, page) })))
            .collect();
        let all: Vec<_> = described(groups, Edition::V2).collect();
        Self {
            v2: Page::of(&Edition::V2.document(&all)),
            v3: Page::of(&json!({ "paths": addresses })),
            versions,
        }
    }

    pub(crate) fn answer<B>(
        &self,
        schema: &Schema,
        request: &Request<B>,
    ) -> Result<Response<Full<Bytes>>, Status> {
        match schema {
            Schema::V2 => answer(&self.v2, request),
            Schema::V3 => answer(&self.v3, request),
            Schema::Version { path, hash } => {
                let page = self.versions.get(path).ok_or_else(Status::not_found)?;
                let answer = answer(page, request)?;
                Ok(match hash {
                    None => answer,
                    Some(hash) if *hash == page.hash => for_ever(answer),
                    Some(_) => moved(&address(path, page)),
                })
            }
        }
    }
}

/// There is JSON alone: the API server asks for nothing else.
fn answer<B>(page: &Page, request: &Request<B>) -> Result<Response<Full<Bytes>>, Status> {
    let json = chosen(request.headers(), &[JSON], |range, json| {
        range.includes(json)
    });
    match json {
        Some(_) => Ok(page.answer_once(request.headers())),
        None => Err(Status::not_acceptable([JSON])),
    }
}

fn described(groups: &[Group], edition: Edition) -> impl Iterator<Item = Described> {
    groups.iter().flat_map(move |group| match group {
        Group::External => vec![external(edition)],
        Group::Custom => [CustomVersion::V1beta1, CustomVersion::V1beta2]
            .map(|version| custom(version, edition))
            .into(),
    })
}

/// Under an address with its hash a document never changes. What counts is
/// `max-age`, a year; `Expires` is for those who know nothing newer, and needs no
/// clock as long as it is far enough.
fn for_ever(mut answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let headers = answer.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, immutable, max-age=31536000"),
    );
    headers.insert(
        EXPIRES,
        HeaderValue::from_static("Fri, 31 Dec 9999 23:59:59 GMT"),
    );
    answer
}

/// Where the document is, and which one is meant.
fn address(path: &str, page: &Page) -> String {
    format!("/openapi/v3/{path}?hash={}", page.hash)
}

/// To the document as it is now. Nobody is to keep that: during an upgrade the
/// next replica may have the one that was asked for.
fn moved(address: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let headers = answer.headers_mut();
    let address = address
        .parse()
        .expect("a group, a version and a hash are ASCII");
    headers.insert(LOCATION, address);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    const EXTERNAL: &str = "apis/external.metrics.k8s.io/v1beta1";

    fn version(path: &str, hash: Option<&str>) -> Schema {
        Schema::Version {
            path: path.to_owned(),
            hash: hash.map(str::to_owned),
        }
    }

    fn answer(groups: &[Group], schema: &Schema) -> Response<Full<Bytes>> {
        OpenApi::of(groups)
            .answer(schema, &Request::new(()))
            .unwrap()
    }

    async fn document(groups: &[Group], schema: &Schema) -> Value {
        let answer = answer(groups, schema);
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    fn hash(path: &str) -> String {
        let tag = answer(&Group::ALL, &version(path, None)).headers()[ETAG].clone();
        tag.to_str().unwrap().trim_matches('"').to_owned()
    }

    #[tokio::test]
    async fn the_api_server_finds_the_paths_of_the_groups_that_are_served() {
        let external = "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metricName}";
        let custom = ["v1beta1", "v1beta2"].map(|version| {
            let root = format!("/apis/custom.metrics.k8s.io/{version}");
            [
                format!("{root}/namespaces/{{namespace}}/metrics/{{metricName}}"),
                format!("{root}/namespaces/{{namespace}}/{{resource}}/{{name}}/{{metricName}}"),
                format!("{root}/{{resource}}/{{name}}/{{metricName}}"),
            ]
        });
        let custom = custom.concat();
        let both = [custom.clone(), vec![external.to_owned()]].concat();
        for (groups, paths) in [
            (&[Group::External][..], vec![external.to_owned()]),
            (&[Group::Custom], custom),
            (&Group::ALL, both),
        ] {
            let document = document(groups, &Schema::V2).await;
            assert_eq!(document["swagger"], "2.0");
            let described: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
            assert_eq!(described, paths.iter().collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn the_index_names_our_versions_under_addresses_that_never_change() {
        let custom =
            ["v1beta1", "v1beta2"].map(|name| format!("apis/custom.metrics.k8s.io/{name}"));
        let [v1beta1, v1beta2] = &custom;
        let url = |path| json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash={}", hash(path)) });
        let expected = json!({
            "paths": {
                v1beta1: url(v1beta1),
                v1beta2: url(v1beta2),
                EXTERNAL: url(EXTERNAL),
            },
        });
        assert_eq!(document(&Group::ALL, &Schema::V3).await, expected);

        for path in [v1beta1, v1beta2, EXTERNAL] {
            let lasting = version(path, Some(&hash(path)));
            let headers = answer(&Group::ALL, &lasting).headers().clone();
            assert_eq!(
                headers[CACHE_CONTROL],
                "public, immutable, max-age=31536000"
            );
            assert_eq!(headers[EXPIRES], "Fri, 31 Dec 9999 23:59:59 GMT");
            assert_eq!(
                document(&Group::ALL, &lasting).await,
                document(&Group::ALL, &version(path, None)).await
            );
        }
    }

    #[test]
    fn without_a_hash_the_document_may_change() {
        let answer = answer(&Group::ALL, &version(EXTERNAL, None));
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache, private");
        assert_eq!(answer.headers().get(EXPIRES), None);
    }

    #[test]
    fn another_hash_leads_to_the_document_as_it_is_now() {
        let answer = answer(&Group::ALL, &version(EXTERNAL, Some("0123")));
        assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
        let url = format!("/openapi/v3/{EXTERNAL}?hash={}", hash(EXTERNAL));
        assert_eq!(answer.headers()[LOCATION], url);
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache, private");
    }

    #[test]
    fn every_document_is_sent_once() {
        let api = OpenApi::of(&Group::ALL);
        for schema in [
            Schema::V2,
            Schema::V3,
            version(EXTERNAL, None),
            version(EXTERNAL, Some(&hash(EXTERNAL))),
        ] {
            let mut request = Request::new(());
            let first = api.answer(&schema, &request).unwrap();
            let tag = first.headers()[ETAG].clone();
            request.headers_mut().insert(IF_NONE_MATCH, tag);
            let again = api.answer(&schema, &request).unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{schema:?}");
        }
    }

    #[test]
    fn there_is_json_and_nothing_else() {
        let api = OpenApi::of(&Group::ALL);
        let accepting = |accept: &str| {
            let request = Request::get("/").header(ACCEPT, accept).body(()).unwrap();
            let answer = api.answer(&Schema::V2, &request);
            answer.map(|answer| answer.status())
        };
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
            let refused = Status::not_acceptable(["application/json"]);
            assert_eq!(accepting(accept), Err(refused), "{accept}");
        }
    }

    #[test]
    fn a_version_that_is_not_served_is_not_found() {
        let api = OpenApi::of(&[Group::External]);
        for path in [
            "",
            "apis",
            "version",
            "apis/external.metrics.k8s.io/v1",
            "apis/custom.metrics.k8s.io/v1beta2",
        ] {
            let answer = api.answer(&version(path, None), &Request::new(()));
            assert_eq!(answer.map(drop), Err(Status::not_found()), "{path}");
        }
    }
}
