//! DatadogMetrics: what they define, what they say, and those that the agent makes.

use serde_json::{Value, json};

use crate::support::{
    Agent, ControlPlane, Datadog, QUICK, Verified, eventually, requests, seconds,
};

const QUERY: &str = "avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)";
const SETTINGS: [(&str, &str); 3] = [
    QUICK[0],
    ("DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD", "true"),
    ("DD_CONTAINER", "nginx"),
];

struct Scene {
    cp: ControlPlane,
    _datadog: Datadog,
    agent: Agent,
}

impl Scene {
    /// nginx has 90 requests a second.
    fn start() -> Self {
        let cp = ControlPlane::start();
        cp.install("rbac.yaml");
        cp.install("datadogmetric-crd.yaml");
        cp.kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/datadogmetrics.datadoghq.com",
        ])
        .expect_success();
        let datadog = Datadog::start(cp.folder(), &json!({ "series": requests(90) }).to_string());
        let mut agent = Agent::start(&cp, &datadog, &SETTINGS);
        agent.ready(seconds(30));
        cp.register(agent.port(), Verified::ByItself);
        Self {
            cp,
            _datadog: datadog,
            agent,
        }
    }

    fn define(&self, name: &str, spec: &Value, annotations: &Value) {
        let metric = json!({
            "apiVersion": "datadoghq.com/v1alpha1", "kind": "DatadogMetric",
            "metadata": { "name": name, "namespace": "default", "annotations": annotations },
            "spec": spec,
        });
        self.cp.apply(&metric.to_string());
    }

    fn hpa(&self, metric: &Value) {
        let hpa = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": "web", "namespace": "default" },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
                "maxReplicas": 3,
                "metrics": [{ "type": "External", "external": {
                    "metric": metric, "target": { "type": "AverageValue", "averageValue": "9" },
                }}],
            },
        });
        self.cp.apply(&hpa.to_string());
    }

    /// What a reader of the metric is told.
    fn read(&self, metric: &str) -> Result<String, String> {
        let path = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/default/{metric}");
        self.cp.kubectl(&["get", "--raw", &path]).success()
    }

    fn reads(&self, metric: &str, words: &str) {
        eventually(seconds(40), &format!("{metric} reads {words}"), || {
            let told = self.read(metric).unwrap_or_else(|why| why);
            if told.contains(words) {
                Ok(())
            } else {
                Err(told)
            }
        });
    }

    /// The row of a metric, without its name and its time.
    fn row(&self, name: &str, expected: &[&str]) {
        eventually(seconds(40), &format!("the row of {name}"), || {
            let list = self
                .cp
                .kubectl(&["get", "datadogmetric", name, "--no-headers"])
                .success()?;
            let words: Vec<_> = list.split_whitespace().collect();
            match words.get(1..=expected.len()) {
                Some(row) if row == expected => Ok(()),
                _ => Err(list),
            }
        });
    }
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_hpa_scales_on_what_a_datadog_metric_defines_and_its_status_says_how_it_stands() {
    let scene = Scene::start();
    const NAME: &str = "datadogmetric@default:requests";
    scene.hpa(&json!({ "name": NAME }));
    scene.reads(NAME, "DatadogMetric default/requests does not exist");

    let query = "max:nginx.net.request_per_s{kube_container_name:%%env_DD_CONTAINER%%}.rollup(30)";
    scene.define(
        "requests",
        &json!({ "query": query, "maxAge": "5m" }),
        &json!({}),
    );
    scene.reads(NAME, r#""value":"90""#);
    scene.row("requests", &["True", "True", "90", "hpa:default/web"]);

    scene.define("requests", &json!({ "query": "avg:nginx.{" }), &json!({}));
    scene.reads(NAME, "spec.query: ");
    // The value was that of the query before.
    scene.row("requests", &["True", "False", "hpa:default/web"]);
    let error = r#"{.status.conditions[?(@.type=="Error")].reason}"#;
    let reason = scene.cp.field("datadogmetric/requests", error);
    assert_eq!(reason, Ok("InvalidQuery".to_owned()));

    scene.define("requests", &json!({ "query": QUERY }), &json!({}));
    scene.reads(NAME, r#""value":"90""#);
    scene.row("requests", &["True", "True", "90", "hpa:default/web"]);
    scene.cp.kubectl(&["delete", "hpa", "web"]).expect_success();
    scene.row("requests", &["False", "False", "90"]);
    let log = scene.agent.log();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_metric_that_is_always_active_has_its_value_and_one_of_a_plain_name_is_made() {
    let scene = Scene::start();
    let always = json!({ "external-metrics.datadoghq.com/always-active": "true" });
    scene.define("alone", &json!({ "query": QUERY }), &always);
    scene.row("alone", &["True", "True", "90"]);

    let selector = json!({ "matchLabels": { "kube_container_name": "nginx" } });
    scene.hpa(&json!({ "name": "nginx.net.request_per_s", "selector": selector }));
    // The name that Datadog's agent gives it.
    let made = "dcaautogen-9a6e15492f67c189c2541d0a2864a7a7e1779e";
    scene.row(made, &["True", "True", "90", "hpa:default/web"]);
    let field = |field: &str| scene.cp.field(&format!("datadogmetric/{made}"), field);
    assert_eq!(field("{.spec.query}"), Ok(QUERY.to_owned()));
    let name = field("{.spec.externalMetricName}");
    assert_eq!(name, Ok("nginx.net.request_per_s".to_owned()));

    // Deleted by hand while it is asked for, it comes back.
    let uid = field("{.metadata.uid}").unwrap();
    scene
        .cp
        .kubectl(&["delete", "datadogmetric", made])
        .expect_success();
    eventually(seconds(30), "it is made again", || {
        match field("{.metadata.uid}")? {
            again if again == uid => Err(again),
            _ => Ok(()),
        }
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_agent_that_misses_the_definition_of_their_kind_says_so_and_goes_on_when_it_is_there() {
    let cp = ControlPlane::start();
    cp.install("rbac.yaml");
    let datadog = Datadog::start(cp.folder(), &json!({ "series": requests(90) }).to_string());
    let mut agent = Agent::start(&cp, &datadog, &SETTINGS);
    let line = agent.line(seconds(30), "cannot watch the DatadogMetrics");
    assert!(line.contains("datadogmetric-crd.yaml"), "{line}");
    cp.install("datadogmetric-crd.yaml");
    cp.register(agent.port(), Verified::ByItself);
    let scene = Scene {
        cp,
        _datadog: datadog,
        agent,
    };
    let always = json!({ "external-metrics.datadoghq.com/always-active": "true" });
    eventually(seconds(30), "the kind is there", || {
        scene.cp.kubectl(&["get", "datadogmetric"]).success()
    });
    scene.define("alone", &json!({ "query": QUERY }), &always);
    scene.row("alone", &["True", "True", "90"]);
}
