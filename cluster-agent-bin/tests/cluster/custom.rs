//! Custom metrics, with a real API server and a real HPA controller: by the example of
//! `k8s-adapter`, whose metrics are the annotations of objects.

use crate::support::{ControlPlane, Example, eventually, is, seconds};
use serde_json::{Value, json};

fn started() -> (ControlPlane, Example) {
    let cp = ControlPlane::start();
    let server = Example::annotations(&cp);
    (cp, server)
}

/// A Deployment named `web`, and a Service before it.
fn web(cp: &ControlPlane) {
    let labels = json!({ "app": "web" });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "web", "image": "web" }] },
            },
        },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "selector": labels, "ports": [{ "port": 80 }] },
    });
    cp.apply(&format!("{deployment}\n---\n{service}"));
    eventually(seconds(30), "the Deployment has its pod", || pods(cp, 1));
}

/// The names of the pods, once there are so many.
fn pods(cp: &ControlPlane, count: usize) -> Result<Vec<String>, String> {
    let names = cp.field("pods", "{.items[*].metadata.name}")?;
    let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
    if names.len() == count {
        Ok(names)
    } else {
        Err(names.join(" "))
    }
}

/// There are no nodes on which they could run: the test says that they do.
fn run(cp: &ControlPlane, pods: &[String]) {
    let status = json!({ "status": {
        "phase": "Running",
        "startTime": "2026-01-02T03:04:05Z",
        "conditions": [
            { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:05:05Z" },
        ],
    }});
    let status = format!("--patch={status}");
    for pod in pods {
        let patch = ["patch", "pod", pod, "--subresource=status", &status];
        cp.kubectl(&patch).expect_success();
    }
}

fn annotate(cp: &ControlPlane, objects: &[&str], annotation: &str) {
    let annotation = format!("metrics.example.com/{annotation}");
    let command = [&["annotate", "--overwrite"], objects, &[&annotation]].concat();
    cp.kubectl(&command).expect_success();
}

/// An HPA named `web` on the Deployment, with this metric.
fn scale_web_on(cp: &ControlPlane, metric: &Value) {
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "web" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "maxReplicas": 3,
            "metrics": [metric],
        },
    });
    cp.apply(&hpa.to_string());
}

fn replicas(cp: &ControlPlane, count: &str) {
    eventually(seconds(90), &format!("replicas: {count}"), || {
        cp.field("deployment/web", "{.spec.replicas}")
            .and_then(is(count))
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn every_form_of_path_is_answered_in_both_versions_of_the_group() {
    let (cp, _server) = started();
    web(&cp);
    cp.apply("{apiVersion: v1, kind: Node, metadata: {name: node-1, labels: {zone: a}}}");
    cp.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: shop, labels: {shop: web}, \
         annotations: {metrics.example.com/orders: '3'}}}",
    );
    let pod = eventually(seconds(30), "a pod", || pods(&cp, 1)).remove(0);
    for (object, annotation) in [
        (&["pod", &*pod], "requests=20"),
        (&["deployment", "web"], "requests=50"),
        (&["service", "web"], "requests=1500m"),
        (&["node", "node-1"], "load=2"),
        (&["namespace", "default"], "total=1k"),
    ] {
        annotate(&cp, object, annotation);
    }

    for version in ["v1beta1", "v1beta2"] {
        for (path, kind, name, metric, value) in [
            (
                &*format!("namespaces/default/pods/{pod}/requests"),
                "Pod",
                &*pod,
                "requests",
                "20",
            ),
            (
                "namespaces/default/pods/*/requests?labelSelector=app%3Dweb",
                "Pod",
                &*pod,
                "requests",
                "20",
            ),
            (
                "namespaces/default/deployments.apps/web/requests",
                "Deployment",
                "web",
                "requests",
                "50",
            ),
            (
                "namespaces/default/services/web/requests",
                "Service",
                "web",
                "requests",
                "1500m",
            ),
            (
                "namespaces/default/services/*/requests",
                "Service",
                "web",
                "requests",
                "1500m",
            ),
            ("nodes/node-1/load", "Node", "node-1", "load", "2"),
            (
                "nodes/*/load?labelSelector=zone+in+%28a%2Cb%29",
                "Node",
                "node-1",
                "load",
                "2",
            ),
            (
                "namespaces/default/metrics/total",
                "Namespace",
                "default",
                "total",
                "1k",
            ),
            (
                "namespaces/*/metrics/total",
                "Namespace",
                "default",
                "total",
                "1k",
            ),
        ] {
            let path = format!("/apis/custom.metrics.k8s.io/{version}/{path}");
            let list = cp.kubectl(&["get", "--raw", &path]).expect_success();
            let list: Value = serde_json::from_str(&list).unwrap();
            let item = &list["items"][0];
            let named = match version {
                "v1beta1" => &item["metricName"],
                _ => &item["metric"]["name"],
            };
            let object = &item["describedObject"];
            assert_eq!(
                json!([
                    list["items"].as_array().unwrap().len(),
                    object["kind"],
                    object["name"],
                    named,
                    item["value"]
                ]),
                json!([1, kind, name, metric, value]),
                "{path}: {list}"
            );
        }
    }

    let orders =
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/orders?labelSelector=shop%3Dweb";
    let list = cp.kubectl(&["get", "--raw", orders]).expect_success();
    assert!(list.contains(r#""value":"3""#), "{list}");

    // kubectl lists no subresources, which all custom metrics are: their group has versions
    // and no row.
    eventually(seconds(90), "kubectl lists the groups", || {
        let versions = cp.kubectl(&["api-versions"]).success()?;
        let external = cp.kubectl(&["api-resources", "--api-group=external.metrics.k8s.io"]);
        let listed = versions + &external.success()?;
        let wanted = [
            "custom.metrics.k8s.io/v1beta1\n",
            "custom.metrics.k8s.io/v1beta2\n",
            "ExternalMetricValueList\n",
        ];
        if wanted.iter().all(|line| listed.contains(line)) {
            Ok(())
        } else {
            Err(listed)
        }
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_hpa_follows_the_metric_of_its_pods() {
    let (cp, _server) = started();
    web(&cp);
    let first = eventually(seconds(30), "a pod", || pods(&cp, 1));
    run(&cp, &first);
    annotate(&cp, &["pods", "--selector=app=web"], "requests=30");
    scale_web_on(
        &cp,
        &json!({ "type": "Pods", "pods": {
            "metric": { "name": "requests" },
            "target": { "type": "AverageValue", "averageValue": "10" },
        }}),
    );
    replicas(&cp, "3");
    let all = eventually(seconds(30), "three pods", || pods(&cp, 3));
    run(&cp, &all);
    annotate(&cp, &["pods", "--selector=app=web"], "requests=1");
    replicas(&cp, "1");
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_hpa_follows_the_metric_of_an_object_and_tells_why_it_cannot() {
    let (cp, _server) = started();
    web(&cp);
    let first = eventually(seconds(30), "a pod", || pods(&cp, 1));
    run(&cp, &first);
    scale_web_on(
        &cp,
        &json!({ "type": "Object", "object": {
            "describedObject": { "apiVersion": "v1", "kind": "Service", "name": "web" },
            "metric": { "name": "requests" },
            "target": { "type": "Value", "value": "10" },
        }}),
    );
    let told = |words: &str| {
        eventually(seconds(60), "describe tells the reason", || {
            let told = cp.kubectl(&["describe", "hpa", "web"]).success()?;
            let mut lines = told.lines().map(str::trim_start);
            match lines.find(|line| line.starts_with("ScalingActive")) {
                Some(line) if line.contains("FailedGetObjectMetric") && line.contains(words) => {
                    Ok(())
                }
                _ => Err(told),
            }
        });
    };
    told("the server could not find the metric requests for services web");
    annotate(&cp, &["service", "web"], "requests=many");
    told("metrics.example.com/requests of Service web is `many`: ");

    annotate(&cp, &["service", "web"], "requests=30");
    replicas(&cp, "3");
    let all = eventually(seconds(30), "three pods", || pods(&cp, 3));
    run(&cp, &all);
    annotate(&cp, &["service", "web"], "requests=1");
    replicas(&cp, "1");
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_user_may_be_allowed_one_custom_metric_and_no_other() {
    let (cp, _server) = started();
    web(&cp);
    annotate(&cp, &["pods", "--selector=app=web"], "requests=20");
    cp.kubectl(&["create", "serviceaccount", "dashboard"])
        .expect_success();
    cp.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: one-metric}, \
         rules: [{apiGroups: [custom.metrics.k8s.io], resources: [pods/requests], verbs: [get]}]}",
    );
    let bind = ["create", "rolebinding", "one-metric", "--role=one-metric"];
    cp.kubectl(&[&bind[..], &["--serviceaccount=default:dashboard"]].concat())
        .expect_success();
    let dashboard = cp.service_account("default", "dashboard");
    let read = |metric: &str| {
        let path =
            format!("/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/{metric}");
        cp.kubectl_as(&dashboard, &["get", "--raw", &path])
            .success()
    };
    let list = eventually(seconds(30), "the metric is allowed", || read("requests"));
    assert!(list.contains(r#""value":"20""#), "{list}");
    let complaint = read("orders").expect_err("it is refused");
    let words = r#"cannot get resource "pods/orders" in API group "custom.metrics.k8s.io" in the namespace "default""#;
    assert!(complaint.contains(words), "{complaint}");
}
