//! Who asks, as the server has understood it: seen by what it asks its cluster.

use serde_json::{Value, json};

use super::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
    config,
    subject::Ask,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "authentication/nobody",
        promise: "a request that presents nothing comes from system:anonymous, and the cluster decides",
        relied_on: "RBAC rules for system:unauthenticated",
        check: |subject| Box::pin(nobody(subject)),
    },
    Case {
        name: "authentication/headers-alone",
        promise: "X-Remote-User without the front proxy's certificate is nobody",
        relied_on: "otherwise anybody is anybody",
        check: |subject| Box::pin(headers_alone(subject)),
    },
    Case {
        name: "authentication/front-proxy",
        promise: "the front proxy's user, uid, groups and extras reach the cluster, and system:authenticated once",
        relied_on: "RBAC rules for users and groups; extras come with their keys percent-encoded",
        check: |subject| Box::pin(front_proxy(subject)),
    },
    Case {
        name: "authentication/front-proxy-anonymous",
        promise: "an anonymous user that the front proxy passes on does not become authenticated",
        relied_on: "system:authenticated may read discovery",
        check: |subject| Box::pin(front_proxy_anonymous(subject)),
    },
    Case {
        name: "authentication/front-proxy-without-a-user",
        promise: "the front proxy's certificate without a user is a 401",
        relied_on: "the proxy itself is no user",
        check: |subject| Box::pin(front_proxy_without_a_user(subject)),
    },
    Case {
        name: "authentication/front-proxy-of-another-name",
        promise: "a certificate of the front proxy's authority under a name that is not allowed is a 401",
        relied_on: "requestheader-allowed-names",
        check: |subject| Box::pin(front_proxy_of_another_name(subject)),
    },
    Case {
        name: "authentication/front-proxy-for-servers",
        promise: "a certificate that is good for servers alone is a 401",
        relied_on: "a stolen serving certificate must not speak for users",
        check: |subject| Box::pin(front_proxy_for_servers(subject)),
    },
    Case {
        name: "authentication/stranger",
        promise: "a certificate of an unknown authority is a 401, whatever its headers say",
        relied_on: "otherwise anybody is anybody",
        check: |subject| Box::pin(stranger(subject)),
    },
    Case {
        name: "authentication/client-certificate",
        promise: "a client's certificate is its common name and organizations, and headers say nothing",
        relied_on: "admins who talk to the server itself",
        check: |subject| Box::pin(client_certificate(subject)),
    },
    Case {
        name: "authentication/token",
        promise: "a token is who the cluster says it is, and asked about once in a few seconds",
        relied_on: "Prometheus, and people with kubectl create token",
        check: |subject| Box::pin(token(subject)),
    },
    Case {
        name: "authentication/bad-token",
        promise: "a token that the cluster does not know is a 401",
        relied_on: "a bad token must not become anonymous",
        check: |subject| Box::pin(bad_token(subject)),
    },
    Case {
        name: "authentication/token-undecided",
        promise: "a token that the cluster cannot judge now is a 401, and is asked about again",
        relied_on: "a hiccup of the cluster must not lock somebody out",
        check: |subject| Box::pin(token_undecided(subject)),
    },
    Case {
        name: "authentication/config-followed",
        promise: "a name that becomes allowed for the front proxy is let in within seconds, without a restart",
        relied_on: "certificates and names are rotated while servers run",
        check: |subject| Box::pin(config_followed(subject)),
    },
];

/// How the server named `user` when it asked whether they may.
async fn named(subject: &Subject, user: &str, ask: Ask<'_>) -> Result<Value, Miss> {
    ask.send().await?.coded(200)?;
    match subject.access_reviews(user).await?.as_slice() {
        [] => Err(Miss::fault(
            format!("a SubjectAccessReview for {user}"),
            "none",
        )),
        [first, ..] => Ok(first.clone()),
    }
}

/// The groups in alphabetical order: theirs says nothing.
fn groups(spec: &Value) -> Value {
    let mut groups = spec["groups"].as_array().cloned().unwrap_or_default();
    groups.sort_by_key(Value::to_string);
    groups.into()
}

async fn denied_to_anonymous(subject: &Subject, ask: Ask<'_>) -> Verdict {
    let status = ask.send().await?.refusal(403, "Forbidden")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message.contains("\"system:anonymous\""),
        "a message about system:anonymous",
        message,
    )?;
    let anonymous = anonymous_groups(subject).await?;
    holds(
        anonymous.contains(&json!(["system:unauthenticated"])),
        "a SubjectAccessReview for system:anonymous in system:unauthenticated",
        Value::from(anonymous),
    )
}

/// The groups with which the cluster was asked about system:anonymous.
async fn anonymous_groups(subject: &Subject) -> Result<Vec<Value>, Miss> {
    let reviews = subject.access_reviews("system:anonymous").await?;
    Ok(reviews.iter().map(groups).collect())
}

async fn nobody(subject: &Subject) -> Verdict {
    subject.handout()?;
    denied_to_anonymous(subject, subject.get_as_nobody(subject.group_version())).await
}

async fn headers_alone(subject: &Subject) -> Verdict {
    subject.handout()?;
    let ask = subject
        .get_as_nobody(subject.group_version())
        .header("x-remote-user", &subject.user("forger"));
    denied_to_anonymous(subject, ask.header("x-remote-group", "system:masters")).await
}

async fn front_proxy(subject: &Subject) -> Verdict {
    let user = subject.user("bob");
    let ask = subject
        .get_as(&user, subject.group_version())?
        .header("x-remote-uid", "42")
        .header("x-remote-group", "readers")
        .header("x-remote-group", "system:authenticated")
        .header("x-remote-extra-scopes%2fa", "one")
        .header("x-remote-extra-scopes%2fa", "two");
    let spec = named(subject, &user, ask).await?;
    equal(
        "groups",
        &groups(&spec),
        json!(["readers", "system:authenticated"]),
    )?;
    equal(
        "extra",
        &spec["extra"],
        json!({ "scopes/a": ["one", "two"] }),
    )?;
    equal("uid", &spec["uid"], "42")
}

async fn front_proxy_anonymous(subject: &Subject) -> Verdict {
    let ask = subject
        .get_as("system:anonymous", subject.group_version())?
        .header("x-remote-group", "system:unauthenticated");
    denied_to_anonymous(subject, ask).await?;
    // Nobody else asks as system:anonymous with the group of those who are known.
    let all = anonymous_groups(subject).await?;
    let known = all
        .iter()
        .any(|groups| groups.to_string().contains("system:authenticated"));
    holds(!known, "system:unauthenticated alone", Value::from(all))
}

async fn unauthorized(ask: Ask<'_>) -> Verdict {
    ask.send().await?.refusal(401, "Unauthorized")?;
    Ok(())
}

async fn front_proxy_without_a_user(subject: &Subject) -> Verdict {
    let handout = subject.handout()?;
    let bare = || {
        subject
            .get_as_nobody(subject.group_version())
            .holding(&handout.front_proxy)
    };
    unauthorized(bare()).await?;
    unauthorized(bare().header("x-remote-group", "readers")).await
}

async fn front_proxy_of_another_name(subject: &Subject) -> Verdict {
    let own = &subject.handout()?.front_proxy_other_name;
    unauthorized(subject.get_as("bob", subject.group_version())?.holding(own)).await
}

async fn front_proxy_for_servers(subject: &Subject) -> Verdict {
    let own = &subject.handout()?.front_proxy_for_servers;
    unauthorized(subject.get_as("bob", subject.group_version())?.holding(own)).await
}

async fn stranger(subject: &Subject) -> Verdict {
    let own = &subject.handout()?.stranger;
    unauthorized(subject.get_as("bob", subject.group_version())?.holding(own)).await
}

async fn client_certificate(subject: &Subject) -> Verdict {
    let own = &subject.handout()?.client;
    let ask = subject
        .get_as(&subject.user("forger"), subject.group_version())?
        .holding(own);
    let spec = named(subject, "carol", ask).await?;
    equal(
        "groups",
        &groups(&spec),
        json!(["system:authenticated", "team"]),
    )
}

fn bearing<'a>(subject: &'a Subject, token: &str) -> Result<Ask<'a>, Miss> {
    subject.handout()?;
    let ask = subject.get_as_nobody(subject.group_version());
    Ok(ask.header("authorization", &format!("Bearer {token}")))
}

/// How often the server has asked about a token.
async fn asked_about(subject: &Subject, token: &str) -> Result<usize, Miss> {
    let reviews = subject.reviews("TokenReview").await?;
    Ok(reviews.iter().filter(|spec| spec["token"] == token).count())
}

async fn token(subject: &Subject) -> Verdict {
    let token = subject.user("good");
    let user = format!("user-of-{token}");
    let spec = named(subject, &user, bearing(subject, &token)?).await?;
    equal(
        "groups",
        &groups(&spec),
        json!(["system:authenticated", "tokens"]),
    )?;
    equal("uid", &spec["uid"], "7")?;
    equal("extra", &spec["extra"], json!({ "scopes": ["all"] }))?;
    bearing(subject, &token)?.send().await?.coded(200)?;
    let asked = asked_about(subject, &token).await?;
    holds(asked == 1, "one TokenReview for two requests", asked)
}

async fn bad_token(subject: &Subject) -> Verdict {
    unauthorized(bearing(subject, &subject.user("bad"))?).await
}

async fn token_undecided(subject: &Subject) -> Verdict {
    let token = subject.user("broken");
    unauthorized(bearing(subject, &token)?).await?;
    let before = asked_about(subject, &token).await?;
    unauthorized(bearing(subject, &token)?).await?;
    let after = asked_about(subject, &token).await?;
    holds(
        after > before,
        "another TokenReview",
        format!("{after} in all, as before"),
    )
}

async fn config_followed(subject: &Subject) -> Verdict {
    let own = &subject.handout()?.latecomer;
    let user = subject.user("late");
    subject.allow_name("latecomer").await?;
    let ask = || Ok(subject.get_as(&user, subject.group_version())?.holding(own));
    config::coded(subject, &ask, 200).await
}
