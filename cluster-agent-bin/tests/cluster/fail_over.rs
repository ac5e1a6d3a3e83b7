//! Two endpoints, of which the first fails for a while.

use crate::support::{
    Agent, ControlPlane, Datadog, NGINX, QUICK, Verified, eventually, requests, seconds,
};
use serde_json::{Value, json};

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn values_go_on_while_the_first_endpoint_fails_and_come_from_it_again_when_it_answers() {
    const OTHER: [&str; 2] = ["the-other-api-key", "the-other-application-key"];
    let cp = ControlPlane::start();
    cp.install("rbac.yaml");
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    // Each accepts its own keys alone.
    let datadog = |[api, app]: [&str; 2], value| {
        let scenario = json!({ "keys": { "api": api, "app": app }, "series": requests(value) });
        Datadog::start(cp.folder(), &scenario.to_string())
    };
    let (first, second) = (datadog(Agent::KEYS, 5), datadog(OTHER, 7));
    let endpoints =
        json!([{ "url": second.url(), "api_key": OTHER[0], "app_key": OTHER[1] }]).to_string();
    let settings = [
        QUICK[0],
        ("DD_EXTERNAL_METRICS_PROVIDER_ENDPOINTS", &endpoints),
    ];
    let mut agent = Agent::start(&cp, &first, &settings);
    for datadog in [&first, &second] {
        let good = format!("{} accepts both keys", datadog.url());
        agent.line(seconds(30), &good);
    }
    agent.ready(seconds(30));
    cp.register(agent.port(), Verified::Not);
    let served = |value: &str| {
        eventually(seconds(60), &format!("{value} is served"), || {
            let list = cp.kubectl(&["get", "--raw", NGINX]).success()?;
            let list: Value = serde_json::from_str(&list).map_err(|why| why.to_string())?;
            match list["items"][0]["value"].as_str() {
                Some(served) if served == value => Ok(()),
                _ => Err(list.to_string()),
            }
        });
    };
    served("5");

    first.faults(&json!([{ "answer": "bad_gateway" }]));
    served("7");
    let over = format!("{} is asked from now on", second.url());
    agent.line(seconds(30), &over);

    first.faults(&json!([]));
    let back = format!("{} answers again", first.url());
    agent.line(seconds(60), &back);
    served("5");

    let log = agent.log();
    assert_eq!(log.matches(&over).count(), 1, "{log}");
    assert!(!log.contains("no value for"), "{log}");
    for key in Agent::KEYS.iter().chain(&OTHER) {
        assert!(!log.contains(key), "{log}");
    }
}
