//! What a request asks for, read once from its method and URI: so that what was
//! authorized is what is answered.

mod custom;
mod external;
mod list_options;

use std::borrow::Cow;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use crate::{
    Action, CustomMetric, ExternalMetric, Selector, Status, Target,
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
    /// What is wrong with the request. It is said only to those who may send it:
    /// others learn that they may not.
    Refused(Status),
}

impl Route {
    /// Reads a request.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        // Decoded one by one, so that `%2F` within a segment does not part it.
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let segments: Vec<_> = path
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
            .collect();
        let mut names: Vec<_> = segments.iter().map(Cow::as_ref).collect();
        if let ["apis", .., ""] = names[..] {
            names.pop(); // a slash at the end means nothing below /apis
        }
        if let Some(route) =
            external::route(&names, method, uri).or_else(|| custom::route(&names, method, uri))
        {
            return route;
        }
        let action = Action {
            verb: method.as_str().to_ascii_lowercase(),
            target: Target::Path(format!("/{}", segments.join("/"))),
        };
        Self {
            action,
            destination: destination(&names, method, uri),
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

/// Where a path leads that names no metric.
fn destination(names: &[&str], method: &Method, uri: &Uri) -> Destination {
    let read = |destination| match *method {
        Method::GET => destination,
        _ => Destination::Refused(Status::method_not_allowed()),
    };
    let not_found = || Destination::Refused(Status::not_found());
    match names {
        [""] => read(Destination::Index),
        ["apis"] => read(Destination::Groups),
        ["apis", group] => {
            Group::named(group).map_or_else(not_found, |group| read(Destination::Group(group)))
        }
        ["apis", group, version] => {
            let served = Group::named(group)
                .and_then(|group| Some(Destination::Resources(group, group.version(version)?)));
            served.map_or_else(not_found, read)
        }
        ["openapi", "v2"] => read(Destination::Schema(Schema::V2)),
        ["openapi", "v3"] => read(Destination::Schema(Schema::V3)),
        ["openapi", "v3", path @ ..] => read(Destination::Schema(Schema::version(path, uri))),
        ["version"] => read(Destination::Version),
        // Probes come with whatever method they like.
        [probe, check @ ..] if check.len() < 2 => match Probe::named(probe) {
            Some(probe) => Destination::Health(ProbeRequest::of(probe, check.first(), uri)),
            None => not_found(),
        },
        _ => not_found(),
    }
}

/// The group of metrics that a path is in, whatever it says further.
pub(crate) fn group_of(uri: &Uri) -> Option<Group> {
    let group = uri.path().strip_prefix("/apis/")?.split('/').next()?;
    Group::named(group)
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

/// Whether the request asks for a time that can be read. That it is kept is not
/// for us, but for a layer above.
fn check_timeout(uri: &Uri) -> Result<(), Status> {
    match query::parameter(uri, "timeout") {
        Some(timeout) if query::duration(&timeout).is_none() => Err(bad_request(format!(
            "the `timeout` of the request is `{timeout}`, which is no duration such as 10s or 1m30s"
        ))),
        _ => Ok(()),
    }
}

fn bad_request(message: String) -> Status {
    Status::new(Reason::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                excluded: Vec::new(),
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
            "/foo",
            "//apis",
            "/metrics",
            "/openapi",
            "/openapi/v2/",
            "/readyz/ping/ping",
            "/version/",
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
        let route = get("/apis/external.metrics.k8s.io/v1beta1/namespaces/default/a%2Fb");
        assert_eq!(
            route.action(),
            &on_path(
                "get",
                "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/a/b"
            )
        );
        assert_eq!(route.destination, Destination::Refused(Status::not_found()));
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
