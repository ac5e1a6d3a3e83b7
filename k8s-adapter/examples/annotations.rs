//! Custom and external metrics that are written on objects of the cluster. The metric
//! `requests` of a pod is what its annotation `metrics.example.com/requests` says, and so
//! for deployments, services, namespaces and nodes. The external metric `requests` is what
//! the ConfigMaps of the namespace say, chosen by their labels.
//!
//! ```text
//! cargo run -p k8s-adapter --features access,registration --example annotations \
//!     default/annotations 127.0.0.1:6443
//! kubectl annotate pod web-1 metrics.example.com/requests=20
//! ```

use std::{env, error::Error, sync::Arc};

use async_trait::async_trait;
use k8s_adapter::in_cluster;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Namespace, Node, Pod, Service},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube_client::{
    Api, Client, Error as KubeError,
    api::{ApiResource, DynamicObject, ListParams},
};
use provider_api::{
    Clock, CustomMetric, CustomMetricValue, CustomMetricsProvider, DescribedObject, ExternalMetric,
    ExternalMetricValue, ExternalMetricsProvider, ListedMetric, MetricName, MetricsApi, ObjectName,
    Quantity, Refusal, Selector, Shutdown,
};
use time::OffsetDateTime;

const PREFIX: &str = "metrics.example.com/";

#[derive(Clone)]
struct Annotations {
    client: Client,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl CustomMetricsProvider for Annotations {
    async fn metric_of(
        &self,
        metric: &CustomMetric,
        object: &ObjectName,
    ) -> Result<CustomMetricValue, Refusal> {
        let objects = self.objects_of(metric)?;
        let measured = self.clock.now();
        let found = objects.named(object).await?;
        let value = objects.value(&found, metric.name())?;
        let value = value.ok_or_else(|| metric.unknown_of(object))?;
        let described = objects.described(metric, object.clone());
        Ok(CustomMetricValue::new(described, value, measured))
    }

    async fn metric_of_all(
        &self,
        metric: &CustomMetric,
        selector: &Selector,
    ) -> Result<Vec<CustomMetricValue>, Refusal> {
        let objects = self.objects_of(metric)?;
        let measured = self.clock.now();
        let mut values = Vec::new();
        for found in objects.matching(selector).await? {
            // An object without the annotation is left out: its value is missing.
            let Some(value) = objects.value(&found, metric.name())? else {
                continue;
            };
            let name = found.name.unwrap_or_default().parse();
            let name = name.map_err(|why| Refusal::Unavailable(format!("{metric}: {why}")))?;
            let described = objects.described(metric, name);
            values.push(CustomMetricValue::new(described, value, measured));
        }
        if values.is_empty() {
            return Err(metric.unknown_of_all(selector));
        }
        Ok(values)
    }

    fn custom_metrics(&self) -> Vec<ListedMetric> {
        // Which annotations there are is known to the cluster alone; each can be read.
        Vec::new()
    }
}

#[async_trait]
impl ExternalMetricsProvider for Annotations {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        let kind = ApiResource::erase::<ConfigMap>(&());
        let objects = self.objects(kind, Some(metric.namespace().as_str()));
        let measured = self.clock.now();
        let mut values = Vec::new();
        for found in objects.matching(metric.selector()).await? {
            if let Some(value) = objects.value(&found, metric.name())? {
                values.push(ExternalMetricValue {
                    labels: found.labels.unwrap_or_default(),
                    ..ExternalMetricValue::new(metric.name().clone(), value, measured)
                });
            }
        }
        if values.is_empty() {
            return Err(Refusal::Unknown(format!(
                "no ConfigMap has the annotation {PREFIX}{}, as {metric} asks for",
                metric.name()
            )));
        }
        Ok(values)
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        Vec::new()
    }
}

impl Annotations {
    fn objects_of(&self, metric: &CustomMetric) -> Result<Objects, Refusal> {
        if !metric.selector().requirements().is_empty() {
            return Err(Refusal::BadRequest(format!(
                "{metric}: an annotation has no labels to select by"
            )));
        }
        let (kind, is_namespaced) = match metric.resource().as_str() {
            "pods" => (ApiResource::erase::<Pod>(&()), true),
            "services" => (ApiResource::erase::<Service>(&()), true),
            "deployments.apps" => (ApiResource::erase::<Deployment>(&()), true),
            "namespaces" => (ApiResource::erase::<Namespace>(&()), false),
            "nodes" => (ApiResource::erase::<Node>(&()), false),
            other => {
                return Err(Refusal::Unknown(format!(
                    "{metric}: the annotations of {other} are not read, only those of pods, services, deployments.apps, namespaces and nodes"
                )));
            }
        };
        let namespace = metric.namespace().map(|namespace| namespace.as_str());
        if namespace.is_some() != is_namespaced {
            return Err(Refusal::Unknown(format!(
                "{metric}: {} are asked for {} a namespace",
                kind.plural,
                if is_namespaced { "in" } else { "without" }
            )));
        }
        Ok(self.objects(kind, namespace))
    }

    fn objects(&self, kind: ApiResource, namespace: Option<&str>) -> Objects {
        let client = self.client.clone();
        let api = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind),
            None => Api::all_with(client, &kind),
        };
        Objects { api, kind }
    }
}

/// The objects of one kind in one namespace. Only their metadata is fetched.
struct Objects {
    api: Api<DynamicObject>,
    kind: ApiResource,
}

impl Objects {
    async fn named(&self, name: &ObjectName) -> Result<ObjectMeta, Refusal> {
        match self.api.get_metadata(name.as_str()).await {
            Ok(object) => Ok(object.metadata),
            Err(KubeError::Api(status)) if status.code == 404 => {
                Err(Refusal::Unknown(status.message.clone()))
            }
            Err(why) => Err(self.unreadable(&why)),
        }
    }

    async fn matching(&self, selector: &Selector) -> Result<Vec<ObjectMeta>, Refusal> {
        let asked = ListParams::default().labels(&selector.to_string());
        let list = self.api.list_metadata(&asked).await;
        let list = list.map_err(|why| self.unreadable(&why))?;
        Ok(list.items.into_iter().map(|item| item.metadata).collect())
    }

    fn unreadable(&self, why: &KubeError) -> Refusal {
        let why = match why {
            KubeError::Api(status) => status.message.clone(),
            other => other.to_string(),
        };
        Refusal::Unavailable(format!("{} cannot be read: {why}", self.kind.plural))
    }

    fn value(&self, object: &ObjectMeta, name: &MetricName) -> Result<Option<Quantity>, Refusal> {
        let key = format!("{PREFIX}{name}");
        let Some(text) = object.annotations.as_ref().and_then(|all| all.get(&key)) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|why| {
            let object = object.name.as_deref().unwrap_or_default();
            let kind = &self.kind.kind;
            Refusal::NoData(format!("{key} of {kind} {object} is `{text}`: {why}"))
        })
    }

    fn described(&self, metric: &CustomMetric, name: ObjectName) -> DescribedObject {
        DescribedObject {
            kind: self.kind.kind.clone().into(),
            namespace: metric.namespace().cloned(),
            name,
            api_version: self.kind.api_version.clone().into(),
        }
    }
}

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "this is a binary, whose clock and arguments are read here"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = env::args().skip(1);
    let service = arguments.next().ok_or("name the Service: namespace/name")?;
    let address = arguments.next().unwrap_or("0.0.0.0:6443".to_owned());
    let clock: Arc<dyn Clock> = Arc::new(OffsetDateTime::now_utc);
    let client = Client::try_default().await?;
    let annotations = Annotations {
        client: client.clone(),
        clock: Arc::clone(&clock),
    };
    in_cluster(
        MetricsApi::new(annotations.clone()).and_custom(annotations),
        client,
        service.parse()?,
        clock,
    )?
    .serve(address.parse()?, Shutdown::on_signal()?.asked())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt;
    use kube_client::client::Body;
    use serde_json::{Value, json};
    use time::macros::datetime;
    use tower::ServiceExt;

    use super::*;

    /// The API server's answer: two pods of the namespace shop, one of them with a number.
    fn cluster(path: &str) -> (u16, Value) {
        let pod = |name: &str, annotations: Value| {
            json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadata",
                "metadata": { "namespace": "shop", "name": name, "annotations": annotations },
            })
        };
        let web_1 = pod("web-1", json!({ "metrics.example.com/requests": "20" }));
        let web_2 = pod("web-2", json!({ "metrics.example.com/orders": "many" }));
        match path {
            "/api/v1/namespaces/shop/pods/web-1" => (200, web_1),
            "/api/v1/namespaces/shop/pods/web-2" => (200, web_2),
            "/api/v1/namespaces/shop/pods?&labelSelector=app%3Dweb"
            | "/api/v1/namespaces/shop/configmaps?&labelSelector=" => (
                200,
                json!({
                    "apiVersion": "meta.k8s.io/v1",
                    "kind": "PartialObjectMetadataList",
                    "metadata": {},
                    "items": [web_1, web_2],
                }),
            ),
            "/api/v1/namespaces/shop/pods/web-3" => failure(404, r#"pods "web-3" not found"#),
            other => failure(403, &format!("{other} is forbidden")),
        }
    }

    fn failure(code: u16, message: &str) -> (u16, Value) {
        let status = json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "reason": "", "message": message, "code": code,
        });
        (code, status)
    }

    /// The names and values in the answer, or its code and the message of its refusal.
    async fn answer(path: &str) -> Value {
        let service = tower::service_fn(|request: Request<Body>| async move {
            let (code, reply) = cluster(&request.uri().to_string());
            let mut response = Response::new(Body::from(reply.to_string().into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok::<_, Infallible>(response)
        });
        let annotations = Annotations {
            client: Client::new(service, "default"),
            clock: Arc::new(|| datetime!(2026-01-02 03:04:05 UTC)),
        };
        let api = MetricsApi::new(annotations.clone()).and_custom(annotations);
        let request = Request::get(format!("/apis/{path}")).body(()).unwrap();
        let answer = api.oneshot(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        match body["items"].as_array() {
            Some(items) => items
                .iter()
                .map(|item| json!([item["describedObject"]["name"], item["value"]]))
                .collect(),
            None => json!([body["code"], body["message"]]),
        }
    }

    #[tokio::test]
    async fn a_metric_of_an_object_is_what_its_annotation_says() {
        let pods = "custom.metrics.k8s.io/v1beta2/namespaces/shop/pods";
        for (path, expected) in [
            (format!("{pods}/web-1/requests"), json!([["web-1", "20"]])),
            (
                format!("{pods}/*/requests?labelSelector=app%3Dweb"),
                json!([["web-1", "20"]]),
            ),
            (
                "external.metrics.k8s.io/v1beta1/namespaces/shop/requests".to_owned(),
                json!([[null, "20"]]),
            ),
        ] {
            assert_eq!(answer(&path).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn a_refusal_names_the_object_and_what_is_wrong() {
        let custom = "custom.metrics.k8s.io/v1beta2";
        for (path, code, words) in [
            (
                "namespaces/shop/pods/web-3/requests",
                404,
                r#"pods "web-3" not found"#,
            ),
            (
                "namespaces/shop/pods/web-2/requests",
                404,
                "the server could not find the metric requests for pods web-2",
            ),
            (
                "namespaces/shop/pods/web-2/orders",
                422,
                "metrics.example.com/orders of Pod web-2 is `many`: ",
            ),
            (
                "namespaces/shop/pods/*/sales?labelSelector=app%3Dweb",
                404,
                "the server could not find the metric sales for pods * with selector app=web",
            ),
            (
                "namespaces/shop/jobs.batch/nightly/requests",
                404,
                "shop/jobs.batch/requests{}: the annotations of jobs.batch are not read",
            ),
            (
                "namespaces/shop/nodes/node-1/load",
                404,
                "shop/nodes/load{}: nodes are asked for without a namespace",
            ),
            (
                "nodes/node-1/load",
                503,
                "nodes cannot be read: /api/v1/nodes/node-1 is forbidden",
            ),
        ] {
            let refusal = answer(&format!("{custom}/{path}")).await;
            assert_eq!(refusal[0], code, "{refusal}");
            let message = refusal[1].as_str().unwrap();
            assert!(message.starts_with(words), "{message}");
        }
    }
}
