//! The API server verifies the agent's certificate, which the agent issues to itself.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::support::{
    Agent, Cluster, ControlPlane, Datadog, NGINX, QUICK, Verified, eventually, is, requests,
    seconds,
};
use serde_json::{Value, json};

const API_SERVICE: &str = "apiservice/v1beta1.external.metrics.k8s.io";
const SECRET: &str = "secret/datadog-cluster-agent-certificate";

/// A part of the Secret, as base64.
fn kept(cp: &ControlPlane, key: &str) -> Result<String, String> {
    cp.field(SECRET, &format!("{{.data.{}}}", key.replace('.', "\\.")))
}

/// Takes a part out of the Secret, by which an operator asks for a new one.
#[track_caller]
fn remove(cp: &ControlPlane, key: &str) {
    let patch = json!({ "data": { key: null } }).to_string();
    cp.kubectl(&["patch", SECRET, "--type=merge", "--patch", &patch])
        .expect_success();
}

/// The authorities whom the API server trusts, as base64.
fn trusted(cp: &ControlPlane) -> Result<String, String> {
    cp.field(API_SERVICE, "{.spec.caBundle}")
}

/// Reads the walkthrough's value through the API server, again and again, until `done`,
/// and tells how often, and what failed.
fn read_until(cp: &ControlPlane, done: &AtomicBool) -> (u32, Vec<String>) {
    let (mut reads, mut failed) = (0, Vec::new());
    while !done.load(Ordering::Relaxed) {
        reads += 1;
        match cp.kubectl(&["get", "--raw", NGINX]).success() {
            Ok(list) if list.contains(r#""value":"7""#) => {}
            Ok(other) | Err(other) => failed.push(other),
        }
    }
    (reads, failed)
}

/// Opens a connection to the agent itself, again and again, that trusts whom the API
/// server trusts at that moment.
fn connect_until(cluster: &Cluster, done: &AtomicBool) -> (u32, Vec<String>) {
    let (mut connections, mut failed) = (0, Vec::new());
    let nobody = cluster.cp.folder().write("nobody", "");
    while !done.load(Ordering::Relaxed) {
        connections += 1;
        let bundle = trusted(&cluster.cp).map(|bundle| BASE64_STANDARD.decode(bundle));
        let bundle = bundle
            .expect("the API server is there")
            .expect("it is base64");
        let bundle = String::from_utf8(bundle).expect("it is PEM");
        let bundle = cluster.cp.folder().write("bundle", &bundle);
        let arguments = [
            &format!("--server=https://localhost:{}", cluster.agent.port()),
            &format!("--certificate-authority={}", bundle.display()),
            // Without anything, kubectl would ask whoever runs the tests for a password.
            "--username=nobody",
            "--password=nothing",
            "get",
            "--raw",
            "/readyz",
        ];
        if let Err(why) = cluster.cp.kubectl_as(&nobody, &arguments).success() {
            failed.push(why);
        }
    }
    (connections, failed)
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_api_server_verifies_the_agent_by_the_authority_that_the_agent_has_written() {
    let cluster = Cluster::with(&requests(7));
    let cp = &cluster.cp;
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    eventually(seconds(30), "the value is served", || {
        let list = cp.kubectl(&["get", "--raw", NGINX]).success()?;
        match list.contains(r#""value":"7""#) {
            true => Ok(()),
            false => Err(list),
        }
    });
    let spec = cp.field(API_SERVICE, "{.spec}").unwrap();
    let spec: Value = serde_json::from_str(&spec).unwrap();
    assert_eq!(spec.get("insecureSkipTLSVerify"), None, "{spec}");
    assert_eq!(
        spec["caBundle"].as_str(),
        kept(cp, "ca.crt").ok().as_deref()
    );

    // The API server looks once a minute what there is.
    let listed = eventually(seconds(90), "the metric is listed", || {
        let listed = cp.kubectl(&["api-resources", "--no-headers"]).success()?;
        let ours = |line: &&str| line.contains("external.metrics.k8s.io");
        let ours: Vec<_> = listed.lines().filter(ours).map(str::to_owned).collect();
        match &*ours {
            [metric] if metric.starts_with("nginx.net.request_per_s ") => Ok(ours),
            _ => Err(listed),
        }
    });
    println!("{}", listed.join("\n"));
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn certificate_and_authority_are_exchanged_and_no_read_fails_meanwhile() {
    let cluster = Cluster::with(&requests(7));
    let cp = &cluster.cp;
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    eventually(seconds(30), "the HPA reads it", || {
        cp.field(
            "hpa/nginxext",
            "{.status.currentMetrics[0].external.current.averageValue}",
        )
        .and_then(is("7"))
    });

    let done = AtomicBool::new(false);
    let ((reads, failed), (connections, refused)) = thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(cp, &done));
        let connecting = scope.spawn(|| connect_until(&cluster, &done));
        let changed = |key: &str, old: &str| match kept(cp, key)? {
            same if same == old || same.is_empty() => Err(format!("{key} is the old one")),
            _ => Ok(()),
        };
        let first = kept(cp, "tls.crt").unwrap();
        let authority = trusted(cp).unwrap();

        // Another certificate, by the same authority.
        remove(cp, "tls.crt");
        eventually(seconds(30), "another certificate", || {
            changed("tls.crt", &first)
        });
        assert_eq!(trusted(cp).unwrap(), authority);
        // Another authority, of which everybody hears before it issues anything.
        let second = kept(cp, "tls.crt").unwrap();
        remove(cp, "ca.key");
        eventually(
            seconds(30),
            "both authorities are trusted",
            || match trusted(cp)? {
                both if both.len() > authority.len() * 3 / 2 => Ok(()),
                one => Err(one),
            },
        );
        assert_eq!(kept(cp, "tls.crt").unwrap(), second);
        remove(cp, "tls.crt");
        eventually(seconds(30), "a certificate by the new authority", || {
            changed("tls.crt", &second)
        });
        eventually(seconds(30), "the new certificate is shown", || {
            let shown = cluster.agent.log();
            match shown.matches("new connections see the certificate").count() {
                n if n >= 3 => Ok(()),
                _ => Err(shown),
            }
        });
        done.store(true, Ordering::Relaxed);
        (reader.join().unwrap(), connecting.join().unwrap())
    });
    assert_eq!(failed, [""; 0], "of {reads} reads");
    assert_eq!(refused, [""; 0], "of {connections} connections");
    println!("{reads} reads and {connections} new connections meanwhile, none failed");

    // The HPA did not miss it once.
    let described = cp
        .kubectl(&["describe", "hpa", "nginxext"])
        .expect_success();
    assert!(described.contains("ValidMetricFound"), "{described}");
    assert!(
        !described.contains("FailedGetExternalMetric"),
        "{described}"
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_restart_of_the_api_server_or_of_the_agent_is_over_by_itself() {
    let mut cluster = Cluster::with(&requests(7));
    cluster.cp.install("hpa-example/nginx.yaml");
    cluster.cp.install("hpa-example/hpa.yaml");
    let served = |cluster: &Cluster, what: &str| {
        eventually(seconds(60), what, || {
            let list = cluster.cp.kubectl(&["get", "--raw", NGINX]).success()?;
            match list.contains(r#""value":"7""#) {
                true => Ok(()),
                false => Err(list),
            }
        });
    };
    served(&cluster, "the value is served");
    let bundle = trusted(&cluster.cp).unwrap();

    cluster.cp.stop_apiserver();
    cluster.cp.start_apiserver();
    served(&cluster, "it is served by the new API server");

    assert_eq!(cluster.agent.stop(seconds(30)).code(), Some(0));
    let mut agent = Agent::start(&cluster.cp, &cluster.datadog, &QUICK);
    agent.ready(seconds(30));
    // Here the port is another; the certificate is the one that was kept.
    cluster.cp.register(agent.port(), Verified::ByItself);
    cluster.agent = agent;
    served(&cluster, "it is served by the new agent");
    assert_eq!(trusted(&cluster.cp), Ok(bundle));
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_group_that_another_server_serves_is_left_to_it_and_the_log_says_so() {
    let cp = ControlPlane::start();
    cp.install("rbac.yaml");
    cp.apply(
        &json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": "v1beta1.external.metrics.k8s.io" },
            "spec": {
                "group": "external.metrics.k8s.io", "version": "v1beta1",
                "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": { "name": "keda-operator-metrics-apiserver", "namespace": "keda" },
            },
        })
        .to_string(),
    );
    let datadog = Datadog::start(cp.folder(), &json!({ "series": requests(7) }).to_string());
    let mut agent = Agent::start(&cp, &datadog, &QUICK);
    agent.line(
        seconds(30),
        "v1beta1.external.metrics.k8s.io is served by the Service keda/keda-operator-metrics-apiserver",
    );
    agent.ready(seconds(30));
    assert_eq!(trusted(&cp), Ok(String::new()));
    assert!(kept(&cp, "tls.crt").is_err(), "nothing is written");
}
