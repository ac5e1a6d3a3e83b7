//! Who asks as somebody else, by Kubernetes' headers.

use serde_json::{Value, json};

use super::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "impersonation/user",
        promise: "who may act as another is that other: the cluster is asked about them",
        relied_on: "kubectl --as, to try what a service account may",
        check: |subject| Box::pin(user(subject)),
    },
    Case {
        name: "impersonation/asked",
        promise: "whether a user may act as another, and in a group, is asked as the verb impersonate",
        relied_on: "RBAC rules for impersonate",
        check: |subject| Box::pin(asked(subject)),
    },
    Case {
        name: "impersonation/denied",
        promise: "who may not act as another is refused with 403, and does not go on as themselves",
        relied_on: "otherwise anybody is anybody",
        check: |subject| Box::pin(denied(subject)),
    },
    Case {
        name: "impersonation/without-a-user",
        promise: "a group without a user to act as is no request to serve",
        relied_on: "a header that is ignored gives rights that nobody asked for",
        check: |subject| Box::pin(without_a_user(subject)),
    },
];

async fn user(subject: &Subject) -> Verdict {
    let target = subject.user("target");
    let ask = subject
        .get_as(&subject.user("denied-actor"), subject.group_version())?
        .header("x-remote-group", "system:masters")
        .header("impersonate-user", &target);
    ask.send().await?.coded(200)?;
    let asked = subject.access_reviews(&target).await?;
    let Some(spec) = asked.first() else {
        return Err(Miss::fault(
            format!("a SubjectAccessReview for {target}"),
            "none",
        ));
    };
    let masters = spec["groups"].to_string().contains("system:masters");
    holds(!masters, "the groups of the other alone", spec)
}

async fn asked(subject: &Subject) -> Verdict {
    let (actor, target) = (subject.user("actor"), subject.user("acted"));
    let ask = subject
        .get_as(&actor, subject.group_version())?
        .header("impersonate-user", &target)
        .header("impersonate-group", "readers");
    ask.send().await?.coded(200)?;
    let asked = subject.access_reviews(&actor).await?;
    for (resource, name) in [("users", target.as_str()), ("groups", "readers")] {
        let found = asked
            .iter()
            .map(|spec| &spec["resourceAttributes"])
            .any(|about| {
                about["verb"] == "impersonate"
                    && about["resource"] == resource
                    && about["name"] == name
            });
        let expected = json!({ "verb": "impersonate", "resource": resource, "name": name });
        holds(found, expected, Value::from(asked.clone()))?;
    }
    let asked = subject.access_reviews(&target).await?;
    let groups = asked.first().map_or(&Value::Null, |spec| &spec["groups"]);
    let there = groups
        .as_array()
        .is_some_and(|groups| groups.contains(&json!("readers")));
    holds(there, "groups with readers", groups)
}

async fn denied(subject: &Subject) -> Verdict {
    let target = subject.user("out-of-reach");
    let ask = subject
        .get_as(&subject.user("denied-actor"), subject.group_version())?
        .header("impersonate-user", &target);
    ask.send().await?.refusal(403, "Forbidden")?;
    let asked = subject.access_reviews(&target).await?;
    holds(
        asked.is_empty(),
        format!("no question about {target}"),
        Value::from(asked),
    )
}

async fn without_a_user(subject: &Subject) -> Verdict {
    let user = subject.user("grouped");
    let ask = subject
        .get_as(&user, subject.group_version())?
        .header("impersonate-group", "system:masters");
    let answer = ask.send().await?;
    let refused = matches!(answer.code.as_u16(), 400 | 403 | 500);
    equal("refused", &refused.into(), true)
        .map_err(|_| Miss::fault("400, 403 or 500", answer.shown()))
}
