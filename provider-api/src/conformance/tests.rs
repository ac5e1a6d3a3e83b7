//! The suite against a good server, and against servers that are each wrong in one way.

mod provider;
mod wrong;

use std::{convert::Infallible, sync::Arc};

use hyper::body::Incoming;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use self::{
    provider::{Reference, surroundings},
    wrong::Fault,
};
use super::*;
use crate::{CatchPanic, Deadline, MetricsApi, RequestId, Server, ServingCertificate};

/// What the suite says of the reference server with this fault.
async fn report(fault: Fault, pattern: &str) -> Report {
    let api = ServiceBuilder::new()
        .layer(RequestId::default())
        .layer(CatchPanic)
        .layer(Deadline::default())
        .service(MetricsApi::new(Reference).version("v1.2.3"));
    let spoilt = service_fn(move |request: http::Request<Incoming>| {
        let api = api.clone();
        async move {
            let (request, parts) = fault.request(request);
            let answer = api.oneshot(request).await?;
            Ok::<_, Infallible>(fault.answer(&parts, answer).await)
        }
    });
    let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let url = format!("https://{}", server.local_addr());
    let certificate = Arc::new(ServingCertificate::self_signed(["metrics.default.svc"]).unwrap());
    let serving = tokio::spawn(async move {
        server
            .serve(certificate, spoilt, std::future::pending())
            .await
    });
    let subject = Subject::new(&url, surroundings(), None, "test").unwrap();
    let report = run(&subject, pattern).await;
    serving.abort();
    report
}

#[tokio::test]
async fn a_good_server_passes_every_case_that_can_be_asked_without_a_cluster() {
    let report = report(Fault::None, "").await;
    assert_eq!(
        report.failed().collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "{report}"
    );
    assert!(report.passed().count() > 40, "{report}");
    for line in &report.lines {
        if let Outcome::Skipped(reason) = &line.outcome {
            let needs_cluster = line.name.starts_with("auth") && reason.contains("stub");
            let may_be_missing = reason.contains("by a 404");
            assert!(needs_cluster || may_be_missing, "{}: {reason}", line.name);
        }
    }
}

#[tokio::test]
async fn each_fault_is_caught_by_its_cases_and_by_no_others() {
    let reports = wrong::FAULTS.iter().map(|(fault, _)| report(*fault, ""));
    let reports = futures_util::future::join_all(reports).await;
    for ((fault, caught_by), report) in wrong::FAULTS.iter().zip(reports) {
        let failed: Vec<_> = report.failed().collect();
        assert_eq!(failed, *caught_by, "{fault:?}\n{report}");
    }
}

#[tokio::test]
async fn a_pattern_chooses_cases() {
    let report = report(Fault::None, "serving/version").await;
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
    let refused = Subject::new("http://127.0.0.1:80", surroundings(), None, "test").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "http://127.0.0.1:80 is no address of a server: https://host:port is one"
    );
}

#[test]
fn no_two_cases_have_one_name() {
    let mut names: Vec<_> = cases().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
