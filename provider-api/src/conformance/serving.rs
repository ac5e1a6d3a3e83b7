//! What every server of Kubernetes does: health, version, headers, protocols.

use http::Method;

use super::{
    Subject,
    answer::holds,
    case::{Case, Miss, Verdict},
    client::Speaks,
};

const PROBES: [&str; 3] = ["/healthz", "/livez", "/readyz"];

pub(super) const CASES: &[Case] = &[
    Case {
        name: "serving/health",
        promise: "/healthz, /livez and /readyz say ok to anybody, by any method",
        relied_on: "the kubelet's probes bring no identity",
        check: |subject| Box::pin(health(subject)),
    },
    Case {
        name: "serving/health-verbose",
        promise: "?verbose lists the checks, and ?exclude= leaves one out",
        relied_on: "a person who asks why a pod is not ready",
        check: |subject| Box::pin(health_verbose(subject)),
    },
    Case {
        name: "serving/health-check",
        promise: "/readyz/<check> is that check alone, and a 404 for one that there is not",
        relied_on: "a monitor that looks at one thing",
        check: |subject| Box::pin(health_check(subject)),
    },
    Case {
        name: "serving/health-check-is-guarded",
        promise: "/readyz/<check> is for those alone who may read the path",
        relied_on: "only the three plain paths are open to everybody",
        check: |subject| Box::pin(authorization_of_health(subject)),
    },
    Case {
        name: "serving/index",
        promise: "/ lists the paths that there are, and another path is a 404",
        relied_on: "kubectl get --raw /, and people who look around",
        check: |subject| Box::pin(index(subject)),
    },
    Case {
        name: "serving/version",
        promise: "/version tells the server's version",
        relied_on: "a person who asks which version runs",
        check: |subject| Box::pin(version(subject)),
    },
    Case {
        name: "serving/not-cached",
        promise: "answers are not to be cached",
        relied_on: "a proxy that keeps a number serves yesterday's",
        check: |subject| Box::pin(not_cached(subject)),
    },
    Case {
        name: "serving/audit-id",
        promise: "an Audit-Id is echoed, and made where there is none",
        relied_on: "finding one request in the logs of two servers",
        check: |subject| Box::pin(audit_id(subject)),
    },
    Case {
        name: "serving/metrics",
        promise: "/metrics counts requests, and has no series per metric name",
        relied_on: "Prometheus runs full where every name is a label",
        check: |subject| Box::pin(metrics(subject)),
    },
    Case {
        name: "serving/odd-paths",
        promise: "odd paths are refused, and the connection lives",
        relied_on: "a server that falls over at a short path can be felled by anybody",
        check: |subject| Box::pin(odd_paths(subject)),
    },
];

async fn health(subject: &Subject) -> Verdict {
    for path in PROBES {
        let answer = subject.get_as_nobody(path).send().await?.coded(200)?;
        answer.media_type("text/plain")?;
        answer.header_has("x-content-type-options", "nosniff")?;
        holds(answer.text() == "ok", "ok", answer.shown())?;
        subject.ask(Method::HEAD, path).send().await?.coded(200)?;
    }
    Ok(())
}

async fn health_verbose(subject: &Subject) -> Verdict {
    for path in PROBES {
        let name = path.trim_start_matches('/');
        let text = subject
            .get(&format!("{path}?verbose"))
            .send()
            .await?
            .coded(200)?
            .text();
        let passed = format!("{name} check passed");
        holds(
            text.trim_end().ends_with(&passed),
            format!("… {passed}"),
            &text,
        )?;
        let check = text
            .lines()
            .find_map(|line| line.strip_prefix("[+]")?.split(' ').next());
        let Some(check) = check else {
            return Err(Miss::fault("lines like `[+]ping ok`", &text));
        };
        let path = format!("{path}?verbose&exclude={check}");
        let text = subject.get(&path).send().await?.coded(200)?.text();
        let excluded = format!("[+]{check} excluded: ok");
        holds(text.contains(&excluded), &excluded, &text)?;
    }
    Ok(())
}

async fn version(subject: &Subject) -> Verdict {
    let version = subject.get("/version").send().await?.document()?;
    let told = version["gitVersion"].as_str().unwrap_or_default();
    holds(!told.is_empty(), "gitVersion: a version", &version)
}

async fn not_cached(subject: &Subject) -> Verdict {
    let paths = [
        subject
            .metric()
            .or_else(|_| super::custom::one(subject, "v1beta1"))?,
        subject.path_of(&subject.surroundings.unknown),
    ];
    for path in paths {
        let answer = subject.get(&path).send().await?;
        answer.header_has("cache-control", "no-cache")?;
        answer.header_has("cache-control", "private")?;
    }
    Ok(())
}

async fn audit_id(subject: &Subject) -> Verdict {
    let path = subject.path_of(&subject.surroundings.unknown);
    let made = subject.get(&path).send().await?;
    holds(
        !made.header("audit-id").is_empty(),
        "Audit-Id: something",
        "none",
    )?;
    let id = subject.user("audit");
    let echoed = subject.get(&path).header("audit-id", &id).send().await?;
    let seen = echoed.header("audit-id");
    holds(seen == id, format!("Audit-Id: {id}"), seen)
}

async fn index(subject: &Subject) -> Verdict {
    let index = subject.get("/").send().await?.document()?;
    let paths = index["paths"].as_array().map_or(&[][..], Vec::as_slice);
    let there = paths.iter().any(|path| path == subject.group_version());
    holds(
        there,
        format!("paths with {}", subject.group_version()),
        &index,
    )?;
    subject
        .get("/conformance-nowhere")
        .send()
        .await?
        .coded(404)?;
    Ok(())
}

async fn health_check(subject: &Subject) -> Verdict {
    let user = subject.user("checker");
    let as_checker = |path: &str| match subject.handout() {
        Ok(_) => subject.get_as(&user, path),
        Err(_) => Ok(subject.get(path)),
    };
    let verbose = as_checker("/readyz?verbose")?
        .send()
        .await?
        .coded(200)?
        .text();
    let checks = verbose
        .lines()
        .filter_map(|line| line.strip_prefix("[+]")?.split(' ').next());
    let Some(check) = checks.into_iter().next() else {
        return Err(Miss::fault("lines like `[+]ping ok`", &verbose));
    };
    as_checker(&format!("/readyz/{check}"))?
        .send()
        .await?
        .coded(200)?;
    as_checker("/readyz/conformance-no-such-check")?
        .send()
        .await?
        .coded(404)?;
    Ok(())
}

async fn authorization_of_health(subject: &Subject) -> Verdict {
    let user = subject.user("denied-checker");
    subject
        .get_as(&user, "/readyz/ping")?
        .send()
        .await?
        .coded(403)?;
    Ok(())
}

async fn metrics(subject: &Subject) -> Verdict {
    let names = [subject.user("series-a"), subject.user("series-b")];
    for name in &names {
        subject.get(&subject.path_of(name)).send().await?;
    }
    let answer = subject.get("/metrics").send().await?;
    if answer.code == 404 {
        return Err(Miss::Skipped(
            "serves no /metrics, and says so by a 404".to_owned(),
        ));
    }
    let text = answer.coded(200)?.text();
    let counted = text
        .lines()
        .any(|line| line.starts_with("apiserver_request_total{"));
    holds(counted, "a series apiserver_request_total", "none")?;
    let named = text
        .lines()
        .find(|line| names.iter().any(|name| line.contains(name.as_str())));
    holds(
        named.is_none(),
        "no series with a metric's name in it",
        named.unwrap_or_default(),
    )
}

async fn odd_paths(subject: &Subject) -> Verdict {
    for path in [
        "/apis/external.metrics.k8s.io/v1beta1/namespaces",
        "/apis/external.metrics.k8s.io/v1beta1/namespaces//",
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/a/%",
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/a/%ff",
        "/apis/external.metrics.k8s.io//v1beta1",
        "/apis/conformance.example/v1",
    ] {
        let answer = subject.get(path).by(Speaks::Http2).send().await?;
        let refused = answer.code.is_client_error();
        holds(refused, format!("{path}: 4xx"), answer.shown())?;
    }
    Ok(())
}
