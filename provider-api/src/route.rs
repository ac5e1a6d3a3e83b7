//! What a request asks for, read once from its method and URI: so that what was
//! authorized is what is answered.

mod custom;
mod external;
mod list_options;

use std::{borrow::Cow, str::FromStr};

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use crate::{
    Action, CustomMetric, ExternalMetric, InvalidName, Selector, Status, Target,
    custom::{CustomVersion, Objects},
    group::Group,
    health::{Probe, ProbeRequest},
    openapi::Schema,
    query,
    status::Reason,
};

/// A request, understood.
///
/// Whoever authorizes a request leaves its route in the request's extensions,
/// where [`MetricsApi`](crate::MetricsApi) finds it.
///
/// The path is decoded segment by segment, so that `%2F` does not part one, and a slash
/// at its end means nothing. What it is to an authorizer is said in Kubernetes' words,
/// as [its own parser](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go)
/// would say it: an external metric is listed and a custom one is got. In one thing the
/// two differ: external metrics that are called `status` or `finalize` are metrics here,
/// and part of the namespace there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    action: Action,
    destination: Destination,
}

/// Where a request goes once it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    External(ExternalMetric),
    Custom {
        version: CustomVersion,
        metric: CustomMetric,
        objects: Objects,
    },
    /// `/apis`
    Groups,
    /// `/apis/external.metrics.k8s.io`
    Group(Group),
    /// `/apis/external.metrics.k8s.io/v1beta1`
    Resources(Group, &'static str),
    /// `/`, which lists the others
    Index,
    Schema(Schema),
    Health(ProbeRequest),
    Version,
    /// What is wrong with the request, and the group in which it is. It is said only to
    /// those who may send it: others learn that they may not. Where the group is not
    /// served, nothing of it can be asked for in a wrong way.
    Refused(Option<Group>, Status),
}

impl Route {
    /// Reads a request.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let segments: Vec<_> = path
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
            .collect();
        let mut names: Vec<_> = segments.iter().map(Cow::as_ref).collect();
        if let [first, .., ""] = names[..]
            && !first.is_empty()
        {
            names.pop();
        }
        let destination = match metric(&names, method, uri) {
            Some((_, Ok(route))) => return route,
            Some((group, Err(why))) => {
                Destination::Refused(Some(group), Status::not_found_since(why))
            }
            None => destination(&names, method, uri),
        };
        let action = Action {
            verb: method.as_str().to_ascii_lowercase(),
            target: Target::Path(format!("/{}", segments.join("/"))),
        };
        Self {
            action,
            destination,
        }
    }

    /// What the request does, to be authorized.
    pub fn action(&self) -> &Action {
        &self.action
    }

    pub(crate) fn into_destination(self) -> Destination {
        self.destination
    }
}

/// The metric that a path below a version of a group names, or why it names none.
fn metric(names: &[&str], method: &Method, uri: &Uri) -> Option<(Group, Result<Route, String>)> {
    match names {
        ["apis", _, _] => None,
        [
            "apis",
            ExternalMetric::GROUP,
            ExternalMetric::VERSION,
            tail @ ..,
        ] => Some((Group::External, external::route(tail, method, uri))),
        ["apis", CustomMetric::GROUP, version, tail @ ..] => {
            let version = CustomVersion::named(version)?;
            Some((Group::Custom, custom::route(version, tail, method, uri)))
        }
        _ => None,
    }
}

/// Where a path leads that names no metric.
fn destination(names: &[&str], method: &Method, uri: &Uri) -> Destination {
    let group = match names {
        ["apis", group, ..] => Group::named(group),
        _ => None,
    };
    let read = |destination| {
        let readable = match *method {
            Method::GET => check_timeout(uri),
            _ => Err(Status::method_not_allowed()),
        };
        match readable {
            Ok(()) => destination,
            Err(status) => Destination::Refused(group, status),
        }
    };
    let found = match (names, group) {
        ([""], _) => Some(Destination::Index),
        (["apis"], _) => Some(Destination::Groups),
        (["apis", _], Some(group)) => Some(Destination::Group(group)),
        (["apis", _, version], Some(group)) => group
            .version(version)
            .map(|version| Destination::Resources(group, version)),
        (["openapi", "v2"], _) => Some(Destination::Schema(Schema::V2)),
        (["openapi", "v3"], _) => Some(Destination::Schema(Schema::V3)),
        (["openapi", "v3", path @ ..], _) => Some(Destination::Schema(Schema::version(path, uri))),
        (["version"], _) => Some(Destination::Version),
        // Probes come with whatever method they like.
        ([probe, check @ ..], _) if check.len() < 2 => match Probe::named(probe) {
            Some(probe) => return Destination::Health(ProbeRequest::of(probe, check.first(), uri)),
            None => None,
        },
        _ => None,
    };
    found.map_or_else(
        || Destination::Refused(None, Status::not_found_since("`/` lists what there is")),
        read,
    )
}

/// A name in a path.
fn parsed<N: FromStr<Err = InvalidName>>(name: &str) -> Result<N, String> {
    name.parse().map_err(|error: InvalidName| error.to_string())
}

/// The selector in a parameter of the request; one that is missing asks for
/// nothing in particular.
fn selector(uri: &Uri, parameter: &str) -> Result<Selector, Status> {
    let text = query::parameter(uri, parameter).unwrap_or_default();
    text.parse().map_err(|error| {
        bad_request(format!(
            "the `{parameter}` of the request is `{text}`: {error}"
        ))
    })
}

/// Whether the request asks for a time that can be read. A layer above keeps it.
fn check_timeout(uri: &Uri) -> Result<(), Status> {
    match query::parameter(uri, "timeout") {
        Some(timeout) if !timeout.is_empty() && query::duration(&timeout).is_none() => {
            Err(bad_request(format!(
                "the `timeout` of the request is `{timeout}`, which is no duration such as 10s or 1m30s"
            )))
        }
        _ => Ok(()),
    }
}

fn bad_request(message: String) -> Status {
    Status::new(Reason::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MetricName, Namespace};

    fn get(uri: &str) -> Route {
        Route::of(&Method::GET, &uri.parse().unwrap())
    }

    fn on_path(verb: &str, path: &str) -> Action {
        Action {
            verb: verb.to_owned(),
            target: Target::Path(path.to_owned()),
        }
    }

    #[test]
    fn discovery_schemas_health_and_version_are_plain_paths() {
        let health = |probe| {
            Destination::Health(ProbeRequest {
                probe,
                only: None,
                verbose: false,
                excluded: Default::default(),
            })
        };
        for (path, destination) in [
            ("/", Destination::Index),
            ("/apis", Destination::Groups),
            ("/apis/", Destination::Groups),
            (
                "/apis/external.metrics.k8s.io",
                Destination::Group(Group::External),
            ),
            (
                "/apis/external.metrics.k8s.io/v1beta1",
                Destination::Resources(Group::External, "v1beta1"),
            ),
            (
                "/apis/external.metrics.k8s.io/v1beta1/",
                Destination::Resources(Group::External, "v1beta1"),
            ),
            (
                "/apis/custom.metrics.k8s.io",
                Destination::Group(Group::Custom),
            ),
            (
                "/apis/custom.metrics.k8s.io/v1beta1",
                Destination::Resources(Group::Custom, "v1beta1"),
            ),
            (
                "/apis/custom.metrics.k8s.io/v1beta2/",
                Destination::Resources(Group::Custom, "v1beta2"),
            ),
            ("/openapi/v2", Destination::Schema(Schema::V2)),
            ("/openapi/v3", Destination::Schema(Schema::V3)),
            (
                "/openapi/v3/apis/a/v1",
                Destination::Schema(Schema::Version {
                    path: "apis/a/v1".to_owned(),
                    hash: None,
                }),
            ),
            ("/openapi/v2/", Destination::Schema(Schema::V2)),
            ("/version", Destination::Version),
            ("/version/", Destination::Version),
            ("/version?timeout=32s", Destination::Version),
            ("/version?timeout=", Destination::Version),
            ("/readyz/", health(Probe::Readyz)),
            ("/healthz", health(Probe::Healthz)),
            ("/livez", health(Probe::Livez)),
            ("/readyz", health(Probe::Readyz)),
        ] {
            let route = get(path);
            let authorized = path.split('?').next().unwrap();
            assert_eq!(
                (route.action(), &route.destination),
                (&on_path("get", authorized), &destination),
                "{path}"
            );
        }
    }

    #[test]
    fn nothing_else_is_found() {
        for path in [
            "/foo",
            "//",
            "//apis",
            "/apis//",
            "/metrics",
            "/openapi",
            "/openapi/v2//",
            "/readyz/ping/ping",
            "/apis/apps",
            "/apis/apps/v1",
            "/apis/external.metrics.k8s.io/v1beta2",
            "/apis/custom.metrics.k8s.io/v1",
            "/apis/custom.metrics.k8s.io/v1/nodes/n1/load",
            "/apis/custom.metrics.k8s.io/v1beta2/foo",
            "/apis/custom.metrics.k8s.io/v1beta2/nodes/n1",
            "/apis/custom.metrics.k8s.io/v1beta2/nodes/n1/",
            "/apis/custom.metrics.k8s.io/v1beta2/nodes//load",
            "/apis/custom.metrics.k8s.io/v1beta2/nodes/n1/a/b",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/foo",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/p1",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/p1/a/b",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/../pods/p1/bar",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/.apps/p1/bar",
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
                let Destination::Refused(_, status) = &route.destination else {
                    panic!("{path} is {route:?}");
                };
                assert_eq!(
                    (route.action(), status.reason),
                    (&action, Reason::NotFound),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_found_is_told_with_what_could_be() {
        let external = "/apis/external.metrics.k8s.io/v1beta1";
        let custom = "/apis/custom.metrics.k8s.io/v1beta1";
        for (path, group, hint) in [
            (
                "/foo".to_owned(),
                None,
                "`/` lists what there is".to_owned(),
            ),
            (
                "/apis/custom.metrics.k8s.io/v1".to_owned(),
                None,
                "`/` lists what there is".to_owned(),
            ),
            (
                format!("{external}/foo"),
                Some(Group::External),
                format!("an external metric is at {external}/namespaces/{{namespace}}/{{metric}}"),
            ),
            (
                // An escaped slash makes no other path.
                format!("{external}/namespaces/default/a%2Fb"),
                Some(Group::External),
                "a/b".parse::<MetricName>().unwrap_err().to_string(),
            ),
            (
                format!("{external}/namespaces/%2e%2E/foo"),
                Some(Group::External),
                "..".parse::<Namespace>().unwrap_err().to_string(),
            ),
            (
                format!("{custom}/namespaces/default/pods"),
                Some(Group::Custom),
                format!(
                    "a custom metric is at {custom}/namespaces/{{namespace}}/{{resource}}/{{object}}/{{metric}}, or without the namespace where the objects lie in none; one of a namespace is at {custom}/namespaces/{{namespace}}/metrics/{{metric}}"
                ),
            ),
            (
                format!("{custom}/nodes/n1/100%25"),
                Some(Group::Custom),
                "100%".parse::<MetricName>().unwrap_err().to_string(),
            ),
        ] {
            let status = Status::not_found_since(hint);
            let refused = Destination::Refused(group, status);
            assert_eq!(get(&path).destination, refused, "{path}");
        }
    }

    #[test]
    fn an_escaped_slash_is_authorized_as_what_it_is_not_a_metric_of() {
        let route = get("/apis/external.metrics.k8s.io/v1beta1/namespaces/default/a%2Fb");
        let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/a/b";
        assert_eq!(route.action(), &on_path("get", path));
    }

    #[test]
    fn discovery_is_read_only_and_probes_take_any_method() {
        let post = |path: &'static str| Route::of(&Method::POST, &Uri::from_static(path));
        for (path, group) in [
            ("/", None),
            ("/apis", None),
            ("/apis/external.metrics.k8s.io", Some(Group::External)),
            ("/apis/custom.metrics.k8s.io/v1beta1", Some(Group::Custom)),
        ] {
            assert_eq!(
                post(path).destination,
                Destination::Refused(group, Status::method_not_allowed()),
                "{path}"
            );
        }
        assert!(matches!(
            post("/readyz?timeout=x").destination,
            Destination::Health(_)
        ));
    }

    #[test]
    fn a_time_that_cannot_be_read_is_told_whatever_is_asked_for() {
        let refused = bad_request(
            "the `timeout` of the request is `x`, which is no duration such as 10s or 1m30s"
                .to_owned(),
        );
        assert_eq!(
            get("/apis?timeout=x").destination,
            Destination::Refused(None, refused)
        );
    }
}
