//! Selectors on their way to the provider: seen by a metric that echoes them.

use serde_json::Value;

use crate::conformance::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
    subject::{encoded, named},
};

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "external/selector-operators",
        promise: "every operator reaches the provider as it was written",
        relied_on: "an HPA with matchExpressions; a term that is dropped means another number",
        check: |subject| Box::pin(selector_operators(subject)),
    },
    Case {
        name: "external/selector-as-the-aggregator-writes-it",
        promise: "a plus is a space, and percent signs are decoded",
        relied_on: "the aggregator encodes every query anew",
        check: |subject| Box::pin(selector_encoding(subject)),
    },
    Case {
        name: "external/no-selector",
        promise: "no selector and an empty one are the same: everything",
        relied_on: "an HPA without a selector sends none, other clients send an empty one",
        check: |subject| Box::pin(no_selector(subject)),
    },
];

/// What the provider says that it was asked for.
async fn echoed(subject: &Subject, query: &str) -> Result<Value, Miss> {
    let path = subject.path_of(named(&subject.surroundings.echo, "echo")?);
    let list = subject
        .get(&format!("{path}{query}"))
        .send()
        .await?
        .document()?;
    Ok(list["items"][0]["metricLabels"]["selector"].clone())
}

async fn selector_operators(subject: &Subject) -> Verdict {
    for written in [
        "a=b",
        "a!=b",
        "a in (b,c)",
        "a notin (b,c)",
        "a",
        "!a",
        "a>1",
        "a<1",
        "a=b,c,!d",
    ] {
        let query = format!("?labelSelector={}", encoded(written));
        equal("selector", &echoed(subject, &query).await?, written)?;
    }
    // The two ways to write it mean the same.
    let seen = echoed(subject, "?labelSelector=a%3D%3Db").await?;
    holds(seen == "a==b" || seen == "a=b", "selector: a==b", seen)
}

async fn selector_encoding(subject: &Subject) -> Verdict {
    let seen = echoed(subject, "?labelSelector=a+in+%28x%2Cy%29%2C%21z").await?;
    equal("selector", &seen, "a in (x,y),!z")
}

async fn no_selector(subject: &Subject) -> Verdict {
    for query in ["", "?labelSelector="] {
        equal("selector", &echoed(subject, query).await?, "")?;
    }
    Ok(())
}
