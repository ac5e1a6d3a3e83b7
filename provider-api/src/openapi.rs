//! The schema of what is served, as OpenAPI: version 2 for the API server, which
//! merges it into the cluster's own and keeps the paths below our groups, and
//! version 3, a document a group and version, for whoever asks for one.
//!
//! The documents are made once and say the same in every replica, so their
//! hashes agree: the API server asks every minute for what has changed.

mod described;
mod edition;
mod external;
mod meta;
mod page;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{CACHE_CONTROL, EXPIRES, LOCATION},
};
use http_body_util::Full;
use serde_json::json;

pub(crate) use self::external::external;
use self::{described::Described, edition::Edition, page::Page};
use crate::{Status, query};

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
    /// The documents of these APIs.
    pub(crate) fn of(apis: &[fn(Edition) -> Described]) -> Self {
        let versions: BTreeMap<_, _> = apis
            .iter()
            .map(|api| api(Edition::V3))
            .map(|api| (api.path(), Page::of(&Edition::V3.document(&[api]))))
            .collect();
        let addresses: BTreeMap<_, _> = versions
            .iter()
            .map(|(path, page)| (path, json!({ "serverRelativeURL": address(path, page) })))
            .collect();
        let all: Vec<_> = apis.iter().map(|api| api(Edition::V2)).collect();
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
            Schema::V2 => self.v2.answer(request),
            Schema::V3 => self.v3.answer(request),
            Schema::Version { path, hash } => {
                let page = self.versions.get(path).ok_or_else(Status::not_found)?;
                let answer = page.answer(request)?;
                Ok(match hash {
                    None => answer,
                    Some(hash) if *hash == page.hash => for_ever(answer),
                    Some(_) => moved(&address(path, page)),
                })
            }
        }
    }
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

fn moved(address: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let address = address
        .parse()
        .expect("a group, a version and a hash are ASCII");
    answer.headers_mut().insert(LOCATION, address);
    answer
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::header::{ETAG, IF_NONE_MATCH};
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    const APIS: [fn(Edition) -> Described; 1] = [external];

    async fn body(answer: Response<Full<Bytes>>) -> Value {
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    async fn document(schema: &Schema) -> Value {
        body(
            OpenApi::of(&APIS)
                .answer(schema, &Request::new(()))
                .unwrap(),
        )
        .await
    }

    fn version(hash: Option<&str>) -> Schema {
        Schema::Version {
            path: "apis/external.metrics.k8s.io/v1beta1".to_owned(),
            hash: hash.map(str::to_owned),
        }
    }

    fn answer(schema: &Schema) -> Response<Full<Bytes>> {
        OpenApi::of(&APIS)
            .answer(schema, &Request::new(()))
            .unwrap()
    }

    fn hash() -> String {
        let tag = answer(&version(None)).headers()[ETAG].clone();
        tag.to_str().unwrap().trim_matches('"').to_owned()
    }

    /// All that a document refers to.
    fn references(document: &Value) -> BTreeSet<&str> {
        match document {
            Value::Object(fields) => fields
                .iter()
                .flat_map(|(key, value)| match value.as_str() {
                    Some(reference) if key == "$ref" => BTreeSet::from([reference]),
                    _ => references(value),
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => BTreeSet::new(),
        }
    }

    fn named<'a>(place: &str, schemas: &'a Value) -> BTreeSet<String> {
        let names: &'a serde_json::Map<_, _> = schemas.as_object().unwrap();
        names.keys().map(|name| format!("{place}{name}")).collect()
    }

    #[tokio::test]
    async fn every_reference_leads_to_a_schema_and_every_schema_is_referred_to() {
        let owned = |document: &Value| -> BTreeSet<String> {
            references(document)
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        let v2 = document(&Schema::V2).await;
        assert_eq!(owned(&v2), named("#/definitions/", &v2["definitions"]));
        let v3 = document(&version(None)).await;
        let schemas = &v3["components"]["schemas"];
        assert_eq!(owned(&v3), named("#/components/schemas/", schemas));
    }

    #[tokio::test]
    async fn the_parameters_in_a_path_are_those_that_are_described() {
        for document in [document(&Schema::V2).await, document(&version(None)).await] {
            for (path, item) in document["paths"].as_object().unwrap() {
                let described: BTreeSet<_> = item["get"]["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                let in_path: BTreeSet<_> = path
                    .split('/')
                    .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                    .collect();
                assert_eq!(described, in_path, "{path}");
            }
        }
    }

    #[tokio::test]
    async fn the_api_server_keeps_every_path() {
        let document = document(&Schema::V2).await;
        assert_eq!(document["swagger"], "2.0");
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(
            paths,
            ["/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metricName}"]
        );
    }

    #[tokio::test]
    async fn the_index_names_our_versions_under_addresses_that_never_change() {
        let url = format!(
            "/openapi/v3/apis/external.metrics.k8s.io/v1beta1?hash={}",
            hash()
        );
        let expected = json!({
            "paths": {
                "apis/external.metrics.k8s.io/v1beta1": { "serverRelativeURL": url },
            },
        });
        assert_eq!(document(&Schema::V3).await, expected);

        let answer = answer(&version(Some(&hash())));
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            answer.headers()[CACHE_CONTROL],
            "public, immutable, max-age=31536000"
        );
        assert_eq!(answer.headers()[EXPIRES], "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(body(answer).await, document(&version(None)).await);
    }

    #[test]
    fn without_a_hash_the_document_may_change() {
        let answer = answer(&version(None));
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache, private");
        assert_eq!(answer.headers().get(EXPIRES), None);
    }

    #[test]
    fn another_hash_leads_to_the_document_as_it_is_now() {
        let answer = answer(&version(Some("0123")));
        assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
        let url = format!(
            "/openapi/v3/apis/external.metrics.k8s.io/v1beta1?hash={}",
            hash()
        );
        assert_eq!(answer.headers()[LOCATION], url);
    }

    #[test]
    fn every_document_is_sent_once() {
        let api = OpenApi::of(&APIS);
        for schema in [
            Schema::V2,
            Schema::V3,
            version(None),
            version(Some(&hash())),
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
    fn a_version_that_is_not_served_is_not_found() {
        let api = OpenApi::of(&APIS);
        for path in ["", "apis", "version", "apis/external.metrics.k8s.io/v1"] {
            let schema = Schema::Version {
                path: path.to_owned(),
                hash: None,
            };
            let answer = api.answer(&schema, &Request::new(()));
            assert_eq!(answer.map(drop), Err(Status::not_found()), "{path}");
        }
    }
}
