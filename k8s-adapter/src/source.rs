//! The kinds of autoscalers that are watched, and how an object of each says what it asks for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize as _;
use serde_json::Value;

use crate::{
    Asked, Circumstances, Unservable,
    demand::reference_to,
    kind::{HPA, Kind, WATERMARK},
    object::Object,
};

/// A kind of autoscaler.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) kind: &'static Kind,
    /// What to grant when the API server forbids the watch.
    pub(crate) permission: &'static str,
    /// What to do when the API server serves none of the versions.
    pub(crate) unserved: &'static str,
    /// Whether there may be clusters without the kind.
    pub(crate) is_optional: bool,
    /// Where below `external` the metric stands, its name and its selector.
    metric: [&'static str; 3],
}

pub(crate) const HPAS: Source = Source {
    kind: &HPA,
    permission: "grant this server's ServiceAccount list and watch on horizontalpodautoscalers in the API group autoscaling",
    unserved: "check what answers at its address: each Kubernetes since 1.12 serves autoscaling/v2beta2 or autoscaling/v2",
    is_optional: false,
    metric: [".metric", "/metric/name", "/metric/selector"],
};

pub(crate) const WATERMARKS: Source = Source {
    kind: &WATERMARK,
    permission: "grant this server's ServiceAccount list and watch on watermarkpodautoscalers in the API group datadoghq.com",
    unserved: "install their CustomResourceDefinition (datadoghq.com/v1alpha1), or switch off that they are watched",
    is_optional: true,
    metric: ["", "/metricName", "/metricSelector"],
};

impl Source {
    /// What the object asks for.
    pub(crate) fn asked(&self, object: &Object, prefix: &str) -> Asked {
        let mut asked = Asked::nothing(
            reference_to(self.kind.name, &object.metadata),
            Circumstances::of(&object.metadata, prefix, object.is_at_zero()),
        );
        let metrics = match object.spec.get("metrics") {
            None | Some(Value::Null) => return asked,
            Some(Value::Array(metrics)) => metrics,
            Some(_) => {
                let why = Unservable::Form("it is no list".to_owned());
                asked.cannot("spec.metrics".to_owned(), "", why);
                return asked;
            }
        };
        let [within, name_at, selector_at] = self.metric;
        for (index, metric) in metrics.iter().enumerate() {
            let Some(external) = metric.get("external").filter(|it| !it.is_null()) else {
                continue;
            };
            let field = format!("spec.metrics[{index}].external{within}");
            let name = external.pointer(name_at).and_then(Value::as_str);
            let name = name.unwrap_or_default();
            match selector(external.pointer(selector_at)) {
                Ok(selector) => asked.name(field, name, selector.as_ref()),
                Err(why) => asked.cannot(field, name, why),
            }
        }
        // Kept for each of many thousand objects, which mostly ask for one metric or two.
        asked.demands.shrink_to_fit();
        asked
    }
}

fn selector(written: Option<&Value>) -> Result<Option<LabelSelector>, Unservable> {
    let Some(written) = written else {
        return Ok(None);
    };
    Option::deserialize(written)
        .map_err(|why| Unservable::Form(format!("its selector cannot be read: {why}")))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::*;
    use crate::demands_of;

    fn object(spec: &Value, status: &Value) -> Object {
        let object = json!({
            "metadata": {"namespace": "shop", "name": "web", "uid": "1-2-3"},
            "spec": spec,
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    fn demands(asked: &Asked) -> Vec<String> {
        let demands = asked.demands.iter();
        demands.map(|demand| demand.metric.to_string()).collect()
    }

    #[test]
    fn a_watermark_pod_autoscaler_asks_for_its_external_metrics() {
        let spec = json!({
            "minReplicas": 0,
            "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "metrics": [
                {"type": "External", "external": {
                    "metricName": "queue.depth",
                    "metricSelector": {"matchLabels": {"queue": "orders"}},
                    "highWatermark": "400m",
                    "lowWatermark": "150m",
                }},
                {"type": "Resource", "resource": {"name": "cpu", "highWatermark": "1"}},
                {"type": "External", "external": {"metricName": "DatadogMetric@shop:rate"}},
            ],
        });
        let asked = WATERMARKS.asked(&object(&spec, &json!({"currentReplicas": 0})), "x/");
        assert_eq!(
            demands(&asked),
            [
                "shop/queue.depth{queue=orders}",
                "shop/datadogmetric@shop:rate{}"
            ]
        );
        assert_eq!(asked.asker.to_string(), "WatermarkPodAutoscaler shop/web");
        let circumstances = Circumstances {
            is_at_zero: true,
            uid: Some("1-2-3".into()),
            ..Circumstances::default()
        };
        assert_eq!(asked.circumstances, circumstances);
        assert_eq!(asked.problems, []);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_name_and_spoils_nothing_else() {
        let asked = |metrics: Value| {
            let asked = WATERMARKS.asked(&object(&json!({"metrics": metrics}), &Value::Null), "x/");
            let problems = asked.problems.iter().map(ToString::to_string);
            (demands(&asked), problems.collect::<Vec<_>>())
        };
        let external = |external: Value| json!({"type": "External", "external": external});
        let (demands, problems) = asked(json!([
            external(json!({"metricName": 7})),
            external(json!({"metricName": "a", "metricSelector": "queue=orders"})),
            external(json!("b")),
            "c",
            external(json!({"metricName": "d"})),
        ]));
        assert_eq!(demands, ["shop/d{}"]);
        assert_eq!(
            problems,
            [
                "WatermarkPodAutoscaler shop/web: external metric without a name cannot be served: \
                 `` is no metric name: it is empty; correct spec.metrics[0].external of the object",
                "WatermarkPodAutoscaler shop/web: external metric `a` cannot be served: its selector \
                 cannot be read: invalid type: string \"queue=orders\", expected LabelSelector; \
                 correct spec.metrics[1].external of the object",
                "WatermarkPodAutoscaler shop/web: external metric without a name cannot be served: \
                 `` is no metric name: it is empty; correct spec.metrics[2].external of the object",
            ]
        );
        assert_eq!(
            asked(json!({"external": {}})),
            (vec![], vec!["WatermarkPodAutoscaler shop/web: external metric without a name cannot be served: it is no list; correct spec.metrics of the object".to_owned()])
        );
    }

    #[test]
    fn a_metric_of_keda_is_neither_asked_for_nor_a_problem() {
        let spec = json!({"metrics": [
            {"type": "External", "external": {"metric": {
                "name": "s0-datadog-rate",
                "selector": {"matchLabels": {"scaledobject.keda.sh/name": "web"}},
            }}},
            {"type": "External", "external": {"metric": {"name": "rate"}}},
        ]});
        let asked = HPAS.asked(&object(&spec, &Value::Null), "x/");
        assert_eq!(demands(&asked), ["shop/rate{}"]);
        assert_eq!(asked.problems, []);
    }

    fn metric() -> impl Strategy<Value = Value> {
        let name = prop_oneof!["[a-c]", Just(String::new()), Just("a/b".to_owned())];
        let selector = prop_oneof![
            Just(Value::Null),
            Just(json!({})),
            "[a-c]".prop_map(|value| json!({"matchLabels": {"k": value}})),
            Just(json!({"matchExpressions": [{"key": "k", "operator": "Gt", "values": ["1"]}]})),
            Just(json!({"matchLabels": {"scaledobject.keda.sh/name": "web"}})),
        ];
        let external = (name, selector).prop_map(|(name, selector)| {
            json!({"type": "External", "external": {
                "metric": {"name": name, "selector": selector},
                "target": {"type": "Value", "value": "9"},
            }})
        });
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}});
        prop_oneof![4 => external, 1 => Just(cpu)]
    }

    proptest! {
        #[test]
        fn an_object_of_the_watch_and_a_manifest_ask_for_the_same(
            metrics in vec(metric(), 0..4),
            replicas in 0..2_i32,
            annotation in "(x/)?[a-b]",
        ) {
            let hpa = json!({
                "metadata": {"namespace": "shop", "name": "web", "uid": "7", "annotations": {annotation: "1"}},
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                    "minReplicas": 0,
                    "maxReplicas": 3,
                    "metrics": metrics,
                },
                "status": {"desiredReplicas": 1, "currentReplicas": replicas},
            });
            let manifest = demands_of(&serde_json::from_value(hpa.clone()).unwrap(), "x/");
            prop_assert_eq!(HPAS.asked(&serde_json::from_value(hpa).unwrap(), "x/"), manifest);
        }
    }
}
