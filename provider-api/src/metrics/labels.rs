//! How requests are told apart: by words of which there is a handful each.

use std::hash::{Hash, Hasher};

use prometheus_client::encoding::EncodeLabelSet;

use crate::{Action, Target};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Request {
    verb: &'static str,
    group: &'static str,
    version: &'static str,
    resource: &'static str,
    subresource: &'static str,
    scope: &'static str,
    component: &'static str,
}

/// What was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Counted {
    #[prometheus(flatten)]
    pub(super) request: Request,
    pub(super) code: u16,
}

/// Whether requests want to change something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    request_kind: &'static str,
}

/// What came of the question who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Attempt {
    result: &'static str,
}

/// Of these words alone, which tell nearly all requests apart: there are few, and each
/// request is looked up twice.
impl Hash for Request {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.verb, self.subresource, self.version).hash(state);
    }
}

impl Request {
    pub(super) fn of(action: &Action) -> Self {
        let verb = verb(&action.verb);
        match &action.target {
            Target::Resource {
                namespace,
                group,
                version,
                resource: _,
                subresource,
                name,
            } => Self {
                verb,
                group,
                version,
                resource: "*",
                subresource: if subresource.is_empty() { "" } else { "*" },
                scope: match (namespace.as_str(), name.as_str()) {
                    ("", "") => "cluster",
                    (_, "") => "namespace",
                    _ => "resource",
                },
                component: match *group {
                    "custom.metrics.k8s.io" => "custom-metrics",
                    "external.metrics.k8s.io" => "external-metrics",
                    _ => "",
                },
            },
            Target::Path(path) => Self {
                verb,
                group: "",
                version: "",
                resource: "",
                subresource: known_path(path),
                scope: "",
                component: "",
            },
        }
    }
}

impl Kind {
    pub(super) const READ_ONLY: Self = Self {
        request_kind: "readOnly",
    };
    pub(super) const MUTATING: Self = Self {
        request_kind: "mutating",
    };
}

impl Attempt {
    pub(super) const SUCCESS: Self = Self { result: "success" };
    pub(super) const FAILURE: Self = Self { result: "failure" };
}

/// A client may invent methods; it shall not make series of them.
fn verb(verb: &str) -> &'static str {
    match verb {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" | "post" => "POST",
        "update" | "put" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        "head" => "HEAD",
        "options" => "OPTIONS",
        _ => "OTHER",
    }
}

/// A path that every server has, as Kubernetes puts it into `subresource`; nothing for
/// what a client may have made up.
fn known_path(path: &str) -> &'static str {
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "apis" => "/apis",
        "healthz" => "/healthz",
        "livez" => "/livez",
        "metrics" => "/metrics",
        "openapi" => "/openapi",
        "readyz" => "/readyz",
        "version" => "/version",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::Route;

    fn request(method: &str, path: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Request::of(Route::of(&method, &path.parse().unwrap()).action())
    }

    fn on_path(verb: &'static str, subresource: &'static str) -> Request {
        Request {
            verb,
            group: "",
            version: "",
            resource: "",
            subresource,
            scope: "",
            component: "",
        }
    }

    #[test]
    fn a_metric_is_a_star() {
        let external = Request {
            verb: "LIST",
            group: "external.metrics.k8s.io",
            version: "v1beta1",
            resource: "*",
            subresource: "",
            scope: "namespace",
            component: "external-metrics",
        };
        let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.length";
        assert_eq!(request("GET", path), external);
    }

    #[test]
    fn an_object_has_the_scope_of_a_resource_in_a_namespace_and_out_of_one() {
        for namespace in ["shop", ""] {
            let action = Action {
                verb: "get".to_owned(),
                target: Target::Resource {
                    namespace: namespace.to_owned(),
                    group: "custom.metrics.k8s.io",
                    version: "v1beta2",
                    resource: "pods".to_owned(),
                    subresource: "queue.length".to_owned(),
                    name: "*".to_owned(),
                },
            };
            let expected = Request {
                verb: "GET",
                group: "custom.metrics.k8s.io",
                version: "v1beta2",
                resource: "*",
                subresource: "*",
                scope: "resource",
                component: "custom-metrics",
            };
            assert_eq!(Request::of(&action), expected);
        }
    }

    #[test]
    fn what_a_client_makes_up_is_no_label() {
        assert_eq!(request("GET", "/readyz?verbose"), on_path("GET", "/readyz"));
        assert_eq!(request("GET", "/apis/a/b/c"), on_path("GET", "/apis"));
        assert_eq!(request("BREW", "/coffee"), on_path("OTHER", ""));
    }
}
