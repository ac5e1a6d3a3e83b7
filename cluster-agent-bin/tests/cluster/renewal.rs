//! The agent's certificate is renewed under its feet.

use crate::support::{
    Agent, Authority, ControlPlane, Datadog, NGINX, QUICK, Verified, eventually, requests, seconds,
};
use serde_json::json;

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn a_renewed_certificate_is_shown_in_a_minute_and_no_read_fails_meanwhile() {
    let cp = ControlPlane::start();
    cp.install("rbac.yaml");
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    let [old, new] = ["old", "new"].map(Authority::named);
    let files = old
        .server(&[ControlPlane::SERVICE_NAME])
        .write(cp.folder(), "agent-serving");
    let config = json!({
        "tls-cert-file": files.certificate,
        "tls-private-key-file": files.key,
    })
    .to_string();
    let datadog = Datadog::start(cp.folder(), &json!({ "series": requests(7) }).to_string());
    let settings = [QUICK[0], ("DD_EXTERNAL_METRICS_PROVIDER_CONFIG", &config)];
    let mut agent = Agent::start(&cp, &datadog, &settings);
    agent.ready(seconds(30));
    let read = || cp.kubectl(&["get", "--raw", NGINX]).success();
    // For a time, both authorities are trusted.
    cp.register(agent.port(), Verified::By(&(old.pem() + &new.pem())));
    eventually(seconds(30), "the value is served", read);

    new.server(&[ControlPlane::SERVICE_NAME])
        .write(cp.folder(), "agent-serving");
    let mut reads = 0;
    eventually(seconds(90), "the agent sees it", || {
        let list = read().unwrap_or_else(|why| panic!("read {reads}: {why}: {}", agent.log()));
        assert!(list.contains(r#""value":"7""#), "{list}");
        reads += 1;
        match agent.log() {
            log if log.contains("the serving certificate was renewed") => Ok(()),
            log => Err(log),
        }
    });

    // From here on, the old one would be refused.
    cp.register(agent.port(), Verified::By(&new.pem()));
    eventually(seconds(30), "the new one is trusted", || {
        cp.external_metrics_available()
    });
    let list = read().unwrap_or_else(|why| panic!("{why}: {}", agent.log()));
    assert!(list.contains(r#""value":"7""#), "{list}");
    println!("{reads} reads meanwhile, none failed");
}
