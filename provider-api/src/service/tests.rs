use async_trait::async_trait;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::Value;
use time::macros::datetime;
use tower::ServiceExt;

use super::*;
use crate::{Ending, ExternalMetricValue, MetricName, Refusal};

const E: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop";

/// Knows `depth`, and tells which selector it was asked for.
struct Queue;

#[async_trait]
impl ExternalMetricsProvider for Queue {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        if metric.name().as_str() != "depth" {
            return Err(Refusal::Unknown(format!("there is no queue for {metric}")));
        }
        let mut value = ExternalMetricValue::new(
            metric.name().clone(),
            7.into(),
            datetime!(2026-01-02 03:04:05 UTC),
        );
        value
            .labels
            .insert("selector".to_owned(), metric.selector().to_string());
        Ok(vec![value])
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        vec!["depth".parse().unwrap()]
    }
}

fn request(method: &str, uri: &str) -> Request<&'static str> {
    Request::builder()
        .method(method)
        .uri(uri)
        .body("nobody reads this")
        .unwrap()
}

async fn answer(request: Request<&'static str>) -> (u16, String) {
    let unready = || {
        vec![Check {
            name: "refresh",
            outcome: Err("not yet".to_owned()),
        }]
    };
    let api = MetricsApi::new(Queue).version("v1.2.3").ready_when(unready);
    read(api.oneshot(request).await.unwrap()).await
}

async fn read(answer: Response<Full<Bytes>>) -> (u16, String) {
    let code = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8_lossy(&body).into_owned())
}

async fn get(uri: &str) -> (u16, Value) {
    let (code, body) = answer(request("GET", uri)).await;
    (code, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_metric_is_answered_by_the_provider() {
    let (code, list) = get(&format!("{E}/depth?labelSelector=b,a%3Dx")).await;
    let item = json!({
        "metricName": "depth",
        "metricLabels": {"selector": "a=x,b"},
        "timestamp": "2026-01-02T03:04:05Z",
        "value": "7",
    });
    assert_eq!((code, &list["items"]), (200, &json!([item])));
}

#[tokio::test]
async fn a_refusal_reaches_the_client_with_its_message() {
    let expected = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "there is no queue for shop/x{}",
        "reason": "NotFound",
        "code": 404,
    });
    assert_eq!(get(&format!("{E}/x")).await, (404, expected));
}

#[tokio::test]
async fn the_autoscaler_gets_protobuf_whether_there_is_a_value_or_not() {
    for (metric, kind) in [("depth", "ExternalMetricValueList"), ("x", "Status")] {
        let mut request = request("GET", &format!("{E}/{metric}"));
        request.headers_mut().insert(
            ACCEPT,
            "application/vnd.kubernetes.protobuf, */*".parse().unwrap(),
        );
        let answer = MetricsApi::new(Queue).oneshot(request).await.unwrap();
        assert_eq!(
            answer.headers()[CONTENT_TYPE],
            "application/vnd.kubernetes.protobuf"
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(
            body.starts_with(b"k8s\0") && String::from_utf8_lossy(&body).contains(kind),
            "{metric}"
        );
    }
}

#[tokio::test]
async fn a_value_and_a_refusal_are_negotiated_alike_and_a_refusal_falls_back_to_json() {
    const JSON: &str = "application/json";
    const YAML: &str = "application/yaml";
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let names = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let kubectl = format!("{table},{JSON}");
    for (accept, known, unknown) in [
        ("", (200, JSON), (404, JSON)),
        ("*/*", (200, JSON), (404, JSON)),
        (YAML, (200, YAML), (404, YAML)),
        (&kubectl, (200, JSON), (404, JSON)),
        (table, (406, JSON), (406, JSON)),
        (names, (406, JSON), (406, JSON)),
        ("text/html", (406, JSON), (406, JSON)),
        ("*/*;q=0", (406, JSON), (406, JSON)),
        ("application/json;q=0, */*", (200, YAML), (404, YAML)),
    ] {
        for (metric, expected) in [("depth", known), ("x", unknown)] {
            let mut request = request("GET", &format!("{E}/{metric}"));
            request
                .headers_mut()
                .insert(ACCEPT, accept.parse().unwrap());
            let answer = MetricsApi::new(Queue).oneshot(request).await.unwrap();
            let media = answer.headers()[CONTENT_TYPE].to_str().unwrap();
            assert_eq!(
                (answer.status().as_u16(), media),
                expected,
                "{accept} {metric}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_served_is_told_to_whom_nothing_of_it_will_do() {
    let mut request = request("GET", &format!("{E}/depth"));
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    request.headers_mut().insert(ACCEPT, table.parse().unwrap());
    let (code, body) = answer(request).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let message = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    assert_eq!(
        (code, &body["reason"], &body["message"]),
        (406, &json!("NotAcceptable"), &json!(message))
    );
}

#[tokio::test]
async fn people_get_indented_values_and_refusals() {
    for metric in ["depth", "x"] {
        for (pretty, lines) in [("true", 5..99), ("1", 5..99), ("false", 1..2), ("0", 1..2)] {
            let uri = format!("{E}/{metric}?pretty={pretty}");
            let (_, body) = answer(request("GET", &uri)).await;
            assert!(lines.contains(&body.lines().count()), "{uri}: {body}");
        }
    }
    let (_, list) = answer(request(
        "GET",
        "/apis/external.metrics.k8s.io/v1beta1?pretty=1",
    ))
    .await;
    assert!(list.lines().count() > 5, "{list}");
}

#[tokio::test]
async fn what_was_authorized_is_what_is_answered() {
    let mut request = request("GET", &format!("{E}/x"));
    let authorized = Route::of(&Method::GET, &format!("{E}/depth").parse().unwrap());
    request.extensions_mut().insert(Arc::new(authorized));
    assert_eq!(answer(request).await.0, 200);
}

#[tokio::test]
async fn head_is_refused_without_a_body() {
    assert_eq!(
        answer(request("HEAD", &format!("{E}/depth"))).await,
        (405, String::new())
    );
    let api = MetricsApi::new(Queue);
    let refused = api.oneshot(request("HEAD", "/apis")).await.unwrap();
    assert_eq!(refused.headers()[ALLOW], "GET");
    assert_eq!(
        answer(request("HEAD", "/livez")).await,
        (200, String::new())
    );
}

#[tokio::test]
async fn a_server_that_ends_is_alive_and_not_ready() {
    for (path, ending, expected) in [
        (
            "/readyz?verbose",
            false,
            (
                200,
                "[+]ping ok\n[+]shutdown ok\nreadyz check passed\n".to_owned(),
            ),
        ),
        (
            "/readyz",
            true,
            (
                500,
                "[+]ping ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n".to_owned(),
            ),
        ),
        ("/livez", true, (200, "ok".to_owned())),
    ] {
        let mut request = request("GET", path);
        if ending {
            request.extensions_mut().insert(Ending);
        }
        let answer = MetricsApi::new(Queue).oneshot(request).await.unwrap();
        assert_eq!(read(answer).await, expected, "{path}");
    }
}

#[tokio::test]
async fn each_path_has_its_answer() {
    assert_eq!(
        answer(request("GET", "/livez")).await,
        (200, "ok".to_owned())
    );
    assert_eq!(answer(request("GET", "/readyz")).await.0, 500);
    assert_eq!(get("/version").await.1["gitVersion"], "v1.2.3");
    for (path, kind) in [
        ("/apis", "APIGroupList"),
        ("/apis/external.metrics.k8s.io", "APIGroup"),
        ("/apis/external.metrics.k8s.io/v1beta1", "APIResourceList"),
    ] {
        let (code, body) = get(path).await;
        assert_eq!((code, &body["kind"]), (200, &json!(kind)));
    }
    assert_eq!(get("/openapi/v2").await.1["swagger"], "2.0");
    let path = "/openapi/v3/apis/external.metrics.k8s.io/v1beta1";
    assert_eq!(get(path).await.1["openapi"], "3.0.0");
    for path in ["/openapi/v1", "/foo", "/readyz/nope", E] {
        assert_eq!(get(path).await.1["reason"], "NotFound", "{path}");
    }
}

#[tokio::test]
async fn the_index_lists_every_path_and_each_of_them_is_there() {
    let (code, index) = get("/").await;
    let paths = [
        "/apis",
        "/apis/external.metrics.k8s.io",
        "/apis/external.metrics.k8s.io/v1beta1",
        "/healthz",
        "/healthz/ping",
        "/livez",
        "/livez/ping",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/apis/external.metrics.k8s.io/v1beta1",
        "/readyz",
        "/readyz/ping",
        "/readyz/refresh",
        "/readyz/shutdown",
        "/version",
    ];
    assert_eq!((code, index), (200, json!({ "paths": paths })));
    for path in paths {
        let (code, _) = answer(request("GET", path)).await;
        let unready = ["/readyz", "/readyz/refresh"].contains(&path);
        assert_eq!(code, if unready { 500 } else { 200 }, "{path}");
    }
}

#[tokio::test]
async fn nothing_of_a_group_that_is_not_served_can_be_asked_for_in_a_wrong_way() {
    let pods = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/rps";
    for (method, uri) in [
        ("GET", pods.to_owned()),
        ("POST", pods.to_owned()),
        ("GET", format!("{pods}?labelSelector===")),
        ("POST", "/apis/custom.metrics.k8s.io".to_owned()),
        ("POST", "/apis/custom%2Emetrics.k8s.io".to_owned()),
        ("GET", "/apis/custom.metrics.k8s.io?timeout=x".to_owned()),
    ] {
        let (code, body) = answer(request(method, &uri)).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (code, &body["reason"]),
            (404, &json!("NotFound")),
            "{method} {uri}"
        );
    }
    assert_eq!(answer(request("POST", &format!("{E}/depth"))).await.0, 405);
}

#[tokio::test]
async fn options_that_contradict_each_other_are_told_to_programs_too() {
    let (code, status) = get(&format!("{E}/depth?resourceVersionMatch=Exact")).await;
    let details = json!({
        "group": "meta.k8s.io",
        "kind": "ListOptions",
        "causes": [{
            "reason": "FieldValueForbidden",
            "message": "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            "field": "resourceVersionMatch",
        }],
    });
    assert_eq!((code, &status["details"]), (422, &details));
}
