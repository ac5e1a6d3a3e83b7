//! An API server that answers by a function.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response, StatusCode};
use kube_client::{Client, client::Body};
use serde_json::Value;

/// What a stub of the API server was asked: path with query, and JSON body.
pub(crate) type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// An API server that answers by a function, and keeps what it was asked.
pub(crate) fn api_server(
    answer: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static,
) -> (Client, Asked) {
    let asked = Asked::default();
    let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
        async move {
            let path = request.uri().to_string();
            let body = request.into_body().collect_bytes().await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (code, reply) = answer(&path, &body);
            log.lock().unwrap().push((path, body));
            let mut response = Response::new(Body::from(reply.to_string().into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    (Client::new(service, "default"), asked)
}
