//! A cluster in which the agent serves what a simulated Datadog knows.

use serde_json::{Value, json};

use super::{Agent, ControlPlane, Datadog, Verified, eventually, seconds};

/// The agent asks Datadog every second here, so that a test does not wait for half a
/// minute; everything else is as an operator gets it.
pub(crate) const QUICK: [(&str, &str); 1] = [("DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD", "1")];

/// Where the value of the walkthrough is served.
pub(crate) const NGINX: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/nginx.net.request_per_s?labelSelector=kube_container_name%3Dnginx";

/// nginx with so many requests a second, now and in the past.
pub(crate) fn requests(per_second: u32) -> Value {
    json!([{
        "metric": "nginx.net.request_per_s",
        "tags": { "kube_container_name": "nginx" },
        "shape": { "constant": per_second },
    }])
}

/// A cluster in which the agent serves what this Datadog knows.
pub(crate) struct Cluster {
    pub(crate) cp: ControlPlane,
    pub(crate) datadog: Datadog,
    pub(crate) agent: Agent,
}

impl Cluster {
    #[track_caller]
    pub(crate) fn with(series: &Value) -> Self {
        Self::trusting(Verified::ByItself, series)
    }

    #[track_caller]
    pub(crate) fn trusting(verified: Verified<'_>, series: &Value) -> Self {
        let cp = ControlPlane::start();
        cp.install("rbac.yaml");
        let datadog = Datadog::start(cp.folder(), &json!({ "series": series }).to_string());
        let mut agent = Agent::start(&cp, &datadog, &QUICK);
        agent.ready(seconds(30));
        cp.register(agent.port(), verified);
        eventually(seconds(30), "the API server trusts the agent", || {
            cp.external_metrics_available()?;
            cp.kubectl(&["get", "--raw", "/apis/external.metrics.k8s.io/v1beta1"])
                .success()
        });
        Self { cp, datadog, agent }
    }

    /// An HPA named `web` on a Deployment of that name which scales on this metric.
    #[track_caller]
    pub(crate) fn scale_web_on(&self, metric: &Value) {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": {
                "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "web", "image": "web" }] },
                },
            },
        });
        let hpa = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "web" },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
                "maxReplicas": 3,
                "metrics": [{ "type": "External", "external": {
                    "metric": metric, "target": { "type": "AverageValue", "averageValue": "9" },
                }}],
            },
        });
        self.cp.apply(&format!("{deployment}\n---\n{hpa}"));
    }

    /// Waits until `kubectl describe hpa web` says that it cannot scale, and why.
    #[track_caller]
    pub(crate) fn told(&self, words: &str) {
        eventually(seconds(30), "describe tells the reason", || {
            let told = self.cp.kubectl(&["describe", "hpa", "web"]).success()?;
            let line = told
                .lines()
                .find(|line| line.trim_start().starts_with("ScalingActive"));
            match line {
                Some(line) if line.contains("FailedGetExternalMetric") && line.ends_with(words) => {
                    Ok(())
                }
                _ => Err(told),
            }
        });
    }
}
