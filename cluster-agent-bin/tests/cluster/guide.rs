//! docs/write-a-provider.md does what it says: its manifests are applied, and its program, an
//! example of `k8s-adapter`, scales a Deployment.

use std::fs;

use crate::support::{ControlPlane, Example, eventually, is, seconds, workspace};

fn guide() -> String {
    let guide = workspace().join("docs/write-a-provider.md");
    fs::read_to_string(guide).expect("the guide is there")
}

/// The manifest that the guide shows under this name.
fn manifest(name: &str) -> String {
    let guide = guide();
    let (_, block) = guide
        .split_once(&format!("```yaml\n# {name}\n"))
        .unwrap_or_else(|| panic!("the guide has no {name}"));
    let (yaml, _) = block.split_once("```\n").expect("the block ends");
    yaml.to_owned()
}

#[test]
fn the_guide_shows_the_code_that_is_built() {
    let guide = guide();
    let example = |file: &str| {
        let file = workspace().join("k8s-adapter/examples/queues").join(file);
        fs::read_to_string(file).unwrap()
    };
    let main = example("main.rs");
    let (_, main) = main.split_once(")]\n\n").unwrap();
    for code in [&example("provider.rs"), main] {
        assert!(guide.contains(&format!("```rust\n{code}```\n")), "{code}");
    }
}

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_guide_leads_to_a_deployment_that_scales() {
    let cp = ControlPlane::start();
    for name in [
        "rbac.yaml",
        "deployment.yaml",
        "apiservice.yaml",
        "hpa.yaml",
    ] {
        let file = cp.folder().write(name, &manifest(name));
        let file = file.to_str().unwrap();
        let strictly = ["apply", "--validate=strict", "--dry-run=server", "-f", file];
        let output = cp.kubectl(&strictly);
        // kubectl warns of what it tolerates.
        assert_eq!(
            (output.status.success(), output.stderr.as_str()),
            (true, ""),
            "{name}: {}",
            output.stdout
        );
    }

    // The program runs here and not in a pod, and is reached by a Service without a proxy.
    cp.apply(&manifest("rbac.yaml"));
    let queues = cp.folder().file("queues");
    fs::create_dir_all(queues.join("print")).unwrap();
    let _server = Example::queues(&cp, &queues);
    cp.kubectl(&["create", "deployment", "worker", "--image=worker"])
        .expect_success();
    cp.apply(&manifest("hpa.yaml"));

    eventually(seconds(60), "describe tells the refusal", || {
        let told = cp.kubectl(&["describe", "hpa", "worker"]).success()?;
        let mut lines = told.lines().map(str::trim);
        match lines.find(|line| line.starts_with("ScalingActive")) {
            Some(line)
                if line.ends_with("no queue is chosen by default/jobs_waiting{queue=mail}") =>
            {
                Ok(())
            }
            _ => Err(told),
        }
    });

    let mail = queues.join("mail");
    fs::create_dir(&mail).unwrap();
    for job in 0..30 {
        fs::write(mail.join(job.to_string()), "").unwrap();
    }
    let replicas = |count: &str| {
        eventually(seconds(90), &format!("replicas: {count}"), || {
            cp.field("deployment/worker", "{.spec.replicas}")
                .and_then(is(count))
        });
    };
    replicas("3");
    for job in 0..30 {
        fs::remove_file(mail.join(job.to_string())).unwrap();
    }
    replicas("1");
}
