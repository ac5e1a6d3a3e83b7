//! Answers a request for a custom metric.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;

use crate::{
    CustomMetric, CustomMetricsProvider, Format, Status,
    custom::{CustomMetricValueList, CustomVersion, Objects, V1beta1, V1beta2},
};

/// The values, as the version of the request's path writes them.
pub(super) async fn answer(
    provider: &dyn CustomMetricsProvider,
    version: CustomVersion,
    metric: &CustomMetric,
    objects: &Objects,
    request: &Request<()>,
) -> Result<Response<Full<Bytes>>, Status> {
    let format = Format::of(request)?;
    let answered = match objects {
        Objects::Named(object) => {
            let value = provider.metric_of(metric, object).await;
            value.map(|value| vec![value])
        }
        Objects::Matching(labels) => provider.metric_of_all(metric, labels).await,
    };
    let values = answered.map_err(|refusal| Status::from(&refusal))?;
    let list = CustomMetricValueList::of(metric, values);
    Ok(match version {
        CustomVersion::V1beta1 => format.answer(StatusCode::OK, &V1beta1(&list)),
        CustomVersion::V1beta2 => format.answer(StatusCode::OK, &V1beta2(&list)),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use http::header::ACCEPT;
    use http_body_util::BodyExt;
    use serde_json::{Map, Value, json};
    use time::macros::datetime;
    use tower::ServiceExt;

    use super::*;
    use crate::{
        Check, CustomMetricValue, DescribedObject, ExternalMetric, ExternalMetricValue,
        ExternalMetricsProvider, ListedMetric, MetricName, MetricsApi, ObjectName, Refusal,
        Selector,
    };

    /// Every pod has `bar`, and is named after what it was chosen by.
    struct Pods;

    impl Pods {
        fn value(name: &str) -> CustomMetricValue {
            let object = DescribedObject {
                kind: "Pod".into(),
                namespace: None,
                name: name.parse().unwrap(),
                api_version: "v1".into(),
            };
            CustomMetricValue::new(object, 7.into(), datetime!(2026-01-02 03:04:05 UTC))
        }
    }

    #[async_trait]
    impl CustomMetricsProvider for Pods {
        async fn metric_of(
            &self,
            metric: &CustomMetric,
            object: &ObjectName,
        ) -> Result<CustomMetricValue, Refusal> {
            if metric.name().as_str() != "bar" {
                return Err(metric.unknown_of(object));
            }
            Ok(Self::value(object.as_str()))
        }

        async fn metric_of_all(
            &self,
            metric: &CustomMetric,
            objects: &Selector,
        ) -> Result<Vec<CustomMetricValue>, Refusal> {
            if metric.name().as_str() != "bar" {
                return Err(metric.unknown_of_all(objects));
            }
            let names = [objects.to_string(), metric.to_string().replace('/', "|")];
            Ok(names.iter().map(|name| Self::value(name)).collect())
        }

        fn custom_metrics(&self) -> Vec<ListedMetric> {
            let pods = "pods".parse().unwrap();
            vec![ListedMetric::namespaced(pods, "bar".parse().unwrap())]
        }
    }

    struct Nothing;

    #[async_trait]
    impl ExternalMetricsProvider for Nothing {
        async fn external_metric(
            &self,
            _: &ExternalMetric,
        ) -> Result<Vec<ExternalMetricValue>, Refusal> {
            Ok(Vec::new())
        }

        fn external_metrics(&self) -> Vec<MetricName> {
            Vec::new()
        }
    }

    const C: &str = "/apis/custom.metrics.k8s.io";

    async fn get(api: MetricsApi, uri: &str) -> (u16, Value) {
        let answer = api
            .oneshot(Request::get(uri).body(()).unwrap())
            .await
            .unwrap();
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn one_object_is_answered_with_one_value_in_the_version_of_the_path() {
        for (version, metric) in [
            ("v1beta1", json!({"metricName": "bar", "selector": null})),
            (
                "v1beta2",
                json!({"metric": {"name": "bar", "selector": null}}),
            ),
        ] {
            let uri = format!("{C}/{version}/namespaces/shop/pods/p1/bar");
            let (code, list) = get(MetricsApi::of_custom(Pods), &uri).await;
            let mut item = json!({
                "describedObject": {"kind": "Pod", "name": "p1", "apiVersion": "v1"},
                "timestamp": "2026-01-02T03:04:05Z",
                "value": "7",
            });
            let fields = item.as_object_mut().unwrap();
            fields.extend(metric.as_object().unwrap().clone());
            let expected = json!({
                "kind": "MetricValueList",
                "apiVersion": format!("custom.metrics.k8s.io/{version}"),
                "metadata": {},
                "items": [item],
            });
            assert_eq!((code, list), (200, expected));
        }
    }

    #[tokio::test]
    async fn both_selectors_reach_the_provider() {
        let query = "labelSelector=app%3Dx&metricLabelSelector=a%3Db";
        let uri = format!("{C}/v1beta2/namespaces/shop/pods/%2A/bar?{query}");
        let (code, list) = get(MetricsApi::of_custom(Pods), &uri).await;
        let named = |place: usize| list["items"][place]["describedObject"]["name"].as_str();
        assert_eq!(
            (code, named(0), named(1)),
            (200, Some("app=x"), Some("shop|pods|bar{a=b}"))
        );
        let selector = &list["items"][0]["metric"]["selector"];
        assert_eq!(selector, &json!({"matchLabels": {"a": "b"}}));
    }

    #[tokio::test]
    async fn an_unknown_custom_metric_is_told_with_its_objects() {
        for (tail, objects) in [
            ("p1/x", "p1"),
            ("*/x?labelSelector=app%3Dx", "* with selector app=x"),
        ] {
            let uri = format!("{C}/v1beta2/namespaces/shop/pods/{tail}");
            let (code, status) = get(MetricsApi::of_custom(Pods), &uri).await;
            let message = format!("the server could not find the metric x for pods {objects}");
            assert_eq!((code, &status["message"]), (404, &json!(message)));
        }
    }

    #[tokio::test]
    async fn protobuf_has_the_version_of_the_path() {
        for version in ["v1beta1", "v1beta2"] {
            let request = Request::get(format!("{C}/{version}/nodes/n1/bar"))
                .header(ACCEPT, "application/vnd.kubernetes.protobuf, */*")
                .body(())
                .unwrap();
            let answer = MetricsApi::of_custom(Pods).oneshot(request).await.unwrap();
            let code = answer.status();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let named = format!("custom.metrics.k8s.io/{version}\x12\x0fMetricValueList");
            assert!(
                code == StatusCode::OK
                    && body.starts_with(b"k8s\0")
                    && String::from_utf8_lossy(&body).contains(&named),
                "{version}"
            );
        }
    }

    #[tokio::test]
    async fn a_group_is_served_where_there_is_a_provider_for_it() {
        let external = || MetricsApi::new(Nothing);
        let custom = || MetricsApi::of_custom(Pods);
        let both = || external().and_custom(Pods);
        for (tail, served) in [
            ("external.metrics.k8s.io", [200, 404, 200]),
            ("external.metrics.k8s.io/v1beta1", [200, 404, 200]),
            (
                "external.metrics.k8s.io/v1beta1/namespaces/shop/x",
                [200, 404, 200],
            ),
            ("custom.metrics.k8s.io", [404, 200, 200]),
            ("custom.metrics.k8s.io/v1beta1", [404, 200, 200]),
            ("custom.metrics.k8s.io/v1beta2", [404, 200, 200]),
            (
                "custom.metrics.k8s.io/v1beta2/nodes/n1/bar",
                [404, 200, 200],
            ),
            (
                "custom.metrics.k8s.io/v1beta1/namespaces/shop/metrics/bar",
                [404, 200, 200],
            ),
        ] {
            let uri = format!("/apis/{tail}");
            let codes = [
                get(external(), &uri).await.0,
                get(custom(), &uri).await.0,
                get(both(), &uri).await.0,
            ];
            assert_eq!(codes, served, "{tail}");
        }
        for (api, groups, versions) in [(external(), 1, 1), (custom(), 1, 2), (both(), 2, 3)] {
            let listed = get(api.clone(), "/apis").await.1["groups"]
                .as_array()
                .map(Vec::len);
            let described = get(api, "/openapi/v3").await.1["paths"]
                .as_object()
                .map(Map::len);
            assert_eq!((listed, described), (Some(groups), Some(versions)));
        }
    }

    #[tokio::test]
    async fn what_is_listed_is_what_is_served_however_lately_it_was_asked_for() {
        let midnight = || datetime!(2026-01-02 00:00 UTC);
        let external = MetricsApi::new(Nothing).listing_by(Arc::new(midnight));
        let both = external.clone().and_custom(Pods);
        for (api, groups) in [(&external, 1), (&both, 2), (&external, 1)] {
            let list = get(api.clone(), "/apis").await.1;
            assert_eq!(list["groups"].as_array().map(Vec::len), Some(groups));
        }
    }

    #[tokio::test]
    async fn custom_metrics_come_to_an_api_that_stays_as_it_was() {
        let api = MetricsApi::new(Nothing)
            .version("v1.2.3")
            .ready_when(|| {
                vec![Check {
                    name: "refresh",
                    outcome: Err("not yet".to_owned()),
                }]
            })
            .and_custom(Pods);
        let version = get(api.clone(), "/version").await.1;
        assert_eq!(version["gitVersion"], "v1.2.3");
        let probe = Request::get("/readyz").body(()).unwrap();
        assert_eq!(api.oneshot(probe).await.unwrap().status(), 500);
    }
}
