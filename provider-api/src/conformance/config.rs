//! The cluster changes who may speak for others, while the server runs.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    Subject,
    answer::holds,
    case::{Case, Miss, Verdict},
    subject::Ask,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "config/authority",
        promise: "another authority of the front proxy is trusted within seconds, without a restart, and the old one no more",
        relied_on: "authorities are rotated while servers run",
        check: |subject| Box::pin(changed(subject, authority(subject))),
    },
    Case {
        name: "config/headers",
        promise: "the user is read from the header that the cluster names, within seconds and without a restart",
        relied_on: "the headers are the cluster's to name",
        check: |subject| Box::pin(changed(subject, headers(subject))),
    },
    Case {
        name: "config/any-name",
        promise: "no allowed names mean any name",
        relied_on: "clusters whose front proxy has an authority of its own",
        check: |subject| Box::pin(changed(subject, any_name(subject))),
    },
    Case {
        name: "config/no-uid-header",
        promise: "X-Remote-Uid says nothing where the cluster names no header for it",
        relied_on: "clusters older than that header pass it through from whoever sends it",
        check: |subject| Box::pin(changed(subject, no_uid_header(subject))),
    },
    Case {
        name: "config/bad-is-not-taken",
        promise: "content that cannot be read changes nothing: the last that could goes on",
        relied_on: "a typing error must not lock the API server out",
        check: |subject| Box::pin(changed(subject, bad_is_not_taken(subject))),
    },
];

/// So long a change may take.
const CHANGE: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(100);
/// So long a server that watches may take to have read what it must not take.
const READ: Duration = Duration::from_secs(2);

/// Changes back what a case has changed, whatever became of it.
async fn changed(subject: &Subject, case: impl Future<Output = Verdict>) -> Verdict {
    subject.handout()?;
    let verdict = case.await;
    subject.configure(json!({})).await?;
    let own = &subject.handout()?.front_proxy_other_name;
    let other = || {
        Ok(subject
            .get_as(&subject.user("back"), subject.group_version())?
            .holding(own))
    };
    let back = coded(subject, &other, 401).await;
    let ours = || subject.get_as(&subject.user("back"), subject.group_version());
    verdict.and(back).and(coded(subject, &ours, 200).await)
}

/// Asks until the answer has this code.
pub(super) async fn coded<'a>(
    subject: &Subject,
    ask: &impl Fn() -> Result<Ask<'a>, Miss>,
    code: u16,
) -> Verdict {
    let begun = Instant::now();
    while begun.elapsed() < CHANGE.min(subject.patience) {
        if ask()?.send().await?.code == code {
            return Ok(());
        }
        sleep(BETWEEN).await;
    }
    ask()?.send().await?.coded(code)?;
    Ok(())
}

async fn authority(subject: &Subject) -> Verdict {
    let handout = subject.handout()?;
    let authority = &handout.next_front_proxy_ca;
    subject
        .configure(json!({ "requestheader-client-ca-file": authority }))
        .await?;
    let path = subject.group_version();
    let next = || {
        Ok(subject
            .get_as(&subject.user("next"), path)?
            .holding(&handout.next_front_proxy))
    };
    coded(subject, &next, 200).await?;
    coded(
        subject,
        &|| subject.get_as(&subject.user("former"), path),
        401,
    )
    .await
}

async fn headers(subject: &Subject) -> Verdict {
    subject
        .configure(json!({ "requestheader-username-headers": "[\"X-Conformance-User\"]" }))
        .await?;
    let handout = subject.handout()?;
    let user = subject.user("renamed");
    let ask = || {
        let ask = subject.get_as_nobody(subject.group_version());
        Ok(ask
            .holding(&handout.front_proxy)
            .header("x-conformance-user", &user))
    };
    coded(subject, &ask, 200).await?;
    let asked = subject.access_reviews(&user).await?;
    holds(
        !asked.is_empty(),
        format!("a SubjectAccessReview for {user}"),
        "none",
    )
}

async fn any_name(subject: &Subject) -> Verdict {
    subject
        .configure(json!({ "requestheader-allowed-names": "[]" }))
        .await?;
    let own = &subject.handout()?.front_proxy_other_name;
    let user = subject.user("unnamed");
    coded(
        subject,
        &|| Ok(subject.get_as(&user, subject.group_version())?.holding(own)),
        200,
    )
    .await
}

async fn no_uid_header(subject: &Subject) -> Verdict {
    // The names change too, so that one can see when the change has arrived.
    subject
        .configure(
            json!({ "requestheader-uid-headers": null, "requestheader-allowed-names": "[]" }),
        )
        .await?;
    let own = &subject.handout()?.front_proxy_other_name;
    let user = subject.user("uid-less");
    let ask = || {
        let ask = subject.get_as(&user, subject.group_version())?.holding(own);
        Ok(ask.header("x-remote-uid", "42"))
    };
    coded(subject, &ask, 200).await?;
    let asked = subject.access_reviews(&user).await?;
    let told = asked.iter().any(|spec| spec["uid"] == "42");
    holds(
        !asked.is_empty() && !told,
        "a SubjectAccessReview without a uid",
        Value::from(asked),
    )
}

async fn bad_is_not_taken(subject: &Subject) -> Verdict {
    subject
        .configure(json!({
            "requestheader-client-ca-file": "no certificate",
            "requestheader-allowed-names": "no JSON",
        }))
        .await?;
    // Long enough for a server that watches to have read it.
    let begun = Instant::now();
    for look in 0.. {
        if begun.elapsed() > READ {
            break;
        }
        let user = subject.user(&format!("kept-{look}"));
        subject
            .get_as(&user, subject.group_version())?
            .send()
            .await?
            .coded(200)?;
        sleep(BETWEEN).await;
    }
    Ok(())
}
