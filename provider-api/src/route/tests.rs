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
        "the `timeout` of the request is `x`, which is no duration such as 10s or 1m30s".to_owned(),
    );
    assert_eq!(
        get("/apis?timeout=x").destination,
        Destination::Refused(None, refused)
    );
}

#[test]
fn a_remembered_route_is_that_of_its_method_path_and_query() {
    let depth = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue.depth";
    let uris = [
        "/",
        depth,
        &format!("{depth}?labelSelector=a%3Db"),
        &format!("{depth}?watch=1"),
    ];
    for _ in 0..2 {
        for uri in uris {
            for method in [Method::GET, Method::POST, Method::HEAD] {
                let request = Request::builder().method(&method).uri(uri).body(());
                let mut request = request.unwrap();
                let route = Route::of_request(&mut request);
                assert_eq!(*route, Route::of(&method, request.uri()), "{method} {uri}");
            }
        }
    }
}
