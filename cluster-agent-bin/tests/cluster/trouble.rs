//! What goes wrong around the agent costs the metric that it concerns, and is told.

use crate::support::{
    Agent, Cluster, ControlPlane, Datadog, NGINX, QUICK, Verified, eventually, requests, seconds,
};
use serde_json::{Value, json};

fn walkthrough_value(cp: &ControlPlane) -> Result<String, String> {
    let list: Value = serde_json::from_str(&cp.kubectl(&["get", "--raw", NGINX]).success()?)
        .map_err(|error| error.to_string())?;
    list["items"][0]["value"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| list.to_string())
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_hpa_that_changes_or_goes_while_datadog_is_slow_disturbs_no_other() {
    let Cluster { cp, datadog, agent } = &Cluster::with(&requests(5));
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    eventually(seconds(30), "the value is served", || walkthrough_value(cp));

    // Every answer takes two seconds now, so each edit below falls into a refresh.
    datadog.faults(&json!([{ "answer": { "slow": "2s" } }]));
    let scaling_on = |metric: &str| {
        let hpa = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "restless" },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "nginx" },
                "maxReplicas": 3,
                "metrics": [{ "type": "External", "external": { "metric": { "name": metric }, "target": { "type": "Value", "value": "9" } } }],
            },
        });
        cp.apply(&hpa.to_string());
    };
    for metric in ["restless.one", "restless.two", "restless.three"] {
        scaling_on(metric);
        let asked = format!("avg:{metric}{{*}}.rollup(30)");
        eventually(seconds(30), "Datadog is asked for it", || {
            let calls = json!(datadog.calls()).to_string();
            if calls.contains(&asked) {
                Ok(())
            } else {
                Err(calls)
            }
        });
    }
    cp.kubectl(&["delete", "hpa", "restless"]).expect_success();
    eventually(seconds(30), "what nobody asks for is refused", || {
        let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/restless.three";
        match cp.kubectl(&["get", "--raw", path]).success() {
            Err(complaint) if complaint.contains("no HorizontalPodAutoscaler in namespace default asks for this name and selector") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(walkthrough_value(cp), Ok("5".to_owned()), "{}", agent.log());
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn no_failure_of_datadogs_takes_away_a_value_that_is_young_and_none_ends_the_agent() {
    let Cluster { cp, datadog, agent } = &Cluster::with(&requests(5));
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    eventually(seconds(30), "the value is served", || walkthrough_value(cp));
    for fault in [
        json!("server_error"),
        json!("bad_gateway_page"),
        json!("too_many_requests_at_edge"),
        json!("status_error"),
        json!("malformed"),
        json!("cut_off"),
        json!("hang_up"),
    ] {
        let before = datadog.calls().len();
        datadog.faults(&json!([{ "answer": fault, "route": "query" }]));
        // A limit without a reset is waited out for a minute, so nothing more is asked then.
        if fault != "too_many_requests_at_edge" {
            eventually(seconds(30), "Datadog is asked meanwhile", || {
                if datadog.calls().len() > before {
                    Ok(())
                } else {
                    Err("no call")
                }
            });
        }
        assert_eq!(
            walkthrough_value(cp),
            Ok("5".to_owned()),
            "{fault}: {}",
            agent.log()
        );
    }
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_api_server_may_come_back_as_another_and_datadog_may_be_away_at_the_start() {
    let mut cp = ControlPlane::start();
    cp.install("rbac.yaml");
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    let datadog = Datadog::start(
        cp.folder(),
        &json!({ "series": requests(5), "faults": [{ "answer": "hang_up" }] }).to_string(),
    );
    let mut agent = Agent::start(&cp, &datadog, &QUICK);
    agent.ready(seconds(30));
    agent.line(seconds(30), "no value for avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30), asked for by HorizontalPodAutoscaler default/nginxext");
    datadog.faults(&json!([]));
    cp.register(agent.port(), Verified::Not);
    eventually(seconds(30), "the value is served", || {
        walkthrough_value(&cp)
    });

    cp.stop_apiserver();
    cp.start_apiserver();
    eventually(seconds(60), "the value is served again", || {
        walkthrough_value(&cp)
    });
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "late" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "nginx" },
            "maxReplicas": 3,
            "metrics": [{ "type": "External", "external": { "metric": { "name": "nginx.net.request_per_s" }, "target": { "type": "Value", "value": "9" } } }],
        },
    });
    cp.apply(&hpa.to_string());
    let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/nginx.net.request_per_s";
    eventually(seconds(30), "an HPA made since is seen", || {
        cp.kubectl(&["get", "--raw", path]).success()
    });
}
