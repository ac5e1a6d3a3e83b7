//! The objects that a stub of the API server has, and what it is sent.

mod generate;
mod watch;
mod write;

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use time::Duration;

use super::*;
use crate::testing::{NOW, api_server};

const PREFIX: &str = "metrics.example/";

fn object(name: &str, query: &str) -> Value {
    json!({
        "apiVersion": "datadoghq.com/v1alpha1",
        "kind": "DatadogMetric",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1"},
        "spec": {"query": query},
    })
}

fn metric(name: &str) -> ObjectReference {
    ObjectReference {
        kind: "DatadogMetric".into(),
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn standing(name: &str, value: i64) -> MetricStanding {
    MetricStanding {
        metric: metric(name),
        askers: Vec::new(),
        is_active: true,
        value: Some((value.into(), NOW)),
        is_served: true,
        failure: None,
    }
}

/// What was written: method-less path and body.
type Written = Arc<Mutex<Vec<(String, Value)>>>;

/// A stub that has these objects, and refuses a write as `refuses` says.
async fn watched(
    objects: Vec<Value>,
    refuses: impl Fn(&str) -> Option<u16> + Send + Sync + 'static,
) -> (DatadogMetrics, Written) {
    let written = Written::default();
    let log = Arc::clone(&written);
    let (client, _) = api_server(move |path, body| {
        if path.starts_with("/apis/datadoghq.com/v1alpha1/datadogmetrics?") {
            let list = json!({"metadata": {"resourceVersion": "7"}, "items": objects});
            return (200, list);
        }
        let place = path
            .trim_end_matches('?')
            .trim_start_matches("/apis/datadoghq.com/v1alpha1/namespaces/")
            .to_owned();
        if let Some(code) = refuses(&place) {
            return status_of(code);
        }
        log.lock().unwrap().push((place, body.clone()));
        match body.get("kind") {
            Some(kind) if kind == "DatadogMetric" => (200, body.clone()),
            _ => (200, json!({"kind": "Status", "status": "Success"})),
        }
    });
    let metrics = DatadogMetrics::new(client, PREFIX);
    {
        let mut watch = std::pin::pin!(metrics.watch());
        while let Some(told) = watch.next().await {
            if matches!(told, MetricsWatched::Synced) {
                break;
            }
        }
    }
    (metrics, written)
}

fn places(written: &Written) -> Vec<String> {
    let written = written.lock().unwrap();
    written.iter().map(|(place, _)| place.clone()).collect()
}

fn read(object: Value) -> Object {
    Object::read(serde_json::from_value(object).unwrap(), PREFIX)
}

fn status_of(code: u16) -> (u16, Value) {
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"});
    (code, status)
}
