//! What the stub answers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use super::{
    Authorities,
    config::{self, Config},
};
use crate::Answer;

const MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const TOKENS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const SELF: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
/// So many reviews are remembered; no run asks for nearly as many.
const REMEMBERED: usize = 10_000;
/// A watch without news ends after this long, and the client comes again.
const WATCH: Duration = Duration::from_secs(30);

/// A cluster with one ConfigMap, and users who are judged by their names.
pub(super) struct Cluster {
    config: watch::Sender<Config>,
    lists: BTreeMap<String, Value>,
    reviews: Mutex<VecDeque<Value>>,
}

impl Cluster {
    pub(super) fn new(authorities: &Authorities, lists: BTreeMap<String, Value>) -> Self {
        Self {
            config: watch::Sender::new(Config::new(authorities)),
            lists,
            reviews: Mutex::default(),
        }
    }

    pub(super) async fn answer(&self, parts: &Parts, body: &Bytes) -> Answer {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        let watched = query
            .split('&')
            .any(|part| matches!(part, "watch=true" | "watch=1"));
        match (&parts.method, path) {
            (&Method::GET, "/version") => json_answer(
                200,
                &json!({ "major": "1", "minor": "33", "gitVersion": "v1.33.0" }),
            ),
            (&Method::GET, "/conformance/reviews") => {
                let reviews = self.reviews.lock().unwrap_or_else(PoisonError::into_inner);
                json_answer(200, &json!(*reviews))
            }
            (&Method::PUT, path) if path.starts_with("/conformance/allowed-names/") => {
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                self.config.send_modify(|config| config.allow(name));
                json_answer(200, &json!({}))
            }
            (&Method::PUT, "/conformance/config") => match serde_json::from_slice(body) {
                Ok(keys) => {
                    self.config.send_modify(|config| config.change(keys));
                    json_answer(200, &json!({}))
                }
                Err(_) => refused(415, "UnsupportedMediaType", "the stub reads JSON"),
            },
            (&Method::GET, MAPS) if watched => self.changes(version(query)).await,
            (&Method::GET, MAPS) => {
                let map = self.map();
                let metadata = json!({ "resourceVersion": map["metadata"]["resourceVersion"] });
                json_answer(
                    200,
                    &json!({
                        "kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": [map],
                    }),
                )
            }
            (&Method::GET, path)
                if path
                    .strip_prefix(MAPS)
                    .and_then(|rest| rest.strip_prefix('/'))
                    == Some(config::NAME) =>
            {
                json_answer(200, &self.map())
            }
            (&Method::GET, path) if self.lists.contains_key(path) => {
                if watched {
                    tokio::time::sleep(WATCH).await;
                    return lines(&[]);
                }
                json_answer(200, &self.lists[path])
            }
            (&Method::POST, TOKENS | ACCESS | SELF) => match serde_json::from_slice(body) {
                Ok(review) => self.review(path, review),
                Err(_) => refused(415, "UnsupportedMediaType", "the stub reads JSON"),
            },
            _ => refused(404, "NotFound", "the stub does not have this"),
        }
    }

    /// The news since this version of the ConfigMap, waited for.
    async fn changes(&self, since: usize) -> Answer {
        let mut config = self.config.subscribe();
        let newer = timeout(WATCH, config.wait_for(|config| config.version > since)).await;
        match newer {
            Ok(_) => lines(&[json!({ "type": "MODIFIED", "object": self.map() })]),
            Err(_) => lines(&[]),
        }
    }

    fn map(&self) -> Value {
        self.config.borrow().map()
    }

    fn review(&self, path: &str, mut review: Value) -> Answer {
        let spec = &review["spec"];
        let (kind, subject) = match path {
            TOKENS => ("TokenReview", spec["token"].clone()),
            ACCESS => ("SubjectAccessReview", spec["user"].clone()),
            _ => ("SelfSubjectAccessReview", json!("good-server")),
        };
        self.remember(json!({ "kind": kind, "spec": spec }));
        let subject = subject.as_str().unwrap_or_default();
        if subject.starts_with("broken") {
            return refused(500, "InternalError", "the stub fails for this one");
        }
        review["status"] = match kind {
            "TokenReview" => verdict(subject),
            _ => decision(subject),
        };
        json_answer(201, &review)
    }

    fn remember(&self, review: Value) {
        let mut reviews = self.reviews.lock().unwrap_or_else(PoisonError::into_inner);
        if reviews.len() == REMEMBERED {
            reviews.pop_front();
        }
        reviews.push_back(review);
    }
}

fn verdict(token: &str) -> Value {
    if !token.starts_with("good") {
        return json!({ "authenticated": false });
    }
    let user = json!({
        "username": format!("user-of-{token}"),
        "uid": "7",
        "groups": ["tokens"],
        "extra": { "scopes": ["all"] },
    });
    json!({ "authenticated": true, "user": user })
}

fn decision(user: &str) -> Value {
    if user.starts_with("denied") || user == "system:anonymous" {
        json!({ "allowed": false, "reason": "the stub denies it" })
    } else {
        json!({ "allowed": true })
    }
}

/// The version that a watch begins after.
fn version(query: &str) -> usize {
    let version = query
        .split('&')
        .find_map(|part| part.strip_prefix("resourceVersion="));
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

fn json_answer(code: u16, document: &Value) -> Answer {
    let mut answer = Answer::new(Full::new(document.to_string().into()));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    answer.headers_mut().insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    answer
}

/// Events, as a watch tells them.
fn lines(events: &[Value]) -> Answer {
    let mut answer = json_answer(200, &Value::Null);
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    *answer.body_mut() = Full::new(text.into());
    answer
}

fn refused(code: u16, reason: &str, message: &str) -> Answer {
    json_answer(
        code,
        &json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "reason": reason, "message": message, "code": code,
        }),
    )
}
