//! How the server greets.

use std::time::Duration;

use http::Version;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{
    Subject, Unanswered,
    answer::holds,
    case::{Case, Miss, Verdict},
    client::{Speaks, connected},
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "tls/1.1",
        promise: "TLS 1.1 is refused",
        relied_on: "its weaknesses are known, and scanners look for it",
        check: |subject| Box::pin(old(subject)),
    },
    Case {
        name: "tls/1.2",
        promise: "TLS 1.2 is spoken to who has no newer one",
        relied_on: "older API servers",
        check: |subject| Box::pin(spoken(subject, Speaks::Tls12, Version::HTTP_11)),
    },
    Case {
        name: "tls/1.3",
        promise: "TLS 1.3 is spoken, and in it HTTP/1.1 to who offers nothing else",
        relied_on: "the kubelet's probes",
        check: |subject| Box::pin(spoken(subject, Speaks::Tls13, Version::HTTP_11)),
    },
    Case {
        name: "tls/http2",
        promise: "HTTP/2 is spoken to who offers it",
        relied_on: "the aggregator",
        check: |subject| Box::pin(spoken(subject, Speaks::Http2, Version::HTTP_2)),
    },
    Case {
        name: "tls/san",
        promise: "the certificate is good for <service>.<namespace>.svc, as an alternative name",
        relied_on: "the aggregator verifies this name, and does not look at the common name",
        check: |subject| Box::pin(san(subject)),
    },
    Case {
        name: "tls/any-certificate",
        promise: "a client's certificate of an unknown authority does not end the handshake",
        relied_on: "a 401 tells what is wrong; an alert tells nobody anything",
        check: |subject| Box::pin(any_certificate(subject)),
    },
];

async fn spoken(subject: &Subject, speaks: Speaks, version: Version) -> Verdict {
    let answer = subject.get("/readyz").by(speaks).send().await?.coded(200)?;
    holds(
        answer.version == version,
        format!("{version:?}"),
        format!("{:?}", answer.version),
    )
}

/// A greeting in TLS 1.1, with the cipher suites that every server of its day had.
const HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x4b, // a record of a handshake
    0x01, 0x00, 0x00, 0x47, // a ClientHello
    0x03, 0x02, // of TLS 1.1
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, // 32 bytes that should be random
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,   //
    0x00, // no session
    0x00, 0x0c, 0xc0, 0x13, 0xc0, 0x14, 0xc0, 0x09, 0xc0, 0x0a, 0x00, 0x2f, 0x00, 0x35, 0x01,
    0x00, // no compression
    0x00, 0x12, // extensions:
    0x00, 0x0a, 0x00, 0x08, 0x00, 0x06, 0x00, 0x17, 0x00, 0x18, 0x00, 0x19, // curves
    0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // and how their points are written
];
/// What a record of a handshake begins with: the server goes on.
const GOES_ON: u8 = 0x16;

async fn old(subject: &Subject) -> Verdict {
    let mut stream = connected(&subject.base).await?;
    stream
        .write_all(HELLO)
        .await
        .map_err(Unanswered::Connection)?;
    let mut first = [0; 1];
    match timeout(Duration::from_secs(10), stream.read(&mut first)).await {
        Ok(Ok(1)) if first[0] == GOES_ON => Err(Miss::fault(
            "an alert, or a closed connection",
            "a ServerHello",
        )),
        Ok(_) => Ok(()),
        Err(_elapsed) => Err(Miss::fault("an alert, or a closed connection", "silence")),
    }
}

async fn san(subject: &Subject) -> Verdict {
    let expected = subject.surroundings.san.as_deref();
    let expected = expected.ok_or_else(|| Miss::Skipped("needs --san".to_owned()))?;
    let connection = subject.get("").open().await?;
    let unread = |_| Miss::fault("a certificate", "something else");
    let (_, certificate) =
        X509Certificate::from_der(&connection.certificate).map_err(|e| unread(e.to_string()))?;
    let names = certificate
        .subject_alternative_name()
        .map_err(|e| unread(e.to_string()))?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let good = names.iter().any(
        |name| matches!(name, GeneralName::DNSName(name) if name.eq_ignore_ascii_case(expected)),
    );
    holds(
        good,
        format!("the alternative name {expected}"),
        format!("{names:?}"),
    )
}

async fn any_certificate(subject: &Subject) -> Verdict {
    let own = &subject.handout()?.stranger;
    let ask = subject.get_as_nobody("/livez").holding(own);
    let answer = ask.send().await?;
    let fine = matches!(answer.code.as_u16(), 200 | 401);
    holds(fine, "HTTP 200 or 401", answer.shown())
}
