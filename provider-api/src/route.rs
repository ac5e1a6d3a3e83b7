//! What a request asks for, read once from its method and URI: so that what was
//! authorized is what is answered.

mod custom;
mod external;
mod list_options;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, cell::RefCell, str::FromStr, sync::Arc};

use http::{Method, Request, Uri};

use crate::{
    Action, CustomMetric, ExternalMetric, InvalidName, Selector, Status, Target,
    custom::{CustomVersion, Objects},
    group::Group,
    health::{Probe, ProbeRequest},
    meanings::Meanings,
    openapi::Schema,
    query::{Query, duration, unescaped},
    status::Reason,
};

/// A request, understood.
///
/// Whoever authorizes a request leaves its route in the request's extensions, in an
/// [`Arc`], where [`MetricsApi`](crate::MetricsApi) finds it.
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

thread_local! {
    /// Of the paths and queries that are asked by `GET`.
    static ROUTES: RefCell<Meanings<Arc<Route>>> = Meanings::none_yet();
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
        let segments: Vec<_> = path.split('/').map(unescaped).collect();
        let mut names: Vec<_> = segments.iter().map(Cow::as_ref).collect();
        if let [first, .., ""] = names[..]
            && !first.is_empty()
        {
            names.pop();
        }
        let query = Query::of(uri);
        let destination = match metric(&names, method, &query) {
            Some((_, Ok(route))) => return route,
            Some((group, Err(why))) => {
                Destination::Refused(Some(group), Status::not_found_since(why))
            }
            None => destination(&names, method, uri, &query),
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

    /// The route of a request: read by whoever needs it first, and then in the request's
    /// extensions.
    pub(crate) fn of_request<B>(request: &mut Request<B>) -> Arc<Self> {
        if let Some(read) = request.extensions().get::<Arc<Self>>() {
            return Arc::clone(read);
        }
        let route = Self::remembered(request.method(), request.uri());
        request.extensions_mut().insert(Arc::clone(&route));
        route
    }

    /// The same as [`Route::of`]. What is read again and again is remembered.
    fn remembered(method: &Method, uri: &Uri) -> Arc<Self> {
        let read = || Arc::new(Self::of(method, uri));
        match (method, uri.path_and_query()) {
            (&Method::GET, Some(text)) => Meanings::of(&ROUTES, text.as_str().as_bytes(), read),
            _ => read(),
        }
    }

    /// What the request does, to be authorized.
    pub fn action(&self) -> &Action {
        &self.action
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }
}

/// The metric that a path below a version of a group names, or why it names none.
fn metric(
    names: &[&str],
    method: &Method,
    query: &Query<'_>,
) -> Option<(Group, Result<Route, String>)> {
    match names {
        ["apis", _, _] => None,
        [
            "apis",
            ExternalMetric::GROUP,
            ExternalMetric::VERSION,
            tail @ ..,
        ] => Some((Group::External, external::route(tail, method, query))),
        ["apis", CustomMetric::GROUP, version, tail @ ..] => {
            let version = CustomVersion::named(version)?;
            Some((Group::Custom, custom::route(version, tail, method, query)))
        }
        _ => None,
    }
}

/// Where a path leads that names no metric.
fn destination(names: &[&str], method: &Method, uri: &Uri, query: &Query<'_>) -> Destination {
    let group = match names {
        ["apis", group, ..] => Group::named(group),
        _ => None,
    };
    let read = |destination| {
        let readable = match *method {
            Method::GET => check_timeout(query),
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
fn selector(query: &Query<'_>, parameter: &str) -> Result<Selector, Status> {
    let text = query.value(parameter).unwrap_or_default();
    text.parse().map_err(|error| {
        bad_request(format!(
            "the `{parameter}` of the request is `{text}`: {error}"
        ))
    })
}

/// Whether the request asks for a time that can be read. A layer above keeps it.
fn check_timeout(query: &Query<'_>) -> Result<(), Status> {
    match query.value("timeout") {
        Some(timeout) if !timeout.is_empty() && duration(&timeout).is_none() => {
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
