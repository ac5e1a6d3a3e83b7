//! Requests for a custom metric.

use http::Method;

use super::{Destination, Route, check_timeout, parsed, selector};
use crate::{
    Action, CustomMetric, GroupResource, MetricName, Namespace, ObjectName, Selector, Status,
    Target,
    custom::{CustomVersion, Objects},
    group::Group,
    query::Query,
};

/// What stands for every object where a path names one.
const EVERY: &str = "*";

/// The route, where the path names a custom metric.
///
/// # Errors
/// Why it names none.
pub(super) fn route(
    version: CustomVersion,
    tail: &[&str],
    method: &Method,
    query: &Query<'_>,
) -> Result<Route, String> {
    let asked = Asked::of(tail, version)?;
    let action = Action {
        verb: verb(method),
        target: asked.target(version),
    };
    let destination = match asked.series(method, query) {
        Ok((metric, objects)) => Destination::Custom {
            version,
            metric,
            objects,
        },
        Err(status) => Destination::Refused(Some(Group::Custom), status),
    };
    Ok(Route {
        action,
        destination,
    })
}

/// What the path asks for.
enum Asked {
    /// A metric of objects in a namespace, or of those that lie in none.
    OfObjects {
        namespace: Option<Namespace>,
        resource: GroupResource,
        /// None for all of them.
        object: Option<ObjectName>,
        name: MetricName,
    },
    /// A metric of a namespace itself. It is authorized as the path has it, as an
    /// object of the resource `metrics` in the namespace, and read as a metric of
    /// the object `namespace`.
    OfNamespace {
        namespace: Namespace,
        name: MetricName,
    },
}

impl Asked {
    fn of(tail: &[&str], version: CustomVersion) -> Result<Self, String> {
        let object = |name: &str| match name {
            EVERY => Ok(None),
            _ => parsed(name).map(Some),
        };
        Ok(match tail {
            ["namespaces", namespace, "metrics", name] => Self::OfNamespace {
                namespace: parsed(namespace)?,
                name: parsed(name)?,
            },
            ["namespaces", namespace, resource, of, name] => Self::OfObjects {
                namespace: Some(parsed(namespace)?),
                resource: parsed(resource)?,
                object: object(of)?,
                name: parsed(name)?,
            },
            // `namespaces` begins the forms above alone.
            [resource, of, name] if *resource != "namespaces" => Self::OfObjects {
                namespace: None,
                resource: parsed(resource)?,
                object: object(of)?,
                name: parsed(name)?,
            },
            _ => return Err(forms(version)),
        })
    }

    fn target(&self, version: CustomVersion) -> Target {
        let (namespace, resource, subresource, name) = match self {
            Self::OfObjects {
                namespace,
                resource,
                object,
                name,
            } => (
                namespace.as_ref().map_or("", Namespace::as_str),
                resource.as_str(),
                name.as_str(),
                object.as_ref().map_or(EVERY, ObjectName::as_str),
            ),
            Self::OfNamespace { namespace, name } => {
                (namespace.as_str(), "metrics", "", name.as_str())
            }
        };
        Target::Resource {
            namespace: namespace.to_owned(),
            group: CustomMetric::GROUP,
            version: version.name(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The series of the metric that the request wants to read, and of what.
    fn series(self, method: &Method, query: &Query<'_>) -> Result<(CustomMetric, Objects), Status> {
        if method != Method::GET {
            return Err(Status::method_not_allowed());
        }
        check_timeout(query)?;
        let labels = selector(query, "labelSelector")?;
        let series = selector(query, "metricLabelSelector")?;
        Ok(self.metric(labels, series))
    }

    fn metric(self, labels: Selector, series: Selector) -> (CustomMetric, Objects) {
        let (namespace, resource, object, name) = match self {
            Self::OfObjects {
                namespace,
                resource,
                object,
                name,
            } => (namespace, resource, object, name),
            Self::OfNamespace { namespace, name } => {
                let object = (namespace.as_str() != EVERY).then(|| namespace.into());
                (None, GroupResource::namespaces(), object, name)
            }
        };
        let metric = match namespace {
            Some(namespace) => CustomMetric::namespaced(namespace, resource, name, series),
            None => CustomMetric::root_scoped(resource, name, series),
        };
        let objects = match object {
            Some(object) => Objects::Named(object),
            None => Objects::Matching(labels),
        };
        (metric, objects)
    }
}

fn forms(version: CustomVersion) -> String {
    let root = format!("/apis/{}/{}", CustomMetric::GROUP, version.name());
    format!(
        "a custom metric is at {root}/namespaces/{{namespace}}/{{resource}}/{{object}}/{{metric}}, \
         or without the namespace where the objects lie in none; \
         one of a namespace is at {root}/namespaces/{{namespace}}/metrics/{{metric}}"
    )
}

/// Kubernetes' word for what a method does to an object. Of a path that names one
/// it knows no `list` and no `watch`, even where the name is `*`.
fn verb(method: &Method) -> String {
    let verb = match *method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        _ => return method.as_str().to_ascii_lowercase(),
    };
    verb.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::bad_request;

    const C: &str = "/apis/custom.metrics.k8s.io/v1beta2";

    fn read(method: &str, tail: &str) -> Route {
        let uri = format!("{C}{tail}").parse().unwrap();
        Route::of(&method.parse().unwrap(), &uri)
    }

    fn action(verb: &str, namespace: &str, resource: &str, name: &str) -> Action {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let target = Target::Resource {
            namespace: namespace.to_owned(),
            group: "custom.metrics.k8s.io",
            version: "v1beta2",
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name: name.to_owned(),
        };
        Action {
            verb: verb.to_owned(),
            target,
        }
    }

    /// What the provider is asked, as a person reads it.
    fn asked(route: &Route) -> (String, String) {
        match &route.destination {
            Destination::Custom {
                version: CustomVersion::V1beta2,
                metric,
                objects: Objects::Named(name),
            } => (metric.to_string(), name.to_string()),
            Destination::Custom {
                version: CustomVersion::V1beta2,
                metric,
                objects: Objects::Matching(labels),
            } => (metric.to_string(), format!("* {labels}")),
            other => (format!("{other:?}"), String::new()),
        }
    }

    #[test]
    fn every_form_of_path_reaches_the_provider_and_the_authorizer() {
        for (tail, (namespace, resource, name), (metric, objects)) in [
            (
                "/namespaces/shop/pods/p1/bar",
                ("shop", "pods/bar", "p1"),
                ("shop/pods/bar{}", "p1"),
            ),
            (
                "/namespaces/shop/pods/p1/bar/?metricLabelSelector=a%3Db&labelSelector=c",
                ("shop", "pods/bar", "p1"),
                ("shop/pods/bar{a=b}", "p1"), // one object is not chosen by labels
            ),
            (
                "/namespaces/shop/pods/*/bar?labelSelector=app%3Dx&metricLabelSelector=a+in+%28b%2Cc%29",
                ("shop", "pods/bar", "*"),
                ("shop/pods/bar{a in (b,c)}", "* app=x"),
            ),
            (
                "/namespaces/shop/pods/%2A/bar",
                ("shop", "pods/bar", "*"),
                ("shop/pods/bar{}", "* "),
            ),
            (
                "/namespaces/shop/deployments.apps/d1/Req%7Cper:S",
                ("shop", "deployments.apps/Req|per:S", "d1"),
                ("shop/deployments.apps/Req|per:S{}", "d1"),
            ),
            (
                "/namespaces/shop/metrics/m1/bar",
                ("shop", "metrics/bar", "m1"), // objects that are called metrics
                ("shop/metrics/bar{}", "m1"),
            ),
            (
                "/nodes/n1/load?watch=true", // what is no list is not watched either
                ("", "nodes/load", "n1"),
                ("nodes/load{}", "n1"),
            ),
            (
                "/nodes/*/load?labelSelector=zone%21%3Da",
                ("", "nodes/load", "*"),
                ("nodes/load{}", "* zone!=a"),
            ),
            (
                "/namespaces/shop/metrics/total",
                ("shop", "metrics", "total"),
                ("namespaces/total{}", "shop"),
            ),
            (
                "/namespaces/%2A/metrics/total?labelSelector=team",
                ("*", "metrics", "total"),
                ("namespaces/total{}", "* team"),
            ),
        ] {
            let route = read("GET", tail);
            assert_eq!(
                route.action(),
                &action("get", namespace, resource, name),
                "{tail}"
            );
            assert_eq!(
                asked(&route),
                (metric.to_owned(), objects.to_owned()),
                "{tail}"
            );
        }
    }

    #[test]
    fn a_version_is_authorized_and_answered_as_itself() {
        let uri = "/apis/custom.metrics.k8s.io/v1beta1/nodes/n1/load";
        let route = Route::of(&Method::GET, &uri.parse().unwrap());
        assert!(matches!(
            route.action().target,
            Target::Resource {
                version: "v1beta1",
                ..
            }
        ));
        assert!(matches!(
            route.destination,
            Destination::Custom {
                version: CustomVersion::V1beta1,
                ..
            }
        ));
    }

    #[test]
    fn what_is_wrong_is_told_after_authorization_of_the_same_metric() {
        for (query, message) in [
            (
                "labelSelector=a%20b",
                "the `labelSelector` of the request is `a b`: found `b` at character 3, expected `=`, `==`, `!=`, `in`, `notin`, `>` or `<`",
            ),
            (
                "metricLabelSelector=a%20b",
                "the `metricLabelSelector` of the request is `a b`: found `b` at character 3, expected `=`, `==`, `!=`, `in`, `notin`, `>` or `<`",
            ),
            (
                "timeout=bogus",
                "the `timeout` of the request is `bogus`, which is no duration such as 10s or 1m30s",
            ),
        ] {
            let route = read("GET", &format!("/namespaces/shop/pods/*/bar?{query}"));
            let refused =
                Destination::Refused(Some(Group::Custom), bad_request(message.to_owned()));
            assert_eq!(
                (route.action(), &route.destination),
                (&action("get", "shop", "pods/bar", "*"), &refused),
                "{query}"
            );
        }
    }

    #[test]
    fn metrics_are_read_and_nothing_else() {
        for (method, verb) in [
            ("HEAD", "get"),
            ("POST", "create"),
            ("PUT", "update"),
            ("PATCH", "patch"),
            ("DELETE", "delete"),
            ("OPTIONS", "options"),
        ] {
            let route = read(method, "/nodes/n1/load");
            let refused = Destination::Refused(Some(Group::Custom), Status::method_not_allowed());
            assert_eq!(
                (route.action(), &route.destination),
                (&action(verb, "", "nodes/load", "n1"), &refused),
                "{method}"
            );
        }
    }
}
