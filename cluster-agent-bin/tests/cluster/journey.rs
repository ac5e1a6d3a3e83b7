//! From an HPA to more replicas, with a real API server and a real HPA controller between
//! the agent and the replicas.

use crate::support::{Agent, Cluster, NGINX, eventually, is, requests, seconds};
use serde_json::{Value, json};

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_hpa_makes_its_deployment_grow_and_shrink() {
    let Cluster {
        cp,
        datadog,
        mut agent,
    } = Cluster::with(&requests(0));
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");

    let served = |value: &str| {
        let list: Value = serde_json::from_str(&cp.kubectl(&["get", "--raw", NGINX]).success()?)
            .map_err(|error| error.to_string())?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        match items.as_slice() {
            [item] if item["value"] == value => Ok(()),
            _ => Err(list.to_string()),
        }
    };
    eventually(seconds(30), "the quiet value is served", || served("0"));
    eventually(seconds(30), "the HPA reads it", || {
        let shown = cp.kubectl(&["get", "hpa", "nginxext"]).success()?;
        if shown.contains("0/9 (avg)") {
            Ok(())
        } else {
            Err(shown)
        }
    });

    // The rush: 90 requests a second are ten times what one replica should have, and three
    // replicas are allowed.
    datadog.series(&requests(90));
    eventually(seconds(60), "three replicas", || {
        cp.field("deployment/nginx", "{.spec.replicas}")
            .and_then(is("3"))
    });
    eventually(seconds(30), "the walkthrough's arithmetic", || {
        let shown = cp.kubectl(&["get", "hpa", "nginxext"]).success()?;
        if shown.contains("30/9 (avg)") {
            Ok(())
        } else {
            Err(shown)
        }
    });
    let told = cp
        .kubectl(&["describe", "hpa", "nginxext"])
        .expect_success();
    assert!(
        told.contains(
            "the HPA was able to successfully calculate a replica count from external metric"
        ),
        "{told}"
    );
    println!("{told}");
    let versions = cp.kubectl(&["api-versions"]).expect_success();
    assert!(
        versions
            .lines()
            .any(|version| version == "external.metrics.k8s.io/v1beta1"),
        "{versions}"
    );
    let resources = cp
        .kubectl(&["api-resources", "--api-group=external.metrics.k8s.io"])
        .expect_success();
    // The API server reads our list of resources once a minute; it is never empty.
    assert!(
        resources.contains("external.metrics.k8s.io/v1beta1"),
        "{resources}"
    );

    // Quiet again. Five seconds of stabilization are set for these tests.
    datadog.series(&requests(0));
    eventually(seconds(60), "one replica", || {
        cp.field("deployment/nginx", "{.spec.replicas}")
            .and_then(is("1"))
    });

    // A namespace can go while the agent runs: its discovery answers.
    cp.kubectl(&["create", "namespace", "short-lived"])
        .expect_success();
    cp.kubectl(&["delete", "namespace", "short-lived", "--timeout=30s"])
        .expect_success();

    assert!(agent.stop(seconds(30)).success(), "{}", agent.log());
    let log = agent.log();
    assert!(
        Agent::KEYS.iter().all(|key| !log.contains(key)),
        "a key is in the log: {log}"
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn describe_hpa_says_why_there_is_no_value_and_other_metrics_go_on() {
    let cluster = Cluster::with(&requests(9));
    let Cluster { cp, datadog, agent } = &cluster;
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");

    // A metric that Datadog has never heard of.
    cluster.scale_web_on(&json!({ "name": "nginx.net.requests_per_s", "selector": { "matchLabels": { "kube_container_name": "nginx" } } }));
    cluster.told(
        ": unable to fetch metrics from external metrics API: avg:nginx.net.requests_per_s{kube_container_name:nginx}.rollup(30): \
         Datadog has no metric of this name: check its spelling",
    );
    println!(
        "{}",
        cp.kubectl(&["describe", "hpa", "web"]).expect_success()
    );

    // A metric that exists, and no series with this tag: the selector is edited.
    cluster.scale_web_on(&json!({ "name": "nginx.net.request_per_s", "selector": { "matchLabels": { "kube_container_name": "Nginx" } } }));
    cluster.told(
        ": unable to fetch metrics from external metrics API: avg:nginx.net.request_per_s{kube_container_name:Nginx}.rollup(30): \
         Datadog has no series for this query in the last 300 s: check the metric's name and its tags, which are stored in lower case",
    );

    // DatadogMetrics are not read unless it is asked for.
    cluster.scale_web_on(&json!({ "name": "datadogmetric@default:nginx" }));
    cluster.told("DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD is true");

    // All the while the other HPA has its value.
    eventually(seconds(30), "the other HPA scales", || {
        let shown = cp.kubectl(&["get", "hpa", "nginxext"]).success()?;
        if shown.contains("9/9 (avg)") {
            Ok(())
        } else {
            Err(shown)
        }
    });

    // Datadog refuses the keys. The value there was is served until it is too old, and a
    // metric that never had one says why.
    datadog.faults(&json!([{ "answer": "forbidden" }]));
    cluster.scale_web_on(&json!({ "name": "nginx.net.other" }));
    eventually(seconds(30), "describe tells of the keys", || {
        let told = cp.kubectl(&["describe", "hpa", "web"]).success()?;
        let wanted =
            "refused the keys (HTTP 403: Forbidden): check DD_API_KEY, DD_APP_KEY and DD_SITE";
        if told.contains(wanted) {
            Ok(())
        } else {
            Err(told)
        }
    });
    let log = agent.log();
    assert!(log.contains("HorizontalPodAutoscaler default/web"), "{log}");
    assert!(
        Agent::KEYS.iter().all(|key| !log.contains(key)),
        "a key is in the log: {log}"
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_hpa_reads_a_metric_whose_name_has_capitals() {
    let cluster = Cluster::with(&json!([{ "metric": "Queue.Depth", "shape": { "constant": 9 } }]));
    cluster.scale_web_on(&json!({ "name": "Queue.Depth" }));
    eventually(seconds(30), "the HPA reads it", || {
        let shown = cluster.cp.kubectl(&["get", "hpa", "web"]).success()?;
        if shown.contains("9/9 (avg)") {
            Ok(())
        } else {
            Err(shown)
        }
    });
}
