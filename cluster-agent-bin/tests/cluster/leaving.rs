//! How the agent goes.

use crate::support::{Cluster, NGINX, eventually, requests, seconds};

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn an_agent_that_is_asked_to_stop_says_so_and_answers_every_read_until_its_port_closes() {
    let Cluster {
        cp,
        datadog: _datadog,
        mut agent,
    } = Cluster::with(&requests(7));
    cp.install("hpa-example/nginx.yaml");
    cp.install("hpa-example/hpa.yaml");
    let read = || cp.kubectl(&["get", "--raw", NGINX]).success();
    eventually(seconds(30), "the value is served", read);

    agent.ask_to_stop();
    eventually(seconds(4), "it is no longer ready", || {
        match agent.readiness() {
            Err(told) if told.contains("[-]shutdown failed") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let mut reads = 0;
    loop {
        let list = read();
        // Alive as long as it listens: whoever asks after the port is closed learns nothing.
        if agent.get("/livez").is_err() {
            break;
        }
        let list = list.unwrap_or_else(|why| panic!("read {reads}: {why}: {}", agent.log()));
        assert!(list.contains(r#""value":"7""#), "{list}");
        reads += 1;
    }
    assert!(reads > 5, "only {reads} reads: {}", agent.log());
    assert!(agent.stopped(seconds(20)).success(), "{}", agent.log());
}
