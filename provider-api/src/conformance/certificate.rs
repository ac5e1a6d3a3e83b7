//! The serving certificate is replaced.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::time::{Instant, sleep};

use super::{
    Pair, Subject,
    case::{Case, Miss, Verdict},
};

pub(super) const CASES: &[Case] = &[Case {
    name: "certificate/replaced",
    promise: "new connections read a replaced certificate within a minute, and open ones live on",
    relied_on: "cert-manager replaces it while the server runs",
    check: |subject| Box::pin(replaced(subject)),
}];

async fn replaced(subject: &Subject) -> Verdict {
    let Some(install) = &subject.install else {
        return Err(Miss::Skipped("needs --certificate and --key".to_owned()));
    };
    let failed = |what: &str, error: &dyn std::fmt::Display| Miss::Fault {
        expected: what.to_owned(),
        seen: error.to_string(),
    };
    let pair = fresh(subject).map_err(|error| failed("a new certificate", &error))?;
    let new = CertificateDer::from_pem_slice(pair.certificate.as_bytes())
        .map_err(|error| failed("a new certificate", &error))?;
    let mut open = subject.get("").open().await?;
    open.send(subject.get("/livez").request()?)
        .await?
        .coded(200)?;
    install(&pair).map_err(|error| failed("the new certificate in its place", &error))?;

    let begun = Instant::now();
    loop {
        // Now and then the old one is asked, so that it is not closed for being idle.
        open.send(subject.get("/livez").request()?)
            .await?
            .coded(200)?;
        if subject.get("").open().await?.certificate == *new {
            break;
        }
        if begun.elapsed() > subject.patience {
            return Err(Miss::fault(
                "the new certificate",
                "the old one, a minute later",
            ));
        }
        sleep(Duration::from_millis(200)).await;
    }
    open.send(subject.get("/livez").request()?)
        .await?
        .coded(200)?;
    Ok(())
}

/// A certificate that nobody has seen.
fn fresh(subject: &Subject) -> Result<Pair, rcgen::Error> {
    let name = subject.surroundings.san.as_deref().unwrap_or("localhost");
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([name.to_owned()])?.self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}
