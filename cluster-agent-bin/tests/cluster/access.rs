//! Only those who may read a metric read it: identities and permissions of a real cluster.

use crate::support::{
    Agent, Authority, Cluster, ControlPlane, Datadog, NGINX, QUICK, Verified, eventually, requests,
    seconds,
};
use serde_json::json;

/// What kubectl says when it asks the agent itself for the walkthrough's value, and not
/// through the API server, with these flags to tell who it is.
fn asked(cluster: &Cluster, identity: &[&str]) -> Result<String, String> {
    asked_for(NGINX, cluster, identity)
}

fn asked_for(path: &str, cluster: &Cluster, identity: &[&str]) -> Result<String, String> {
    let nobody = cluster.cp.folder().write("nobody", "");
    let server = format!("--server=https://127.0.0.1:{}", cluster.agent.port());
    let arguments = [
        &[&*server, "--insecure-skip-tls-verify", "get", "--raw", path],
        identity,
    ]
    .concat();
    cluster.cp.kubectl_as(&nobody, &arguments).success()
}

#[track_caller]
fn refused(cluster: &Cluster, identity: &[&str], words: &str) {
    let complaint = asked(cluster, identity).expect_err("it is refused");
    assert!(complaint.contains(words), "{complaint}");
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn whoever_may_read_external_metrics_reads_them_and_nobody_else() {
    let cluster = Cluster::with(&requests(7));
    let cp = &cluster.cp;
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    cp.kubectl(&["create", "serviceaccount", "reader"])
        .expect_success();
    cp.kubectl(&[
        "create",
        "clusterrolebinding",
        "reader",
        "--clusterrole=external-metrics-reader",
        "--serviceaccount=default:reader",
    ])
    .expect_success();
    let token = |account: &str| {
        format!(
            "--token={}",
            cp.kubectl(&["create", "token", account])
                .expect_success()
                .trim()
        )
    };

    // By token.
    let reader = token("reader");
    eventually(seconds(30), "a ServiceAccount with the role reads", || {
        let list = asked(&cluster, &[&reader])?;
        if list.contains(r#""value":"7""#) {
            Ok(())
        } else {
            Err(list)
        }
    });
    refused(
        &cluster,
        &[&token("default")],
        r#"User "system:serviceaccount:default:default" cannot list resource "nginx.net.request_per_s" in API group "external.metrics.k8s.io" in the namespace "default""#,
    );
    refused(
        &cluster,
        &["--token=made-up"],
        "You must be logged in to the server",
    );
    let complaint = cluster.agent.get(NGINX).unwrap_err();
    assert!(
        complaint.contains("403") && complaint.contains("system:anonymous"),
        "{complaint}"
    );

    // By certificate: of an authority that the cluster trusts, then of one that it comes to
    // trust while the agent runs.
    let authority = Authority::named("late");
    let late = authority
        .client("late", Some("system:masters"))
        .write(cp.folder(), "late");
    let flags = [
        format!("--client-certificate={}", late.certificate.display()),
        format!("--client-key={}", late.key.display()),
    ];
    let flags = flags.each_ref().map(String::as_str);
    refused(&cluster, &flags, "You must be logged in to the server");
    let trusted = cp.kubectl(&[
        "get",
        "configmap",
        "extension-apiserver-authentication",
        "-n",
        "kube-system",
        r"-o=jsonpath={.data.client-ca-file}",
    ]);
    let trusted = trusted.expect_success() + &authority.pem();
    let patch = json!({ "data": { "client-ca-file": trusted } }).to_string();
    cp.kubectl(&[
        "patch",
        "configmap",
        "extension-apiserver-authentication",
        "-n",
        "kube-system",
        "--patch",
        &patch,
    ])
    .expect_success();
    eventually(
        seconds(30),
        "a certificate of the new authority is good",
        || asked(&cluster, &flags),
    );

    // The API server's own way is open all the while.
    cp.kubectl(&["get", "--raw", NGINX]).expect_success();
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_user_may_be_allowed_one_metric_and_no_other() {
    let cluster = Cluster::with(&requests(7));
    let cp = &cluster.cp;
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    cp.kubectl(&["create", "serviceaccount", "dashboard"])
        .expect_success();
    cp.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: one-metric}, \
         rules: [{apiGroups: [external.metrics.k8s.io], resources: [nginx.net.request_per_s], verbs: [list]}]}",
    );
    cp.kubectl(&[
        "create",
        "rolebinding",
        "one-metric",
        "--role=one-metric",
        "--serviceaccount=default:dashboard",
    ])
    .expect_success();
    let dashboard = cp.service_account("default", "dashboard");
    let read = |path: &str| cp.kubectl_as(&dashboard, &["get", "--raw", path]).success();

    let list = eventually(seconds(30), "the metric is allowed", || read(NGINX));
    assert!(list.contains(r#""value":"7""#), "{list}");
    let refused = |path: &str, words: &str| {
        let complaint = read(path).expect_err("it is refused");
        assert!(complaint.contains(words), "{complaint}");
    };
    refused(
        &NGINX.replace("request_per_s", "connections"),
        r#"cannot list resource "nginx.net.connections" in API group "external.metrics.k8s.io" in the namespace "default""#,
    );
    refused(
        &NGINX.replace("namespaces/default", "namespaces/kube-system"),
        r#"cannot list resource "nginx.net.request_per_s" in API group "external.metrics.k8s.io" in the namespace "kube-system""#,
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_missing_permission_is_named_and_the_agent_is_not_ready_before_it_is_granted() {
    let cp = ControlPlane::start();
    cp.kubectl(&["create", "serviceaccount", "dca"])
        .expect_success();
    let datadog = Datadog::start(cp.folder(), &json!({ "series": requests(7) }).to_string());
    let mut agent = Agent::start(&cp, &datadog, &QUICK);
    agent.line(
        seconds(30),
        "grant this server's ServiceAccount list and watch on horizontalpodautoscalers in the API group autoscaling",
    );
    agent.line(
        seconds(30),
        "bind this server's ServiceAccount to the Role extension-apiserver-authentication-reader in kube-system",
    );
    assert!(agent.readiness().is_err(), "{}", agent.log());

    cp.install("rbac.yaml");
    agent.ready(seconds(60));
    cp.register(agent.port(), Verified::ByItself);
    eventually(seconds(30), "the APIService is available", || {
        cp.external_metrics_available()
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn what_was_counted_is_read_by_whoever_may_get_its_path() {
    let cluster = Cluster::with(&requests(7));
    let cp = &cluster.cp;
    cp.kubectl(&["create", "serviceaccount", "prometheus"])
        .expect_success();
    let token = cp
        .kubectl(&["create", "token", "prometheus"])
        .expect_success();
    let token = format!("--token={}", token.trim());
    let page = || asked_for("/metrics", &cluster, &[&token]);
    let complaint = page().expect_err("nobody has allowed it yet");
    assert!(
        complaint.contains(
            r#"User "system:serviceaccount:default:prometheus" cannot get path "/metrics""#
        ),
        "{complaint}"
    );

    cp.kubectl(&[
        "create",
        "clusterrole",
        "scraper",
        "--verb=get",
        "--non-resource-url=/metrics",
    ])
    .expect_success();
    cp.kubectl(&[
        "create",
        "clusterrolebinding",
        "scraper",
        "--clusterrole=scraper",
        "--serviceaccount=default:prometheus",
    ])
    .expect_success();
    let page = eventually(seconds(30), "the page is allowed", page);
    // The API server has looked whether we are there.
    let discovery = r#"apiserver_request_total{verb="GET",group="",version="",resource="",subresource="/apis",scope="",component="",code="200"}"#;
    assert!(page.contains(discovery), "{page}");
    println!("{page}");
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn whoever_may_act_as_a_reader_reads() {
    let cluster = Cluster::with(&requests(7));
    let cp = &cluster.cp;
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    cp.kubectl(&["create", "serviceaccount", "deputy"])
        .expect_success();
    cp.kubectl(&[
        "create",
        "clusterrolebinding",
        "readers",
        "--clusterrole=external-metrics-reader",
        "--group=readers",
    ])
    .expect_success();
    let token = cp.kubectl(&["create", "token", "deputy"]).expect_success();
    let token = format!("--token={}", token.trim());
    let as_reader = [&*token, "--as=alice", "--as-group=readers"];
    refused(
        &cluster,
        &as_reader,
        r#"User "system:serviceaccount:default:deputy" cannot impersonate resource "users" in API group """#,
    );

    cp.kubectl(&[
        "create",
        "clusterrole",
        "deputy",
        "--verb=impersonate",
        "--resource=users,groups",
    ])
    .expect_success();
    cp.kubectl(&[
        "create",
        "clusterrolebinding",
        "deputy",
        "--clusterrole=deputy",
        "--serviceaccount=default:deputy",
    ])
    .expect_success();
    eventually(seconds(30), "the deputy reads as a reader", || {
        asked(&cluster, &as_reader)
    });
    // And still not as anybody else.
    refused(
        &cluster,
        &[&token, "--as=alice"],
        r#"User "alice" cannot list"#,
    );
    refused(&cluster, &[&token], r#"deputy" cannot list"#);
}
