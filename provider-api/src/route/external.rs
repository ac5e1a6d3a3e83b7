//! Requests for an external metric.

use http::Method;

use super::{
    Destination, Route,
    list_options::{self, is_watch},
    parsed, selector,
};
use crate::{
    Action, ExternalMetric, MetricName, Namespace, Selector, Status, Target, group::Group,
    query::Query,
};

/// The route, where the path names an external metric.
///
/// # Errors
/// Why it names none.
pub(super) fn route(tail: &[&str], method: &Method, query: &Query<'_>) -> Result<Route, String> {
    let ["namespaces", namespace, name] = tail else {
        return Err(format!(
            "an external metric is at /apis/{}/namespaces/{{namespace}}/{{metric}}",
            ExternalMetric::API_VERSION
        ));
    };
    let namespace: Namespace = parsed(namespace)?;
    let name: MetricName = parsed(name)?;
    let target = Target::Resource {
        namespace: namespace.as_str().to_owned(),
        group: ExternalMetric::GROUP,
        version: ExternalMetric::VERSION,
        resource: name.as_str().to_owned(),
        subresource: String::new(),
        name: String::new(),
    };
    let destination = match series(method, query) {
        Ok(selector) => Destination::External(ExternalMetric::new(namespace, name, selector)),
        Err(status) => Destination::Refused(Some(Group::External), status),
    };
    Ok(Route {
        action: Action {
            verb: verb(method, query),
            target,
        },
        destination,
    })
}

/// Kubernetes' word for what a method does to a resource of which no object is
/// named.
fn verb(method: &Method, query: &Query<'_>) -> String {
    let verb = match *method {
        Method::GET | Method::HEAD if is_watch(query) => "watch",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "deletecollection",
        _ => return method.as_str().to_ascii_lowercase(),
    };
    verb.to_owned()
}

/// The series of the metric that the request wants to read.
fn series(method: &Method, query: &Query<'_>) -> Result<Selector, Status> {
    if method != Method::GET {
        return Err(Status::method_not_allowed());
    }
    if is_watch(query) {
        return Err(Status::not_watchable());
    }
    list_options::check(query)?;
    selector(query, "labelSelector")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::bad_request;

    const E: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default";

    fn get(uri: &str) -> Route {
        Route::of(&Method::GET, &uri.parse().unwrap())
    }

    fn metric(name: &str, selector: &str) -> Destination {
        Destination::External(ExternalMetric::new(
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
            let refused =
                Destination::Refused(Some(Group::External), bad_request(message.to_owned()));
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
                &Destination::Refused(Some(Group::External), Status::not_watchable())
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
            let refused = Destination::Refused(Some(Group::External), Status::method_not_allowed());
            assert_eq!(
                (route.action(), &route.destination),
                (&on_metric(verb, "foo"), &refused),
                "{method}"
            );
        }
    }
}
