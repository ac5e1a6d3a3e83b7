//! What a Horizontal Pod Autoscaler asks for.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricIdentifier};

use crate::{
    Asked, Circumstances,
    demand::{reference_to, wishes},
    kind::HPA,
};

/// What the autoscaler asks for: its external metrics, whatever else it
/// watches. An object that is being deleted asks until it is gone.
pub fn demands_of(hpa: &HorizontalPodAutoscaler, prefix: &str) -> Asked {
    let circumstances = Circumstances::of(&hpa.metadata, prefix, is_at_zero(hpa));
    let mut asked = Asked::nothing(reference_to(HPA.name, &hpa.metadata), circumstances);
    let metrics = hpa
        .spec
        .iter()
        .flat_map(|spec| spec.metrics.iter().flatten());
    for (index, metric) in metrics.enumerate() {
        if let Some(external) = &metric.external {
            let field = format!("spec.metrics[{index}].external.metric");
            let MetricIdentifier { name, selector } = &external.metric;
            asked.name(field, name, selector.as_ref());
        }
    }
    asked
}

/// The annotations of an autoscaler that begin with `prefix`, without it.
pub fn wishes_of(hpa: &HorizontalPodAutoscaler, prefix: &str) -> BTreeMap<String, String> {
    wishes(&hpa.metadata, prefix)
}

fn is_at_zero(hpa: &HorizontalPodAutoscaler) -> bool {
    let least = hpa.spec.as_ref().and_then(|spec| spec.min_replicas);
    let now = hpa
        .status
        .as_ref()
        .and_then(|status| status.current_replicas);
    (least, now) == (Some(0), Some(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use provider_api::{ExternalMetric, ObjectReference};
    use serde_json::{Value, json};

    use super::*;
    use crate::Demand;

    const PREFIX: &str = "metrics.example/";

    fn hpa(metrics: &Value) -> HorizontalPodAutoscaler {
        serde_json::from_value(json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"namespace": "shop", "name": "nginxext"},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "nginx"},
                "maxReplicas": 3,
                "metrics": metrics,
            },
        }))
        .unwrap()
    }

    fn external(metric: &Value) -> Value {
        json!({"type": "External", "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "9"}}})
    }

    fn nginxext() -> ObjectReference {
        ObjectReference {
            kind: HPA.name.into(),
            namespace: "shop".into(),
            name: "nginxext".into(),
        }
    }

    fn demand(name: &str, selector: &str) -> Demand {
        let (namespace, name) = ("shop".parse().unwrap(), name.parse().unwrap());
        Demand {
            asker: nginxext(),
            metric: ExternalMetric::new(namespace, name, selector.parse().unwrap()),
        }
    }

    #[test]
    fn each_external_metric_is_demanded_once_and_other_metrics_are_not() {
        let rate = external(&json!({
            "name": "nginx.net.request_per_s",
            "selector": {"matchLabels": {"kube_container_name": "nginx"}},
        }));
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
        let asked = demands_of(
            &hpa(&json!([
                rate,
                cpu,
                external(&json!({"name": "queue"})),
                rate
            ])),
            PREFIX,
        );
        let demands = vec![
            demand("nginx.net.request_per_s", "kube_container_name=nginx"),
            demand("queue", ""),
        ];
        assert_eq!(
            asked,
            Asked {
                asker: nginxext(),
                circumstances: Circumstances::default(),
                demands,
                problems: vec![]
            }
        );
    }

    #[test]
    fn a_reference_in_other_capitals_is_the_same_demand() {
        let named = |name: &str| external(&json!({ "name": name }));
        let metrics = [
            named("DatadogMetric@Shop:depth"),
            named("datadogmetric@shop:depth"),
            named("Queue.Depth"),
        ];
        let asked = demands_of(&hpa(&json!(metrics)), PREFIX);
        let demands = [
            demand("datadogmetric@shop:depth", ""),
            demand("Queue.Depth", ""),
        ];
        assert_eq!(asked.demands, demands);
    }

    #[test]
    fn a_metric_that_cannot_be_served_is_told_with_its_mend_and_spoils_no_other() {
        let asked = demands_of(
            &hpa(&json!([
                external(
                    &json!({"name": "a", "selector": {"matchExpressions": [{"key": "x", "operator": "Gt", "values": ["1"]}]}})
                ),
                external(&json!({"name": "b/c"})),
                external(&json!({"name": "queue"})),
            ])),
            PREFIX,
        );
        assert_eq!(asked.demands, [demand("queue", "")]);
        let messages: Vec<_> = asked.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "HorizontalPodAutoscaler shop/nginxext: external metric `a` cannot be served: `Gt` is no operator for \
                 the label `x`: use In, NotIn, Exists or DoesNotExist; correct spec.metrics[0].external.metric of the \
                 object",
                "HorizontalPodAutoscaler shop/nginxext: external metric `b/c` cannot be served: `b/c` is no metric \
                 name: it contains `/` or `%`, which a path cannot hold; write `|` in place of a slash; correct \
                 spec.metrics[1].external.metric of the object",
            ]
        );
    }

    #[test]
    fn an_object_that_is_being_deleted_still_asks() {
        let mut leaving = hpa(&json!([external(&json!({"name": "queue"}))]));
        leaving.metadata = serde_json::from_value(json!({
            "namespace": "shop", "name": "nginxext", "deletionTimestamp": "2026-01-02T03:04:05Z",
        }))
        .unwrap();
        assert_eq!(demands_of(&leaving, PREFIX).demands, [demand("queue", "")]);
    }

    #[test]
    fn an_object_tells_what_it_wishes_and_that_it_has_no_replicas() {
        let mut idle = hpa(&json!([external(&json!({"name": "queue"}))]));
        idle.metadata.annotations = Some(BTreeMap::from([
            ("metrics.example/hold".to_owned(), "5m".to_owned()),
            (
                "kubectl.kubernetes.io/last-applied-configuration".to_owned(),
                "{}".to_owned(),
            ),
        ]));
        let wishing = |is_at_zero| Circumstances {
            annotations: Arc::new(BTreeMap::from([("hold".to_owned(), "5m".to_owned())])),
            is_at_zero,
            uid: None,
        };
        assert_eq!(demands_of(&idle, PREFIX).circumstances, wishing(false));
        idle.status =
            serde_json::from_value(json!({"desiredReplicas": 0, "currentReplicas": 0})).unwrap();
        assert_eq!(
            demands_of(&idle, PREFIX).circumstances,
            wishing(false),
            "it may not have none"
        );
        idle.spec.as_mut().unwrap().min_replicas = Some(0);
        assert_eq!(demands_of(&idle, PREFIX).circumstances, wishing(true));
    }

    #[test]
    fn an_object_without_metrics_asks_for_nothing() {
        let nothing = Asked {
            asker: nginxext(),
            circumstances: Circumstances::default(),
            demands: vec![],
            problems: vec![],
        };
        assert_eq!(demands_of(&hpa(&Value::Null), PREFIX), nothing);
    }
}
