//! The agent's API as a part of the cluster's.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::ControlPlane;

/// Whether the API server verifies the certificate of what is registered.
#[derive(Clone, Copy)]
pub(crate) enum Verified<'a> {
    /// It takes any.
    Not,
    /// By these authorities, as PEM.
    By(&'a str),
    /// By those whom the server itself writes there.
    ByItself,
}

impl ControlPlane {
    /// The name for which the API server checks the agent's certificate.
    pub(crate) const SERVICE_NAME: &str = "datadog-custom-metrics-server.default.svc";

    /// Registers what listens on this loopback port as the server of external metrics.
    #[track_caller]
    pub(crate) fn register(&self, port: u16, verified: Verified<'_>) {
        // No kube-proxy routes to a Service here. One of type ExternalName needs no routing:
        // the API server resolves the name itself.
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "datadog-custom-metrics-server", "namespace": "default" },
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "ports": [{ "port": port }],
            },
        });
        let mut api_service = json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": "v1beta1.external.metrics.k8s.io" },
            "spec": {
                "group": "external.metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {
                    "name": "datadog-custom-metrics-server",
                    "namespace": "default",
                    "port": port,
                },
            },
        });
        let spec = &mut api_service["spec"];
        match verified {
            Verified::Not => spec["insecureSkipTLSVerify"] = true.into(),
            Verified::By(pem) => spec["caBundle"] = BASE64_STANDARD.encode(pem).into(),
            Verified::ByItself => {}
        }
        self.apply(&format!("{service}\n---\n{api_service}"));
    }

    /// Whether the API server reaches the server of external metrics; if not, its reason. It
    /// does not check the certificate for this: that it trusts the server shows in a request.
    pub(crate) fn external_metrics_available(&self) -> Result<(), String> {
        let condition = r#"{range .status.conditions[?(@.type=="Available")]}{.status} {.reason}: {.message}{end}"#;
        let seen = self.field("apiservice/v1beta1.external.metrics.k8s.io", condition)?;
        if seen.starts_with("True ") {
            Ok(())
        } else {
            Err(seen)
        }
    }
}
