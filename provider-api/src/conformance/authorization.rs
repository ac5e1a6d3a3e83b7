//! Whether they may: what the server asks its cluster, and what it makes of the answer.

use http::Method;
use serde_json::{Value, json};

use super::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "authorization/metric",
        promise: "reading a metric is asked about as listing the resource of its name",
        relied_on: "RBAC rules per metric: verb list, resources [\"queue_depth\"]",
        check: |subject| Box::pin(metric(subject)),
    },
    Case {
        name: "authorization/create",
        promise: "a POST to a metric is asked about as creating it",
        relied_on: "who may read is not told what else there is",
        check: |subject| Box::pin(create(subject)),
    },
    Case {
        name: "authorization/paths",
        promise: "discovery, /version and /readyz/ping are asked about as paths, exactly as written",
        relied_on: "ClusterRole system:discovery lists paths",
        check: |subject| Box::pin(paths(subject)),
    },
    Case {
        name: "authorization/denied",
        promise: "a refusal names the user, the verb and the metric, and says the cluster's reason",
        relied_on: "a person who writes the missing rule",
        check: |subject| Box::pin(denied(subject)),
    },
    Case {
        name: "authorization/denied-path",
        promise: "a refused path is named, with empty details",
        relied_on: "a person who writes the missing rule",
        check: |subject| Box::pin(denied_path(subject)),
    },
    Case {
        name: "authorization/denied-first",
        promise: "who may not ask is told so before anything else: not 400, 404, 405 or 406",
        relied_on: "what there is is nobody else's business",
        check: |subject| Box::pin(denied_first(subject)),
    },
    Case {
        name: "authorization/health-is-open",
        promise: "/healthz, /livez and /readyz?verbose are answered without asking the cluster",
        relied_on: "a cluster in trouble must not restart its pods",
        check: |subject| Box::pin(health_is_open(subject)),
    },
    Case {
        name: "authorization/masters",
        promise: "system:masters may do everything, and nobody is asked",
        relied_on: "the aggregator's probes",
        check: |subject| Box::pin(masters(subject)),
    },
    Case {
        name: "authorization/remembered",
        promise: "the same question is asked once in a few seconds",
        relied_on: "an HPA reads four times a minute, and the API server has other work",
        check: |subject| Box::pin(remembered(subject)),
    },
    Case {
        name: "authorization/undecided",
        promise: "a question that the cluster cannot answer is a 500, and is asked again the next time",
        relied_on: "neither a yes nor a no that is remembered",
        check: |subject| Box::pin(undecided(subject)),
    },
];

/// What the server asked about this user.
async fn asked(subject: &Subject, user: &str) -> Result<Value, Miss> {
    match subject.access_reviews(user).await?.as_slice() {
        [spec] => Ok(spec.clone()),
        reviews => Err(Miss::fault(
            format!("one SubjectAccessReview for {user}"),
            Value::from(reviews),
        )),
    }
}

fn attributes(subject: &Subject, verb: &str) -> Value {
    json!({
        "namespace": subject.surroundings.namespace,
        "verb": verb,
        "group": "external.metrics.k8s.io",
        "version": "v1beta1",
        "resource": subject.surroundings.unknown,
    })
}

async fn metric(subject: &Subject) -> Verdict {
    subject.external()?;
    let user = subject.user("lister");
    let path = subject.path_of(&subject.surroundings.unknown);
    subject.get_as(&user, &path)?.send().await?;
    let spec = asked(subject, &user).await?;
    equal(
        "resourceAttributes",
        &spec["resourceAttributes"],
        attributes(subject, "list"),
    )?;
    let both = !spec["nonResourceAttributes"].is_null();
    holds(!both, "no nonResourceAttributes", &spec)
}

async fn create(subject: &Subject) -> Verdict {
    subject.external()?;
    let user = subject.user("denied-creator");
    let path = subject.path_of(&subject.surroundings.unknown);
    let ask = subject.get_as(&user, &path)?.with(Method::POST);
    ask.send().await?.refusal(403, "Forbidden")?;
    let spec = asked(subject, &user).await?;
    equal(
        "resourceAttributes",
        &spec["resourceAttributes"],
        attributes(subject, "create"),
    )
}

async fn paths(subject: &Subject) -> Verdict {
    let with_slash = format!("{}/", subject.group_version());
    for (word, path) in [
        ("pather-1", subject.group_version()),
        ("pather-2", &with_slash),
        ("pather-3", "/version"),
        ("pather-4", "/readyz/ping"),
        ("pather-5", "/metrics"),
        ("pather-6", "/openapi/v2"),
    ] {
        let user = subject.user(word);
        subject.get_as(&user, path)?.send().await?;
        let spec = asked(subject, &user).await?;
        let expected = json!({ "path": path, "verb": "get" });
        equal(
            "nonResourceAttributes",
            &spec["nonResourceAttributes"],
            expected,
        )?;
    }
    Ok(())
}

async fn denied(subject: &Subject) -> Verdict {
    subject.external()?;
    let user = subject.user("denied");
    let name = &subject.surroundings.unknown;
    let answer = subject
        .get_as(&user, &subject.path_of(name))?
        .send()
        .await?;
    answer.header_has("x-content-type-options", "nosniff")?;
    let status = answer.refusal(403, "Forbidden")?;
    let group = "external.metrics.k8s.io";
    let namespace = &subject.surroundings.namespace;
    let expected = format!(
        "{name}.{group} is forbidden: User \"{user}\" cannot list resource \"{name}\" in API group \"{group}\" in the namespace \"{namespace}\": the stub denies it"
    );
    equal("message", &status["message"], expected)?;
    equal(
        "details",
        &status["details"],
        json!({ "group": group, "kind": name }),
    )
}

async fn denied_path(subject: &Subject) -> Verdict {
    let path = subject.group_version();
    let user = subject.user("denied-path");
    let status = subject
        .get_as(&user, subject.group_version())?
        .send()
        .await?
        .refusal(403, "Forbidden")?;
    let expected =
        format!("forbidden: User \"{user}\" cannot get path \"{path}\": the stub denies it");
    equal("message", &status["message"], expected)?;
    equal("details", &status["details"], json!({}))
}

async fn denied_first(subject: &Subject) -> Verdict {
    subject.external()?;
    let user = subject.user("denied-early");
    let metric = subject.path_of(&subject.surroundings.unknown);
    for path in [
        format!("{metric}?labelSelector=%3D%3D%3D"),
        format!("{metric}/x"),
        format!("{metric}?watch=true"),
        "/conformance-no-such-path".to_owned(),
    ] {
        subject
            .get_as(&user, &path)?
            .send()
            .await?
            .refusal(403, "Forbidden")?;
    }
    let unserved = subject.get_as(&user, &metric)?.accept("application/xml");
    unserved.send().await?.coded(403)?;
    let posted = subject.get_as(&user, &metric)?.with(Method::POST);
    posted.send().await?.refusal(403, "Forbidden")?;
    Ok(())
}

async fn health_is_open(subject: &Subject) -> Verdict {
    let user = subject.user("denied-prober");
    for path in ["/healthz", "/livez", "/readyz?verbose"] {
        subject.get_as(&user, path)?.send().await?.coded(200)?;
    }
    let reviews = subject.access_reviews(&user).await?;
    holds(
        reviews.is_empty(),
        "no SubjectAccessReview",
        Value::from(reviews),
    )
}

async fn masters(subject: &Subject) -> Verdict {
    let user = subject.user("denied-master");
    let ask = subject
        .get_as(&user, subject.group_version())?
        .header("x-remote-group", "system:masters");
    ask.send().await?.coded(200)?;
    let reviews = subject.access_reviews(&user).await?;
    holds(
        reviews.is_empty(),
        "no SubjectAccessReview",
        Value::from(reviews),
    )
}

async fn remembered(subject: &Subject) -> Verdict {
    let user = subject.user("regular");
    for _ in 0..3 {
        subject
            .get_as(&user, subject.group_version())?
            .send()
            .await?
            .coded(200)?;
    }
    asked(subject, &user).await?;
    Ok(())
}

async fn undecided(subject: &Subject) -> Verdict {
    let user = subject.user("broken");
    subject
        .get_as(&user, subject.group_version())?
        .send()
        .await?
        .coded(500)?;
    let before = subject.access_reviews(&user).await?.len();
    holds((1..=10).contains(&before), "1 to 10 tries", before)?;
    subject
        .get_as(&user, subject.group_version())?
        .send()
        .await?
        .coded(500)?;
    let after = subject.access_reviews(&user).await?.len();
    holds(
        after > before,
        "another SubjectAccessReview",
        format!("{after} in all, as before"),
    )
}
