//! Does a server keep the contract of the metrics API? Named cases, asked over the
//! wire, of a server in any language.
//!
//! A case states a promise and who relies on it. [`run`] asks them all of a
//! [`Subject`], and tells for each what was expected and what was seen. What a server
//! asks its cluster about its clients is seen by a [`Stub`] in the cluster's place.
//!
//! The suite asks; it never changes what the server knows.

mod answer;
mod authentication;
mod authorization;
mod case;
mod certificate;
mod client;
mod config;
mod custom;
mod discovery;
mod external;
mod family;
mod impersonation;
mod lifecycle;
mod limits;
mod openapi;
mod protobuf;
mod quantity;
mod report;
mod serving;
mod stub;
mod subject;
mod tls;

#[cfg(test)]
mod tests;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

pub use self::{
    case::Outcome,
    client::Unanswered,
    family::listed,
    lifecycle::{Launch, Program, Running},
    report::{Line, Report},
    stub::{Handout, Pair, Stub, StubError},
    subject::{CustomMetrics, Install, Subject, Surroundings},
};
use self::{
    case::{Case, Miss},
    family::{Company, FAMILIES, Family},
};

/// How many cases are on their way at once: enough to be quick, too few to be refused.
const AT_ONCE: usize = 12;

/// Asks `subject` the cases that have `pattern` in their names; all, when it is empty.
///
/// Those that disturb nobody are asked side by side. Then come those that change what
/// every request meets, one after the other, and in the end those about the end.
pub async fn run(subject: &Subject, pattern: &str) -> Report {
    let chosen = |company: Company| {
        FAMILIES
            .iter()
            .filter(move |family| family.company == company)
            .flat_map(|family| family.cases().map(move |case| (family, case)))
            .filter(|(_, case)| case.name.contains(pattern))
    };
    let server = subject.start().await;
    let version = version(subject).await;
    let shared = chosen(Company::Shared).enumerate();
    let shared = shared
        .map(|(place, (family, case))| async move { (place, ask(subject, family, case).await) });
    // Some cases take long: the others are not to wait for them.
    let shared = stream::iter(shared.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
    let mut shared: Vec<(usize, Line)> = shared.collect().await;
    shared.sort_unstable_by_key(|(place, _)| *place);
    let mut lines: Vec<Line> = shared.into_iter().map(|(_, line)| line).collect();
    let mut server = Some(server);
    for (family, case) in chosen(Company::Alone) {
        if family.name == lifecycle::NAME {
            // Its cases start a server of their own, in the place of this one.
            server = None;
        }
        lines.push(ask(subject, family, case).await);
    }
    drop(server);
    Report {
        server: subject.base.to_string().trim_end_matches('/').to_owned(),
        version,
        lines,
    }
}

/// What the server says its version is.
async fn version(subject: &Subject) -> Option<String> {
    let answer = subject.get("/version").send().await.ok()?;
    let told = answer.json().ok()?["gitVersion"].as_str()?.to_owned();
    (!told.is_empty()).then_some(told)
}

async fn ask(subject: &Subject, family: &Family, case: &'static Case) -> Line {
    let begun = Instant::now();
    let verdict = if family.external && !subject.surroundings.external {
        Err(Miss::Skipped("serves no external metrics".to_owned()))
    } else {
        (case.check)(subject).await
    };
    Line {
        name: case.name,
        promise: case.promise,
        relied_on: case.relied_on,
        outcome: verdict.into(),
        took: begun.elapsed(),
    }
}
