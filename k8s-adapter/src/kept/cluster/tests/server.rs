//! ConfigMaps, and those who watch them.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use kube_client::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// An API server that knows nothing but the ConfigMaps of one namespace.
#[derive(Clone, Default)]
pub(super) struct ApiServer {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

#[derive(Default)]
struct State {
    maps: BTreeMap<String, Value>,
    /// What a watch tells: in its place, the version.
    events: Vec<Value>,
    /// What was asked and what came of it, in order.
    asked: Vec<(String, String, bool)>,
    /// Requests of this method fail with this code, so many times.
    failing: Option<(&'static str, u16, usize)>,
}

impl ApiServer {
    pub(super) fn empty() -> Self {
        Self::default()
    }

    pub(super) fn object(&self, name: &str) -> Value {
        self.state.lock().unwrap().maps[name].clone()
    }

    /// Somebody edits an object by hand.
    pub(super) fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock().unwrap();
        let mut map = state.maps[name].clone();
        change(&mut map);
        state.put(name, map);
        self.news.notify_waiters();
    }

    /// Somebody deletes an object by hand.
    pub(super) fn delete(&self, name: &str) {
        self.state.lock().unwrap().take(name);
        self.news.notify_waiters();
    }

    pub(super) fn fail(&self, method: &'static str, code: u16, times: usize) {
        self.state.lock().unwrap().failing = Some((method, code, times));
    }

    /// How often it was asked by this method.
    pub(super) fn asked(&self, method: &str) -> usize {
        let asked = &self.state.lock().unwrap().asked;
        asked.iter().filter(|(by, ..)| by == method).count()
    }

    /// The writes that were done.
    pub(super) fn written(&self) -> Vec<String> {
        let asked = &self.state.lock().unwrap().asked;
        let done = asked
            .iter()
            .filter(|(method, _, done)| *done && method != "GET");
        done.map(|(method, name, _)| format!("{method} {name}"))
            .collect()
    }

    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let method = request.method().to_string();
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = request.into_body().collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if query.contains("watch=true") {
            return reply(200, &self.next_event(&query).await);
        }
        // Others have their turn before it is done.
        tokio::task::yield_now().await;
        let name = match path.strip_prefix("/api/v1/namespaces/default/configmaps") {
            Some("") => body["metadata"]["name"].as_str().unwrap_or_default(),
            Some(name) => &name[1..],
            None => panic!("{path}"),
        };
        let mut state = self.state.lock().unwrap();
        let (code, answer) = match (method.as_str(), name) {
            ("GET", "") => state.list(&query),
            (_, name) => state.one(&method, name, &body),
        };
        let done = code < 300;
        state.asked.push((method, name.to_owned(), done));
        self.news.notify_waiters();
        reply(code, &answer)
    }

    /// The next event that the watch is for, as soon as there is one.
    async fn next_event(&self, query: &str) -> Value {
        let after = query.split("resourceVersion=").nth(1).unwrap();
        let after: usize = after.split('&').next().unwrap().parse().unwrap();
        loop {
            let news = self.news.notified();
            let found = {
                let state = self.state.lock().unwrap();
                let mut events = state.events.iter().skip(after);
                events
                    .find(|event| concerns(query, &event["object"]))
                    .cloned()
            };
            match found {
                Some(event) => return event,
                None => news.await,
            }
        }
    }
}

impl State {
    fn list(&self, query: &str) -> (u16, Value) {
        let items = self.maps.values().filter(|map| concerns(query, map));
        let items: Vec<_> = items.collect();
        let version = self.events.len().to_string();
        let list = json!({"metadata": {"resourceVersion": version}, "items": items});
        (200, list)
    }

    fn one(&mut self, method: &str, name: &str, body: &Value) -> (u16, Value) {
        if let Some((failing, code, times)) = &mut self.failing
            && *failing == method
            && *times > 0
        {
            *times -= 1;
            return (*code, status(*code, "not now"));
        }
        let found = self.maps.get(name).cloned();
        let conflict = (409, status(409, "it was changed"));
        let (Some(mut map), false) = (found.clone(), method == "POST") else {
            return match (method, found) {
                ("POST", None) => (201, self.put(name, body.clone())),
                ("POST", Some(_)) => conflict,
                _ => (404, status(404, "there is none")),
            };
        };
        let version = &map["metadata"]["resourceVersion"];
        match method {
            "GET" => (200, map),
            "PATCH" if body["metadata"]["resourceVersion"] == *version => {
                merge(&mut map, body);
                (200, self.put(name, map))
            }
            "DELETE" if body["preconditions"]["resourceVersion"] == *version => {
                (200, self.take(name))
            }
            _ => conflict,
        }
    }

    fn put(&mut self, name: &str, mut map: Value) -> Value {
        let r#type = match self.maps.contains_key(name) {
            true => "MODIFIED",
            false => "ADDED",
        };
        self.tell(r#type, &mut map);
        self.maps.insert(name.to_owned(), map.clone());
        map
    }

    fn take(&mut self, name: &str) -> Value {
        let mut map = self.maps.remove(name).unwrap();
        self.tell("DELETED", &mut map);
        map
    }

    fn tell(&mut self, r#type: &str, map: &mut Value) {
        let version = self.events.len() + 1;
        map["metadata"]["resourceVersion"] = version.to_string().into();
        self.events.push(json!({"type": r#type, "object": map}));
    }
}

/// Whether an object is among those that are listed or watched. One that loses its label
/// is not told of, as if nothing had happened.
fn concerns(query: &str, map: &Value) -> bool {
    if query.contains("fieldSelector=metadata.name%3Ddatadog-hpa") {
        return map["metadata"]["name"] == "datadog-hpa";
    }
    assert!(query.contains("labelSelector=custom-metrics.datadoghq.com%2Fcontinues%3Ddatadog-hpa"));
    map["metadata"]["labels"]["custom-metrics.datadoghq.com/continues"] == "datadog-hpa"
}

/// RFC 7386.
fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let into = into.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            merge(into.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn status(code: u16, message: &str) -> Value {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "",
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message})
}

fn reply(code: u16, answer: &Value) -> Response<Body> {
    let body = Body::from(answer.to_string().into_bytes());
    Response::builder().status(code).body(body).unwrap()
}
