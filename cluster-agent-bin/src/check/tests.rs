use std::num::NonZeroU32;

use datadog_query::{Aggregator, Rollup};

use super::*;

fn told(text: &str) -> Vec<String> {
    told_with(text, &[])
}

fn told_with(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let template = Template {
        aggregator: Aggregator::Avg,
        rollup: Rollup(NonZeroU32::new(30).unwrap()),
    };
    check(text, template, &variables)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn an_autoscaler_tells_what_datadog_is_asked_and_each_mistake_its_place() {
    let text = r#"# An autoscaler, and what it scales.
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
    - type: External
      external:
        metric:
          name: nginx.net.request_per_s
          selector: {matchLabels: {kube_container_name: nginx}}
        target: {type: AverageValue, averageValue: "9"}
    - type: External
      external:
        metric: {name: nginx.net.requests-per-s}
        target: {type: AverageValue, averageValue: "9"}
    - type: External
      external:
        metric: {name: queue.depth, selector: {matchLabels: {queue: Mail}}}
        target: {type: AverageValue}
"#;
    assert_eq!(
        told(text),
        [
            "18:17: ok: HorizontalPodAutoscaler shop/web: avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)",
            "23:24: mistake: HorizontalPodAutoscaler shop/web: nginx.net.requests-per-s: a metric name holds letters, digits, `_` and `.`, not '-'",
            "27:24: mistake: HorizontalPodAutoscaler shop/web: queue.depth: external.target.averageValue: it is missing",
            "27:24: warning: HorizontalPodAutoscaler shop/web: queue.depth: `queue:Mail` matches nothing: Datadog stores tags in small letters",
            "27:24: ok: HorizontalPodAutoscaler shop/web: avg:queue.depth{queue:Mail}.rollup(30)",
        ]
    );
}

#[test]
fn a_metric_of_keda_is_told_as_another_adapters() {
    let text = r#"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: keda-hpa-web, namespace: shop}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
    - type: External
      external:
        metric:
          name: s0-datadog-nginx-net-request_per_s
          selector: {matchLabels: {scaledobject.keda.sh/name: web}}
        target: {type: AverageValue, averageValue: "9"}
"#;
    assert_eq!(
        told(text),
        [
            "11:17: warning: HorizontalPodAutoscaler shop/keda-hpa-web: s0-datadog-nginx-net-request_per_s: it is KEDA's to serve (its selector names a ScaledObject), and Datadog is not asked for it",
        ]
    );
}

#[test]
fn a_watermark_pod_autoscaler_is_checked_as_an_autoscaler() {
    let text = r#"apiVersion: datadoghq.com/v1alpha1
kind: WatermarkPodAutoscaler
metadata:
  name: web
  namespace: shop
  annotations: {external-metrics.datadoghq.com/hold: ten minutes}
spec:
  metrics:
    - type: External
      external:
        metricName: queue.depth
        metricSelector: {matchLabels: {queue: mail}}
        highWatermark: "9"
    - type: External
      external: {metricName: queue-depth}
    - type: External
      external: {highWatermark: "9"}
"#;
    assert_eq!(
        told(text),
        [
            "1:1: mistake: WatermarkPodAutoscaler shop/web: the annotation external-metrics.datadoghq.com/hold: it is `ten minutes`: write a span of time such as 90s or 10m, a day at most",
            "11:21: ok: WatermarkPodAutoscaler shop/web: avg:queue.depth{queue:mail}.rollup(30)",
            "15:30: mistake: WatermarkPodAutoscaler shop/web: queue-depth: a metric name holds letters, digits, `_` and `.`, not '-'",
            "1:1: mistake: WatermarkPodAutoscaler shop/web: spec.metrics[2].external: `` is no metric name: it is empty",
        ]
    );
}

#[test]
fn a_wish_that_nobody_understands_is_a_mistake_of_the_autoscaler() {
    let text = r#"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
  annotations:
    external-metrics.datadoghq.com/hold: ten minutes
    external-metrics.datadoghq.com/on-no-data: "0"
spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: web}}
"#;
    assert_eq!(
        told(text),
        [
            "1:1: mistake: HorizontalPodAutoscaler default/web: the annotation external-metrics.datadoghq.com/hold: it is \
             `ten minutes`: write a span of time such as 90s or 10m, a day at most"
        ]
    );
}

#[test]
fn a_query_of_a_datadog_metric_is_read_at_its_place() {
    let text = r#"apiVersion: datadoghq.com/v1alpha1
kind: DatadogMetric
metadata: {name: hits}
spec:
  query: sum:trace.hits{env:prod}.as_rate()
---
kind: DatadogMetric
apiVersion: datadoghq.com/v1alpha1
metadata: {name: bad, namespace: shop}
spec: {query: "anomalies(avg:a{*}, basic, 2)"}
---
kind: DatadogMetric
apiVersion: datadoghq.com/v1alpha1
metadata: {name: odd}
spec:
  query: avg:a{*}.smooth(2)
---
kind: DatadogMetric
apiVersion: datadoghq.com/v1alpha1
metadata: {name: none}
spec: {}
"#;
    assert_eq!(
        told(text),
        [
            "5:10: ok: DatadogMetric default/hits: sum:trace.hits{env:prod}.as_rate()",
            "10:36: mistake: DatadogMetric shop/bad: found `basic, 2)` at character 21, expected `'basic'` in quotes, or a metric with its scope: without quotes a word is read as a metric",
            "16:19: warning: DatadogMetric default/odd: `.smooth(2)` is no modifier that is known here",
            "16:10: ok: DatadogMetric default/odd: avg:a{*}.smooth(2)",
            "18:1: mistake: DatadogMetric default/none: spec.query is missing",
        ]
    );
}

#[test]
fn variables_of_a_query_are_put_in_where_they_are_set() {
    let metric = |query: &str| {
        format!("kind: DatadogMetric\nmetadata: {{name: a}}\nspec:\n  query: {query}\n")
    };
    let query = metric("avg:a{cluster:%%tag_kube_cluster_name%%,env:%%env_DD_ENV%%}");
    assert_eq!(
        told(&query),
        [
            "4:10: ok: DatadogMetric default/a: avg:a{cluster:%%tag_kube_cluster_name%%,env:%%env_DD_ENV%%} (not set here: DD_CLUSTER_NAME, DD_ENV)"
        ]
    );
    assert_eq!(
        told_with(&query, &[("DD_CLUSTER_NAME", "blue"), ("DD_ENV", "Prod")]),
        [
            "4:10: warning: DatadogMetric default/a: `env:Prod` matches nothing: Datadog stores tags in small letters",
            "4:10: ok: DatadogMetric default/a: avg:a{cluster:blue,env:Prod}",
        ]
    );
    assert_eq!(
        told_with(&query, &[("DD_ENV", "prod,team:b")]),
        [
            "4:54: mistake: DatadogMetric default/a: the value of `%%env_DD_ENV%%` cannot stand at character 45: in a scope a value holds letters, digits, `_`, `-`, `.`, `:` and `/`, not ','"
        ]
    );
    assert_eq!(
        told(&metric("\"avg:a{cluster:%%tag_cluster_name%%}\"")),
        [
            "4:25: mistake: DatadogMetric default/a: `%%tag_cluster_name%%` at character 15 is no variable that is known here: write `%%tag_kube_cluster_name%%`, or `%%env_NAME%%` for an environment variable"
        ]
    );
    assert_eq!(
        told(&metric("avg:a{x:%%env_X%%,b:%%env_DD_API_KEY%%}")),
        [
            "4:30: mistake: DatadogMetric default/a: `%%env_DD_API_KEY%%` at character 21 has no value: DD_API_KEY is named like a secret, and is put into no query"
        ]
    );
}

#[test]
fn an_autoscaler_in_a_list_is_checked_at_its_place() {
    let printed = r#"apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: web}}
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: web}
  spec:
    maxReplicas: 3
    scaleTargetRef: {kind: Deployment, name: web}
    metrics:
    - type: External
      external:
        metric: {name: queue-depth}
        target: {type: Value, value: 9}
- {apiVersion: autoscaling/v2beta2, kind: HorizontalPodAutoscaler, metadata: {name: old}}
"#;
    assert_eq!(
        told(printed),
        [
            "14:24: mistake: HorizontalPodAutoscaler default/web: queue-depth: a metric name holds letters, digits, `_` and `.`, not '-'",
            "16:3: mistake: HorizontalPodAutoscaler default/old: Kubernetes 1.26 and newer have no autoscaling/v2beta2: write it as autoscaling/v2",
        ]
    );
    let answered = r#"{"kind":"HorizontalPodAutoscalerList","apiVersion":"autoscaling/v2","items":[
            {"metadata":{"name":"web"},"spec":{"maxReplicas":1,"scaleTargetRef":{"kind":"Deployment","name":"web"},
             "metrics":[{"type":"External","external":{"metric":{"name":"a"},"target":{"type":"Value","value":"1"}}}]}}]}"#;
    assert_eq!(
        told(answered),
        ["3:73: ok: HorizontalPodAutoscaler default/web: avg:a{*}.rollup(30)"]
    );
}

#[test]
fn what_an_api_server_refuses_is_told_of_the_metric_or_of_the_autoscaler() {
    let text = r#"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: 5
  maxReplicas: 3
  scaleTargetRef: {kind: Deployment, name: web}
  metrics:
  - type: external
    external:
      metric: {name: a, selektor: {matchLabels: {env: prod}}}
      target: {type: Value, value: 9x}
  - type: External
    external:
      metric: {name: a}
      target: {value: "0", averageValue: "1"}
  - type: External
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: number}
spec:
  maxReplicas: 3
  scaleTargetRef: {kind: Deployment, name: web}
  metrics:
  - type: External
    external:
      metric: {name: 12}
      target: {type: Value, value: "9"}
"#;
    assert_eq!(
        told(text),
        [
            "11:22: warning: HorizontalPodAutoscaler default/web: spec.metrics[0].external.metric.selektor is no field of an autoscaler, and Kubernetes ignores or refuses it",
            "1:1: mistake: HorizontalPodAutoscaler default/web: spec.minReplicas: 5 is not between 0 and 3",
            "11:22: mistake: HorizontalPodAutoscaler default/web: a: its type is `external`, and of `external` it is `External`",
            "11:22: ok: HorizontalPodAutoscaler default/web: avg:a{*}.rollup(30)",
            "15:22: mistake: HorizontalPodAutoscaler default/web: a: external.target: it has a `value` and an `averageValue`, and one is wanted",
            "15:22: mistake: HorizontalPodAutoscaler default/web: a: external.target.type: it is ``: write Value or AverageValue",
            "15:22: ok: HorizontalPodAutoscaler default/web: avg:a{*}.rollup(30)",
            "1:1: mistake: HorizontalPodAutoscaler default/web: spec.metrics[2]: its type is External, and `external` is missing",
            "28:22: mistake: HorizontalPodAutoscaler default/number: spec.metrics[0]: invalid type: integer `12`, expected a string",
        ]
    );
}

#[test]
fn a_query_of_several_lines_is_read_at_its_place() {
    let metric = |query: &str| {
        format!("kind: DatadogMetric\nmetadata: {{name: a}}\nspec:\n  query: {query}\n  x: y\n")
    };
    let places = [
        "|\n    avg:a{*}\n    + avg:b",
        ">-\n    avg:a{*}\n\n    + avg:b",
        "avg:a{*}\n    + avg:b",
        "\"avg:a{*}\n    + avg:b\"",
    ]
    .map(|query| {
        told(&metric(query))[0]
            .split(": ")
            .next()
            .map(str::to_owned)
    });
    assert_eq!(
        places,
        ["6:12", "7:12", "5:12", "5:12"].map(|place| Some(place.to_owned()))
    );
}

#[test]
fn what_cannot_be_read_is_told_where_and_the_rest_is_checked() {
    let text = "kind: [\n---\nkind: HorizontalPodAutoscaler\napiVersion: autoscaling/v2beta2\nmetadata: {name: old}\n---\n";
    let told = told(text);
    let [broken, old] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(broken.contains(": mistake: the document: "), "{broken}");
    assert_eq!(
        old,
        "3:1: mistake: HorizontalPodAutoscaler default/old: Kubernetes 1.26 and newer have no autoscaling/v2beta2: write it as autoscaling/v2"
    );
}

#[test]
fn a_name_does_not_steer_the_terminal() {
    let text = "kind: DatadogMetric\nmetadata: {name: \"a\\e[31m\"}\nspec: {query: \"avg:a{*}\"}\n";
    assert_eq!(
        told(text),
        ["3:15: ok: DatadogMetric default/a [31m: avg:a{*}"]
    );
}

#[test]
fn the_manifests_of_the_walkthrough_are_good() {
    let text = include_str!("../../manifests/hpa-example/hpa.yaml");
    let told = told(text);
    assert!(told.len() == 1 && told[0].contains(": ok: "), "{told:?}");
}
