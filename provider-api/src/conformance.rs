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
mod client;
mod discovery;
mod openapi;
mod protobuf;
mod refused;
mod report;
mod selected;
mod served;
mod serving;
mod stub;
mod subject;

#[cfg(test)]
mod tests;

use futures_util::{StreamExt as _, stream};

use self::case::Case;
pub use self::{
    case::Outcome,
    client::Unanswered,
    report::{Line, Report},
    stub::{Handout, Pair, Stub, StubError},
    subject::{Subject, Surroundings},
};

/// How many cases are on their way at once: enough to be quick, too few to be refused.
const AT_ONCE: usize = 8;

/// All cases, family by family.
fn cases() -> impl Iterator<Item = &'static Case> {
    [
        discovery::CASES,
        openapi::CASES,
        served::CASES,
        selected::CASES,
        refused::CASES,
        authentication::CASES,
        authorization::CASES,
        serving::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Asks `subject` the cases that have `pattern` in their names; all, when it is empty.
pub async fn run(subject: &Subject, pattern: &str) -> Report {
    let chosen: Vec<_> = cases()
        .filter(|case| case.name.contains(pattern))
        .map(|case| async move {
            Line {
                name: case.name,
                promise: case.promise,
                relied_on: case.relied_on,
                outcome: Outcome::from((case.check)(subject).await),
            }
        })
        .collect();
    let lines = stream::iter(chosen).buffered(AT_ONCE).collect().await;
    Report { lines }
}
