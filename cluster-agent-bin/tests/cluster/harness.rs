//! The control plane that other tests stand on, and the manifests that operators apply,
//! proven against the real API server and the real controllers.

use std::{collections::BTreeSet, path::Path};

use crate::support::{
    Agent, Authority, ControlPlane, Datadog, Folder, Verified, alive, eventually, is, seconds,
    stand_in,
};
use serde_json::{Value, json};

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_control_plane_answers_kubectl() {
    let cp = ControlPlane::start();
    let version = cp.kubectl(&["version", "--output=json"]).expect_success();
    let version: Value = serde_json::from_str(&version).unwrap();
    let server = version["serverVersion"]["gitVersion"].as_str();
    assert!(
        server.is_some_and(|version| version.starts_with("v1.")),
        "{version}"
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_agents_account_may_do_what_it_must_and_nothing_else() {
    let cp = ControlPlane::start();
    cp.install("rbac.yaml");
    let (agent, anyone) = (
        cp.service_account("default", "dca"),
        cp.service_account("default", "default"),
    );

    let everywhere: [&str; 7] = [
        "apiservices.apiregistration.k8s.io [] [v1beta1.external.metrics.k8s.io] [get patch]",
        "datadogmetrics.datadoghq.com/status [] [] [update]",
        "events.events.k8s.io [] [] [create patch]",
        "horizontalpodautoscalers.autoscaling [] [] [list watch]",
        "watermarkpodautoscalers.datadoghq.com [] [] [list watch]",
        "subjectaccessreviews.authorization.k8s.io [] [] [create]",
        "tokenreviews.authentication.k8s.io [] [] [create]",
    ];
    let kept = |nth: u32| match nth {
        1 => "configmaps [] [datadog-hpa] [get patch delete]".to_owned(),
        nth => format!("configmaps [] [datadog-hpa-{nth}] [get patch delete]"),
    };
    let kept: Vec<_> = (1..=8).map(kept).collect();
    let at_home: [&str; 6] = [
        "configmaps [] [] [list watch create]",
        "datadogmetrics.datadoghq.com [] [] [list watch create delete]",
        "leases.coordination.k8s.io [] [] [create]",
        "leases.coordination.k8s.io [] [datadog-leader-election] [get update]",
        "secrets [] [] [create]",
        "secrets [] [datadog-cluster-agent-certificate] [get update]",
    ];
    let in_kube_system: [&str; 2] = [
        "configmaps [] [extension-apiserver-authentication] [get list watch]",
        "datadogmetrics.datadoghq.com [] [] [list watch]",
    ];
    let wanted = [(&at_home[..], &kept[..]), (&in_kube_system[..], &[])].map(|(rules, kept)| {
        let rules = everywhere.iter().chain(rules).map(ToString::to_string);
        rules.chain(kept.iter().cloned()).collect::<BTreeSet<_>>()
    });
    // The API server heeds new bindings a moment after it stored them.
    eventually(seconds(30), "the rules are those of the manifest", || {
        let granted = ["default", "kube-system"]
            .map(|namespace| &rules(&cp, &agent, namespace) - &rules(&cp, &anyone, namespace));
        if granted == wanted {
            Ok(())
        } else {
            Err(format!("{granted:?}"))
        }
    });

    cp.kubectl_as(&agent, &["get", "hpa", "--all-namespaces"])
        .expect_success();
    cp.kubectl_as(
        &agent,
        &[
            "get",
            "configmap/extension-apiserver-authentication",
            "--namespace=kube-system",
        ],
    )
    .expect_success();
    let refused = cp.kubectl_as(&agent, &["get", "secrets"]);
    assert!(refused.stderr.contains("forbidden"), "{refused:?}");
}

/// What the user of this kubeconfig may do in a namespace, a line a rule.
fn rules(cp: &ControlPlane, kubeconfig: &Path, namespace: &str) -> BTreeSet<String> {
    let list = [
        "auth",
        "can-i",
        "--list",
        "--no-headers",
        "--namespace",
        namespace,
    ];
    let output = cp.kubectl_as(kubeconfig, &list).expect_success();
    let in_single_spaces = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    output.lines().map(in_single_spaces).collect()
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_api_server_accepts_every_manifest_to_the_last_field() {
    let cp = ControlPlane::start();
    let all = [
        "apply",
        "--validate=strict",
        "--dry-run=server",
        "--recursive",
        "--filename=manifests",
    ];
    let output = cp.kubectl(&all);
    // kubectl warns of what it tolerates.
    assert_eq!(
        (output.status.success(), output.stderr.as_str()),
        (true, ""),
        "{}",
        output.stdout
    );
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_deployment_gets_a_replica_set_and_pods() {
    let cp = ControlPlane::start();
    cp.install("hpa-example/nginx.yaml");
    cp.kubectl(&["scale", "deployment/nginx", "--replicas=2"])
        .expect_success();
    eventually(seconds(30), "the ReplicaSet counts two pods", || {
        cp.field("replicaset", "{.items[*].status.replicas}")
            .and_then(is("2"))
    });
    let phases = cp.field("pod", "{.items[*].status.phase}");
    assert_eq!(phases, Ok("Pending Pending".to_owned()));
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn objects_survive_a_crash_of_etcd_and_of_the_api_server() {
    let mut cp = ControlPlane::start();
    cp.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}, data: {word: still here}}");

    cp.stop_apiserver();
    assert!(cp.field("configmap/kept", "{.data.word}").is_err());
    cp.start_apiserver();
    assert_eq!(
        cp.field("configmap/kept", "{.data.word}"),
        Ok("still here".to_owned())
    );

    cp.stop_etcd();
    cp.start_etcd();
    eventually(seconds(30), "the API server finds etcd again", || {
        cp.field("configmap/kept", "{.data.word}")
            .and_then(is("still here"))
    });
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_registered_server_is_trusted_by_its_authority_or_blindly_but_not_by_a_strangers() {
    let cp = ControlPlane::start();
    let (own, stranger) = (Authority::named("own"), Authority::named("stranger"));
    let port = stand_in(&own, RESOURCES);

    let resources = || {
        cp.kubectl(&["get", "--raw", "/apis/external.metrics.k8s.io/v1beta1"])
            .success()
    };

    cp.register(port, Verified::By(&own.pem()));
    eventually(seconds(30), "the server is available", || {
        cp.external_metrics_available()
    });
    let trusted = |who: &str| eventually(seconds(30), who, || resources().and_then(is(RESOURCES)));
    trusted("the API server trusts the authority");

    cp.register(port, Verified::By(&stranger.pem()));
    let refused = || match resources() {
        Err(_) => Ok(()),
        Ok(answer) => Err(answer),
    };
    eventually(seconds(30), "the API server distrusts a stranger", refused);
    // The server is as reachable as it was: it is the certificate that is refused.
    assert_eq!(cp.external_metrics_available(), Ok(()));

    cp.register(port, Verified::Not);
    trusted("the API server trusts blindly");
}

const RESOURCES: &str = r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"external.metrics.k8s.io/v1beta1","resources":[]}"#;

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_agent_serves_the_cluster_as_its_own_account_and_stops_when_asked() {
    let cp = ControlPlane::start();
    cp.install("rbac.yaml");
    let datadog = Datadog::start(cp.folder(), "{}");
    let mut agent = Agent::start(&cp, &datadog, &[]);
    let port = agent.port().to_string();
    agent.line(seconds(30), &port);
    agent.ready(seconds(30));
    cp.register(agent.port(), Verified::Not);
    eventually(seconds(30), "the agent is available", || {
        cp.external_metrics_available()
    });

    assert_eq!(agent.stop(seconds(20)).code(), Some(0));
    for key in Agent::KEYS {
        assert!(!agent.log().contains(key), "{}", agent.log());
    }
}

#[test]
fn the_simulated_datadog_changes_while_it_runs() {
    let folder = Folder::new();
    let datadog = Datadog::start(&folder, "{}");
    datadog.series(&json!([{ "metric": "shop.orders", "shape": { "constant": 42 } }]));
    datadog.faults(&json!([]));
    assert_eq!(datadog.calls(), Vec::<Value>::new());
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn stopping_leaves_no_process_and_no_file_behind() {
    let cp = ControlPlane::start();
    let (processes, file) = (cp.process_ids(), cp.folder().file("etcd-1.log"));
    assert_eq!(
        processes.iter().map(|&id| alive(id)).collect::<Vec<_>>(),
        [true; 3]
    );
    assert!(file.exists());
    drop(cp);
    assert_eq!(
        processes.iter().map(|&id| alive(id)).collect::<Vec<_>>(),
        [false; 3]
    );
    assert!(!file.exists());
}
