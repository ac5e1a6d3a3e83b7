//! What a request asks for, read once from its method and URI: so that what was
//! authorized is what is answered.

use std::time::Duration;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use crate::{
    Action, ExternalMetric, MetricName, Namespace, Selector, Status, Target,
    health::{Probe, ProbeRequest},
    query,
    status::Reason,
};

/// A request, understood.
///
/// Whoever authorizes a request leaves its route in the request's extensions,
/// where [`MetricsApi`](crate::MetricsApi) finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    action: Action,
    timeout: Option<Duration>,
    destination: Destination,
}

/// Where a request goes once it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Metric(ExternalMetric),
    /// `/apis`
    Groups,
    /// `/apis/external.metrics.k8s.io`
    Group,
    /// `/apis/external.metrics.k8s.io/v1beta1`
    Resources,
    Health(ProbeRequest),
    Version,
    /// What is wrong with the request. It is said only to those who may send it:
    /// others learn that they may not.
    Refused(Status),
}

impl Route {
    /// Reads a request.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let segments = Segments::of(uri.path());
        let timeout = match query::parameter(uri, "timeout") {
            None => Ok(None),
            Some(text) => query::duration(&text).map(Some).ok_or(text),
        };
        let (target, destination) = segments.lead(method, uri);
        let destination = match (&timeout, destination) {
            // A probe is answered, whatever it says.
            (_, probe @ Destination::Health(_)) => probe,
            (Err(text), Destination::Metric(_)) => Destination::Refused(bad_request(format!(
                "the `timeout` of the request is `{text}`, which is no duration such as 10s or 1m30s"
            ))),
            (_, destination) => destination,
        };
        let verb = match target {
            Target::Resource { .. } => verb(method, uri),
            Target::Path(_) => method.as_str().to_ascii_lowercase(),
        };
        Self {
            action: Action { verb, target },
            timeout: timeout.unwrap_or_default(),
            destination,
        }
    }

    /// What the request does, to be authorized.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Within which time the client wants its answer, where it says so.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(crate) fn into_destination(self) -> Destination {
        self.destination
    }
}

/// Kubernetes' word for what a method does to a resource of which no object is
/// named.
fn verb(method: &Method, uri: &Uri) -> String {
    let verb = match *method {
        Method::GET | Method::HEAD if is_watch(uri) => "watch",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "deletecollection",
        _ => return method.as_str().to_ascii_lowercase(),
    };
    verb.to_owned()
}

/// The parts of a path between the slashes, decoded one by one: `%2F` within a
/// part does not part it.
struct Segments(Vec<String>);

impl Segments {
    fn of(path: &str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        Self(
            path.split('/')
                .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
                .collect(),
        )
    }

    fn path(&self) -> Target {
        Target::Path(format!("/{}", self.0.join("/")))
    }

    fn lead(&self, method: &Method, uri: &Uri) -> (Target, Destination) {
        let mut segments: Vec<_> = self.0.iter().map(String::as_str).collect();
        if let ["apis", .., ""] = segments[..] {
            segments.pop(); // a slash at the end means nothing below /apis
        }
        let destination = match segments[..] {
            ["apis"] => Destination::Groups,
            ["apis", ExternalMetric::GROUP] => Destination::Group,
            ["apis", ExternalMetric::GROUP, ExternalMetric::VERSION] => Destination::Resources,
            [
                "apis",
                ExternalMetric::GROUP,
                ExternalMetric::VERSION,
                "namespaces",
                namespace,
                name,
            ] => {
                return self.lead_to_metric(namespace, name, method, uri);
            }
            ["version"] => Destination::Version,
            ["healthz"] => {
                return (
                    self.path(),
                    Destination::Health(ProbeRequest::of(Probe::Healthz, uri)),
                );
            }
            ["livez"] => {
                return (
                    self.path(),
                    Destination::Health(ProbeRequest::of(Probe::Livez, uri)),
                );
            }
            ["readyz"] => {
                return (
                    self.path(),
                    Destination::Health(ProbeRequest::of(Probe::Readyz, uri)),
                );
            }
            _ => return (self.path(), Destination::Refused(Status::not_found())),
        };
        if method == Method::GET {
            (self.path(), destination)
        } else {
            (
                self.path(),
                Destination::Refused(Status::method_not_allowed()),
            )
        }
    }

    fn lead_to_metric(
        &self,
        namespace: &str,
        name: &str,
        method: &Method,
        uri: &Uri,
    ) -> (Target, Destination) {
        let (Ok(namespace), Ok(name)) =
            (namespace.parse::<Namespace>(), name.parse::<MetricName>())
        else {
            return (self.path(), Destination::Refused(Status::not_found()));
        };
        let target = Target::Resource {
            namespace: namespace.to_string(),
            group: ExternalMetric::GROUP,
            version: ExternalMetric::VERSION,
            resource: name.to_string(),
            subresource: String::new(),
            name: String::new(),
        };
        let destination = match series(method, uri) {
            Ok(selector) => Destination::Metric(ExternalMetric::new(namespace, name, selector)),
            Err(status) => Destination::Refused(status),
        };
        (target, destination)
    }
}

/// The series of a metric that a request wants to read.
fn series(method: &Method, uri: &Uri) -> Result<Selector, Status> {
    if method != Method::GET {
        return Err(Status::method_not_allowed());
    }
    if is_watch(uri) {
        return Err(Status::not_watchable());
    }
    if let Some(fields) = query::parameter(uri, "fieldSelector") {
        check_fields(&fields)?;
    }
    let labels = query::parameter(uri, "labelSelector").unwrap_or_default();
    labels.parse().map_err(|error| {
        bad_request(format!(
            "the `labelSelector` of the request is `{labels}`: {error}"
        ))
    })
}

fn is_watch(uri: &Uri) -> bool {
    query::parameter(uri, "watch").is_some_and(|watch| query::is_true(&watch))
}

/// Metrics have no fields to select by. Kubernetes lets the two pass that every
/// object has, and so do we.
fn check_fields(selector: &str) -> Result<(), Status> {
    for requirement in selector
        .split(',')
        .filter(|requirement| !requirement.is_empty())
    {
        let field = requirement.split(['=', '!']).next().unwrap_or_default();
        if !matches!(field, "metadata.name" | "metadata.namespace") {
            return Err(bad_request(format!(
                "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )));
        }
    }
    Ok(())
}

fn bad_request(message: String) -> Status {
    Status::new(Reason::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const E: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default";

    fn get(uri: &str) -> Route {
        Route::of(&Method::GET, &uri.parse().unwrap())
    }

    fn metric(name: &str, selector: &str) -> Destination {
        Destination::Metric(ExternalMetric::new(
            "default".parse().unwrap(),
            name.parse().unwrap(),
            selector.parse().unwrap(),
        ))
    }

    fn on_metric(verb: &str, name: &str) -> Action {
        let target = Target::Resource {
            namespace: "default".to_owned(),
            group: "external.metrics.k8s.io",
            version: "v1beta1",
            resource: name.to_owned(),
            subresource: String::new(),
            name: String::new(),
        };
        Action {
            verb: verb.to_owned(),
            target,
        }
    }

    fn on_path(verb: &str, path: &str) -> Action {
        Action {
            verb: verb.to_owned(),
            target: Target::Path(path.to_owned()),
        }
    }

    #[test]
    fn the_provider_gets_the_very_metric_that_was_authorized() {
        for (tail, name, selector) in [
            ("foo", "foo", ""),
            ("foo/", "foo", ""),
            ("foo?labelSelector=", "foo", ""),
            ("foo?labelSelector=a%3Db", "foo", "a=b"),
            (
                "foo?labelSelector=a+in+%28x%2Cy%29%2C%21z",
                "foo",
                "a in (x,y),!z",
            ),
            (
                "foo?fieldSelector=metadata.name%3Dx&labelSelector=a",
                "foo",
                "a",
            ),
            ("projects%7Cqueue:Depth", "projects|queue:Depth", ""),
            ("a+b", "a+b", ""),       // a plus is a space in the query alone
            ("status", "status", ""), // a subresource of the namespace elsewhere
            ("finalize", "finalize", ""),
            ("foo?timeout=2s", "foo", ""),
            ("foo?metricLabelSelector=%3D%3D", "foo", ""), // belongs to another API
        ] {
            let route = get(&format!("{E}/{tail}"));
            assert_eq!(
                (route.action(), &route.destination),
                (&on_metric("list", name), &metric(name, selector)),
                "{tail}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_after_authorization_of_the_same_metric() {
        for (tail, verb, message) in [
            (
                "foo?labelSelector=a%20b",
                "list",
                "the `labelSelector` of the request is `a b`: found `b` at character 3, expected `=`, `==`, `!=`, `in`, `notin`, `>` or `<`",
            ),
            (
                "foo?fieldSelector=foo%3Dbar",
                "list",
                "\"foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            ),
            (
                "foo?timeout=bogus",
                "list",
                "the `timeout` of the request is `bogus`, which is no duration such as 10s or 1m30s",
            ),
        ] {
            let route = get(&format!("{E}/{tail}"));
            let refused = Destination::Refused(bad_request(message.to_owned()));
            assert_eq!(
                (route.action(), &route.destination),
                (&on_metric(verb, "foo"), &refused),
                "{tail}"
            );
        }
        let watch = get(&format!("{E}/foo?watch=true"));
        assert_eq!(
            (watch.action(), &watch.destination),
            (
                &on_metric("watch", "foo"),
                &Destination::Refused(Status::not_watchable())
            )
        );
        assert_eq!(
            get(&format!("{E}/foo?watch=false")).destination,
            metric("foo", "")
        );
    }

    #[test]
    fn metrics_are_read_and_nothing_else() {
        for (method, verb) in [
            ("HEAD", "list"),
            ("POST", "create"),
            ("PUT", "update"),
            ("PATCH", "patch"),
            ("DELETE", "deletecollection"),
            ("OPTIONS", "options"),
        ] {
            let route = Route::of(
                &method.parse().unwrap(),
                &format!("{E}/foo").parse().unwrap(),
            );
            let refused = Destination::Refused(Status::method_not_allowed());
            assert_eq!(
                (route.action(), &route.destination),
                (&on_metric(verb, "foo"), &refused),
                "{method}"
            );
        }
    }

    #[test]
    fn discovery_health_and_version_are_plain_paths() {
        let health = |probe| {
            Destination::Health(ProbeRequest {
                probe,
                verbose: false,
                excluded: Vec::new(),
            })
        };
        for (path, destination) in [
            ("/apis", Destination::Groups),
            ("/apis/", Destination::Groups),
            ("/apis/external.metrics.k8s.io", Destination::Group),
            (
                "/apis/external.metrics.k8s.io/v1beta1",
                Destination::Resources,
            ),
            (
                "/apis/external.metrics.k8s.io/v1beta1/",
                Destination::Resources,
            ),
            ("/version", Destination::Version),
            ("/healthz", health(Probe::Healthz)),
            ("/livez", health(Probe::Livez)),
            ("/readyz", health(Probe::Readyz)),
        ] {
            let route = get(path);
            assert_eq!(
                (route.action(), &route.destination),
                (&on_path("get", path), &destination),
                "{path}"
            );
        }
    }

    #[test]
    fn nothing_else_is_found() {
        for path in [
            "/",
            "/foo",
            "//apis",
            "/metrics",
            "/openapi/v2",
            "/openapi/v3",
            "/readyz/ping",
            "/version/",
            "/apis/external.metrics.k8s.io/v1beta2",
            "/apis/external.metrics.k8s.io/v1beta1/foo",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/default",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/a/b",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces//foo",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/../foo",
        ] {
            for method in [Method::GET, Method::POST] {
                let route = Route::of(&method, &path.parse().unwrap());
                let action = on_path(&method.as_str().to_lowercase(), path);
                assert_eq!(
                    (route.action(), &route.destination),
                    (&action, &Destination::Refused(Status::not_found())),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn an_escaped_slash_makes_no_other_path() {
        let route = get(&format!("{E}/a%2Fb"));
        assert_eq!(route.action(), &on_path("get", &format!("{E}/a/b")));
        assert_eq!(route.destination, Destination::Refused(Status::not_found()));
    }

    #[test]
    fn a_client_may_say_how_long_it_waits() {
        assert_eq!(
            get(&format!("{E}/foo?timeout=1m30s")).timeout(),
            Some(Duration::from_secs(90))
        );
        assert_eq!(get(&format!("{E}/foo")).timeout(), None);
    }

    #[test]
    fn discovery_is_read_only_and_probes_take_any_method() {
        let post = |path: &'static str| Route::of(&Method::POST, &Uri::from_static(path));
        assert_eq!(
            post("/apis").destination,
            Destination::Refused(Status::method_not_allowed())
        );
        assert!(matches!(
            post("/readyz?timeout=x").destination,
            Destination::Health(_)
        ));
    }
}
