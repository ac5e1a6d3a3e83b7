//! Wrong about what every server of Kubernetes does.

use serde_json::json;

use super::{super::delegation::issuer, Fault, Quirk, answering, asking, within};
use crate::{Ending, PeerCertificates};

pub(super) const FAULTS: &[Fault] = &[
    answering(
        "health in other words",
        |asked, reply| {
            if asked.uri.path() == "/healthz" && asked.uri.query().is_none() {
                reply.text("fine");
            }
        },
        &["serving/health"],
    ),
    answering(
        "health without its checks",
        |asked, reply| {
            if asked
                .uri
                .query()
                .is_some_and(|query| query.starts_with("verbose"))
            {
                reply.text("ok");
            }
        },
        &["serving/health-verbose", "serving/health-check"],
    ),
    answering(
        "any check is well",
        |asked, reply| {
            if asked.uri.path() == "/readyz/conformance-no-such-check" {
                reply.coded(200);
            }
        },
        &["serving/health-check"],
    ),
    answering(
        "no index",
        |asked, reply| {
            if asked.uri.path() == "/" {
                reply.edit(|index| index["paths"] = json!([]));
            }
        },
        &["serving/index"],
    ),
    answering(
        "no version",
        |asked, reply| {
            if asked.uri.path() == "/version" {
                reply.edit(|version| version["gitVersion"] = json!(""));
            }
        },
        &["serving/version"],
    ),
    answering(
        "answers to keep",
        |_, reply| reply.header("cache-control", "max-age=60"),
        &["serving/not-cached"],
    ),
    answering(
        "no audit id",
        |_, reply| reply.without("audit-id"),
        &["serving/audit-id"],
    ),
    answering(
        "names as labels",
        |asked, reply| {
            if asked.uri.path() == "/metrics" {
                let page = reply.body();
                reply.text(&format!(
                    "{page}x{{resource=\"series-a-names-as-labels\"}} 1\n"
                ));
            }
        },
        &["serving/metrics"],
    ),
    answering(
        "odd paths are too much",
        |asked, reply| {
            if asked.uri.path().contains("%ff") {
                reply.coded(500);
            }
        },
        &["serving/odd-paths"],
    ),
    within("TLS 1.1", Quirk::OldTlsSpoken, &["tls/1.1"]),
    within("TLS 1.3 alone", Quirk::NewTlsAlone, &["tls/1.2"]),
    within("TLS 1.2 alone", Quirk::OldTlsAlone, &["tls/1.3"]),
    within("HTTP 1 alone", Quirk::Http1Alone, &["tls/http2"]),
    within(
        "a certificate of another name",
        Quirk::OtherName,
        &["tls/san"],
    ),
    answering(
        "strangers are too much",
        |asked, reply| {
            let shown = asked.extensions.get::<PeerCertificates>();
            let own = shown.and_then(|shown| shown.0.first());
            if own.is_some_and(|own| issuer(own) == "unknown-ca") {
                reply.coded(500);
            }
        },
        &["tls/any-certificate"],
    ),
    answering(
        "a long selector is too much",
        |asked, reply| {
            if asked.uri.query().is_some_and(|query| query.len() > 10_000) {
                reply.coded(500);
            }
        },
        &["limits/big-selector"],
    ),
    answering(
        "a long path is too much",
        |asked, reply| {
            if asked.uri.path().len() > 10_000 {
                reply.coded(500);
            }
        },
        &["limits/long-path"],
    ),
    within("any header", Quirk::BigHeads, &["limits/big-header"]),
    within(
        "all the time in the world",
        Quirk::Patient,
        &["limits/slow-header", "limits/silence"],
    ),
    within("no limit", Quirk::NoLimit, &["load/in-flight"]),
    within(
        "masters are limited",
        Quirk::MastersLimited,
        &["load/masters"],
    ),
    within(
        "one certificate for ever",
        Quirk::CertificateKept,
        &["certificate/replaced"],
    ),
    asking(
        "ready to the end",
        |asked| {
            asked.extensions.remove::<Ending>();
        },
        &["lifecycle/not-ready"],
    ),
    within(
        "requests are cut off",
        Quirk::CutsOff,
        &["lifecycle/finishes"],
    ),
    within(
        "no end",
        Quirk::Lingers,
        &[
            "lifecycle/not-ready",
            "lifecycle/refuses",
            "lifecycle/exit-code",
        ],
    ),
    within("somebody stays", Quirk::StillThere, &["lifecycle/refuses"]),
    within(
        "the end is a failure",
        Quirk::Fails,
        &["lifecycle/exit-code"],
    ),
    within(
        "one signal alone",
        Quirk::OneSignalAlone,
        &["lifecycle/second-signal"],
    ),
];
