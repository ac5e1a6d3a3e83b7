//! Rounds against an API server that is a map of objects.

use std::{convert::Infallible, sync::Mutex};

use http::{Method, Request, Response};
use kube_client::client::Body;
use serde_json::Value;
use time::Duration;

use super::*;
use crate::testing::{NOW, TestClock};

const API_SERVICE: &str =
    "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io";
const SECRET: &str = "/api/v1/namespaces/shop/secrets/queue-metrics-certificate";

/// An API server, and the time of those who ask it.
#[derive(Clone)]
struct Cluster {
    objects: Arc<Mutex<Objects>>,
    clock: TestClock,
}

/// The objects by path, and what was written, in order.
#[derive(Default)]
struct Objects {
    by_path: BTreeMap<String, Value>,
    written: Vec<String>,
    forbidden: Option<&'static str>,
    /// What the APIService is as soon as it has been read.
    after_a_look: Option<Value>,
}

impl Cluster {
    fn empty() -> Self {
        Self {
            objects: Arc::default(),
            clock: TestClock::at(NOW),
        }
    }

    fn with(api_service: &APIService) -> Self {
        let cluster = Self::empty();
        cluster.put(API_SERVICE, serde_json::to_value(api_service).unwrap());
        cluster
    }

    fn put(&self, path: &str, object: Value) {
        self.objects
            .lock()
            .unwrap()
            .by_path
            .insert(path.to_owned(), object);
    }

    fn object(&self, path: &str) -> Value {
        self.objects.lock().unwrap().by_path[path].clone()
    }

    fn written(&self) -> Vec<String> {
        std::mem::take(&mut self.objects.lock().unwrap().written)
    }

    fn client(&self) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move {
                let (method, path) = (request.method().clone(), request.uri().path().to_owned());
                let body = request.into_body().collect_bytes().await.unwrap();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let (code, answer) = cluster.objects.lock().unwrap().answer(&method, path, body);
                let answer = Body::from(answer.to_string().into_bytes());
                Ok::<_, Infallible>(Response::builder().status(code).body(answer).unwrap())
            }
        });
        Client::new(service, "default")
    }

    fn registration(&self) -> Registration {
        let group_versions = ["external.metrics.k8s.io/v1beta1".to_owned()];
        let clock = Arc::new(self.clock.clone());
        Registration::new(self.client(), service(), &group_versions, clock).unwrap()
    }
}

impl Objects {
    fn answer(&mut self, method: &Method, mut path: String, mut body: Value) -> (u16, Value) {
        if self.forbidden.is_some_and(|verb| verb == method.as_str()) {
            return (403, status(403, "Forbidden", "not for you"));
        }
        if *method == Method::POST {
            path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        }
        let found = self.by_path.get(&path);
        if *method == Method::GET {
            let answer = match found {
                Some(object) => (200, object.clone()),
                None => (404, status(404, "NotFound", "there is none")),
            };
            if path == API_SERVICE
                && let Some(next) = self.after_a_look.take()
            {
                self.by_path.insert(path, next);
            }
            return answer;
        }
        let conflict = (409, status(409, "Conflict", "it was changed"));
        match (method.as_str(), found) {
            ("POST", Some(_)) => return conflict,
            ("POST", None) => {}
            (_, Some(found))
                if found["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] =>
            {
                if method == "PATCH" {
                    let mut merged = found.clone();
                    merged["spec"]["caBundle"] = body["spec"]["caBundle"].clone();
                    body = merged;
                }
            }
            (_, _) => return conflict,
        }
        self.written.push(format!("{method} {path}"));
        body["metadata"]["resourceVersion"] = self.written.len().to_string().into();
        self.by_path.insert(path, body.clone());
        (200, body)
    }
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message})
}

fn service() -> ServiceName {
    "shop/queue-metrics".parse().unwrap()
}

fn ours() -> APIService {
    api_service("external.metrics.k8s.io/v1beta1", &service())
}

fn told(outcome: Result<BTreeMap<String, Standing>, Failed>) -> String {
    match outcome {
        Ok(standings) => format!("{:?}", standings.into_values().collect::<Vec<_>>()),
        Err(failed) => chain(&failed),
    }
}

#[tokio::test]
async fn the_authority_that_is_kept_is_the_one_that_the_api_service_trusts() {
    let cluster = Cluster::with(&ours());
    let registration = cluster.registration();
    registration.round().await.unwrap();
    assert_eq!(
        cluster.written(),
        [format!("POST {SECRET}"), format!("PATCH {API_SERVICE}")]
    );
    assert_eq!(
        cluster.object(API_SERVICE)["spec"]["caBundle"],
        cluster.object(SECRET)["data"]["ca.crt"]
    );
    let kept: Secret = serde_json::from_value(cluster.object(SECRET)).unwrap();
    let shown = kept::read(&kept).serving().unwrap();
    assert!(!registration.shown.replace(shown), "it is shown already");

    // All is well, so nothing is written, by whichever replica.
    registration.round().await.unwrap();
    cluster.registration().round().await.unwrap();
    assert_eq!(cluster.written(), [""; 0]);
}

#[tokio::test]
async fn a_certificate_that_runs_out_is_renewed_in_its_secret_and_by_the_same_authority() {
    let cluster = Cluster::with(&ours());
    let registration = cluster.registration();
    registration.round().await.unwrap();
    let bundle = cluster.object(API_SERVICE)["spec"]["caBundle"].clone();
    let first = cluster.object(SECRET)["data"]["tls.crt"].clone();
    cluster.written();
    cluster.clock.advance(Duration::days(61));
    registration.round().await.unwrap();
    assert_ne!(cluster.object(SECRET)["data"]["tls.crt"], first);
    assert_eq!(cluster.written(), [format!("PUT {SECRET}")]);
    assert_eq!(cluster.object(API_SERVICE)["spec"]["caBundle"], bundle);
}

#[tokio::test]
async fn nothing_is_written_where_no_api_service_asks_for_it() {
    let mut unverified = ours();
    unverified.spec.as_mut().unwrap().insecure_skip_tls_verify = Some(true);
    let mut anothers = ours();
    let reference = anothers.spec.as_mut().unwrap().service.as_mut().unwrap();
    reference.name = Some("keda-operator".to_owned());
    for (cluster, standing) in [
        (Cluster::empty(), "[Absent]"),
        (Cluster::with(&unverified), "[Unverified]"),
        (
            Cluster::with(&anothers),
            r#"[OfAnother(Some("shop/keda-operator"))]"#,
        ),
    ] {
        assert_eq!(told(cluster.registration().round().await), standing);
        assert_eq!(cluster.written(), [""; 0], "{standing}");
    }
}

#[tokio::test]
async fn of_two_replicas_that_begin_at_once_one_writes_and_both_show_the_same() {
    let cluster = Cluster::with(&ours());
    let (one, other) = (cluster.registration(), cluster.registration());
    let (one_said, other_said) = tokio::join!(one.round(), other.round());
    assert!(one_said.is_ok() || other_said.is_ok());
    one.round().await.unwrap();
    other.round().await.unwrap();
    let kept: Secret = serde_json::from_value(cluster.object(SECRET)).unwrap();
    let kept = kept::read(&kept).serving().unwrap();
    assert!(!one.shown.replace(kept.clone()));
    assert!(!other.shown.replace(kept));
}

#[tokio::test]
async fn a_missing_right_is_named_and_nothing_is_waited_for() {
    for (verb, words) in [
        (
            "GET",
            "APIService v1beta1.external.metrics.k8s.io: the API server forbids it (not for you): \
             grant this server's ServiceAccount get and patch on its apiservices in the API group \
             apiregistration.k8s.io",
        ),
        (
            "POST",
            "Secret shop/queue-metrics-certificate: the API server forbids it (not for you): grant \
             this server's ServiceAccount create, get and update on secrets in its namespace",
        ),
    ] {
        let cluster = Cluster::with(&ours());
        cluster.objects.lock().unwrap().forbidden = Some(verb);
        let failed = cluster.registration().round().await.unwrap_err();
        assert!(!failed.may_pass());
        assert_eq!(chain(&failed), words);
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_renewed_is_shown_for_as_long_as_it_is_good() {
    let cluster = Cluster::with(&ours());
    cluster.registration().round().await.unwrap();
    let kept: Secret = serde_json::from_value(cluster.object(SECRET)).unwrap();
    let kept = kept::read(&kept).serving().unwrap();
    cluster.objects.lock().unwrap().forbidden = Some("PUT");
    for (days, good) in [(61, true), (30, false)] {
        cluster.clock.advance(Duration::days(days));
        let restarted = cluster.registration();
        restarted.round().await.unwrap_err();
        assert_eq!(restarted.decided.load(Ordering::Relaxed), good);
        assert_eq!(!restarted.shown.replace(kept.clone()), good);
    }
}

#[tokio::test]
async fn an_api_service_that_changes_hands_meanwhile_is_not_written() {
    let cluster = Cluster::with(&ours());
    let registration = cluster.registration();
    registration.round().await.unwrap();
    cluster.written();
    // Its bundle was taken away, and once it has been looked at, somebody else writes.
    let mut object = cluster.object(API_SERVICE);
    object["spec"]["caBundle"] = Value::Null;
    cluster.put(API_SERVICE, object.clone());
    object["metadata"]["resourceVersion"] = "another".into();
    object["spec"]["service"]["name"] = "keda-operator".into();
    cluster.objects.lock().unwrap().after_a_look = Some(object.clone());

    let failed = registration.round().await.unwrap_err();
    assert!(failed.may_pass());
    assert_eq!(
        chain(&failed),
        "APIService v1beta1.external.metrics.k8s.io: the API server answers 409: it was changed"
    );
    assert_eq!(cluster.object(API_SERVICE), object);
    assert_eq!(
        told(registration.round().await),
        r#"[OfAnother(Some("shop/keda-operator"))]"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_is_ready_once_it_knows_which_certificate_to_show() {
    let cluster = Cluster::with(&ours());
    let registration = cluster.registration();
    let decided = Arc::clone(&registration.decided);
    assert!(!decided.load(Ordering::Relaxed));
    let keeping = tokio::spawn(async move { registration.keep().await });
    while !decided.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    keeping.abort();
    assert_eq!(cluster.written().len(), 2);
}
