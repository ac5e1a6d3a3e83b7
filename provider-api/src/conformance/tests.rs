//! The suite against a good server, and against servers that are each wrong in one way.

mod catalogue;
mod delegation;
mod door;
mod provider;
mod server;
mod wrong;

use std::{collections::BTreeSet, time::Duration};

use self::{
    provider::surroundings,
    server::Suspect,
    wrong::{Fault, GOOD},
};
use super::*;

/// All cases, family by family.
fn cases() -> impl Iterator<Item = &'static Case> {
    FAMILIES.iter().flat_map(Family::cases)
}

fn family(case: &str) -> &str {
    case.split_once('/').unwrap().0
}

/// What the suite says of the reference server with this fault, asked the cases with
/// these patterns in their names.
async fn report(fault: &Fault, patterns: &[String]) -> Report {
    let stub = Stub::start(([127, 0, 0, 1], 0).into(), Default::default())
        .await
        .unwrap();
    let suspect = Suspect::new(*fault, stub.handout()).await;
    let url = format!("https://{}", suspect.address);
    let handout = Some(stub.handout().clone());
    let run_name = fault.name.replace(' ', "-");
    let installed = suspect.clone();
    let mut subject = Subject::new(&url, surroundings(), handout, &run_name)
        .unwrap()
        .launched_by(suspect)
        .installing(Box::new(move |pair| {
            installed.install(pair);
            Ok(())
        }));
    subject.patience = Duration::from_secs(4);
    // The reference asks the stub about each request, and others are tested beside it.
    subject.quick = Duration::from_secs(1);
    let mut all = Report {
        server: url,
        version: None,
        lines: Vec::new(),
    };
    for pattern in patterns {
        all.lines.extend(run(&subject, pattern).await.lines);
    }
    all
}

/// The families of the cases that catch a fault; or those cases alone.
fn patterns(fault: &Fault) -> Vec<String> {
    if fault.by_chance {
        return fault
            .caught_by
            .iter()
            .map(|&case| case.to_owned())
            .collect();
    }
    let families = FAMILIES.iter().map(|family| family.name);
    families
        .filter(|name| fault.caught_by.iter().any(|case| family(case) == *name))
        .map(|name| format!("{name}/"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_passes_every_case() {
    let report = report(&GOOD, &[String::new()]).await;
    assert_eq!(report.passed().count(), cases().count(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_caught_by_its_cases_and_by_no_others_of_their_families() {
    let asked = wrong::faults().map(|fault| async move {
        let report = report(fault, &patterns(fault)).await;
        let failed: Vec<_> = report.failed().collect();
        (fault, failed, report)
    });
    let asked: Vec<_> = stream::iter(asked.collect::<Vec<_>>())
        .buffered(4)
        .collect()
        .await;
    let wrong: Vec<_> = asked
        .iter()
        .filter(|(fault, failed, _)| failed != fault.caught_by)
        .map(|(fault, failed, report)| {
            format!(
                "{}: caught by {failed:#?}, not {:#?}\n{report}\n",
                fault.name, fault.caught_by
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_case_is_without_a_fault_that_it_catches() {
    let caught: BTreeSet<_> = wrong::faults()
        .flat_map(|fault| fault.caught_by)
        .copied()
        .collect();
    let idle: Vec<_> = cases()
        .map(|case| case.name)
        .filter(|name| !caught.contains(name))
        .collect();
    assert_eq!(idle, Vec::<&str>::new());
}

#[tokio::test]
async fn a_pattern_chooses_cases() {
    let subject = Subject::new("https://127.0.0.1:1", surroundings(), None, "test").unwrap();
    let report = run(&subject, "serving/version").await;
    let names: Vec<_> = report.lines.iter().map(|line| line.name).collect();
    assert_eq!(names, ["serving/version"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_its_cases_with_the_reason() {
    let subject = Subject::new("https://127.0.0.1:1", surroundings(), None, "test").unwrap();
    let report = run(&subject, "serving/version").await;
    let Outcome::Failed { expected, seen } = &report.lines[0].outcome else {
        panic!("{report}");
    };
    assert_eq!(expected, "an answer");
    assert!(seen.starts_with("no connection: "), "{seen}");
}

#[test]
fn an_address_without_tls_is_refused() {
    let refused = Subject::new("http://127.0.0.1:80", surroundings(), None, "test")
        .err()
        .unwrap();
    assert_eq!(
        refused.to_string(),
        "http://127.0.0.1:80 is no address of a server: https://host:port is one"
    );
}

#[test]
fn no_two_cases_have_one_name_and_each_is_of_its_family() {
    let mut names: Vec<_> = cases().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for of in FAMILIES {
        assert!(
            of.cases().all(|case| family(case.name) == of.name),
            "{}",
            of.name
        );
    }
}
