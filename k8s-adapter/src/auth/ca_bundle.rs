//! A bundle of certificate authorities, and the check of a client's chain against it.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, UnixTime, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use time::OffsetDateTime;
use x509_parser::{parse_x509_certificate, x509::AttributeTypeAndValue};

use provider_api::Rejected;

use super::verified::Verified;

/// Certificate authorities that vouch for clients.
#[derive(Clone)]
pub struct CaBundle {
    certificates: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// What was found out already. It belongs to this bundle, and goes with it.
    verified: Arc<Verified>,
}

/// What is wrong with a bundle of certificates.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCaBundle {
    /// The text is not PEM.
    #[error("it is not PEM text")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// There is no certificate in it.
    #[error("it holds no certificate")]
    Empty,
    /// A certificate cannot be read.
    #[error("certificate {position} of it cannot be used as an authority")]
    Certificate {
        /// Which one, counted from 1.
        position: usize,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The certificates cannot be used together.
    #[error("its certificates cannot be used to verify clients")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
}

impl CaBundle {
    /// The bundle of a PEM text.
    ///
    /// # Errors
    /// When the text holds no certificate, or one that cannot be read.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCaBundle> {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(InvalidCaBundle::Pem)?;
        if certificates.is_empty() {
            return Err(InvalidCaBundle::Empty);
        }
        let mut roots = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            roots
                .add(certificate.clone())
                .map_err(|source| InvalidCaBundle::Certificate {
                    position: index + 1,
                    source,
                })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(InvalidCaBundle::Verifier)?;
        Ok(Self {
            certificates,
            verifier,
            verified: Arc::default(),
        })
    }

    /// The subject of a client's certificate, if an authority of this bundle
    /// vouches for it at `now` and for use by a client.
    pub(super) fn verify(
        &self,
        chain: &[Vec<u8>],
        now: OffsetDateTime,
    ) -> Result<Arc<Subject>, Rejected> {
        if let Some(subject) = self.verified.subject(chain, now) {
            return Ok(subject);
        }
        let certificates: Vec<_> = chain
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let Some((own, intermediates)) = certificates.split_first() else {
            return Err(Rejected("no client certificate".to_owned()));
        };
        let since_epoch = Duration::from_secs(now.unix_timestamp().try_into().unwrap_or(0));
        self.verifier
            .verify_client_cert(own, intermediates, UnixTime::since_unix_epoch(since_epoch))
            .map_err(|error| Rejected(format!("client certificate: {error}")))?;
        let subject = Arc::new(Subject::of(own)?);
        if let Some(good) = all_good(&certificates) {
            self.verified.insert(chain, good, Arc::clone(&subject));
        }
        Ok(subject)
    }
}

/// The time in which every one of these certificates is good.
fn all_good(chain: &[CertificateDer<'_>]) -> Option<RangeInclusive<OffsetDateTime>> {
    let validity = |der: &CertificateDer<'_>| {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        Some((
            validity.not_before.to_datetime(),
            validity.not_after.to_datetime(),
        ))
    };
    let validities = chain.iter().map(validity).collect::<Option<Vec<_>>>()?;
    let begin = validities.iter().map(|(begin, _)| *begin).max()?;
    let end = validities.iter().map(|(_, end)| *end).min()?;
    Some(begin..=end)
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaBundle of {}", self.certificates.len())
    }
}

impl PartialEq for CaBundle {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

/// The part of a certificate's subject that Kubernetes makes a user of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// The last common name, as Kubernetes takes it; empty for none.
    pub(super) common_name: String,
    /// All organizations.
    pub(super) organizations: Vec<String>,
}

impl Subject {
    fn of(certificate: &[u8]) -> Result<Self, Rejected> {
        let unreadable = |error: &dyn fmt::Display| {
            Rejected(format!("client certificate: unreadable subject: {error}"))
        };
        let (_, certificate) =
            parse_x509_certificate(certificate).map_err(|error| unreadable(&error))?;
        let text = |attribute: &AttributeTypeAndValue<'_>| {
            attribute
                .as_str()
                .map(str::to_owned)
                .map_err(|error| unreadable(&error))
        };
        let subject = certificate.subject();
        Ok(Self {
            common_name: subject
                .iter_common_name()
                .last()
                .map(text)
                .transpose()?
                .unwrap_or_default(),
            organizations: subject
                .iter_organization()
                .map(text)
                .collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::{CaBundle, InvalidCaBundle, Subject};
    use crate::{auth::testing::Authority, testing::NOW};

    #[test]
    fn the_subject_of_a_client_that_an_authority_vouches_for_is_told() {
        let authority = Authority::new("clients");
        let chain = authority.client("alice", &["ops", "dev"]);
        let subject = authority.bundle().verify(&chain, NOW).unwrap();
        assert_eq!(
            *subject,
            Subject {
                common_name: "alice".to_owned(),
                organizations: vec!["ops".to_owned(), "dev".to_owned()]
            }
        );
    }

    #[test]
    fn a_certificate_of_another_authority_of_the_same_name_is_rejected() {
        let chain = Authority::new("clients").client("alice", &[]);
        assert!(
            Authority::new("clients")
                .bundle()
                .verify(&chain, NOW)
                .is_err()
        );
    }

    #[test]
    fn a_certificate_for_servers_alone_is_rejected() {
        let authority = Authority::new("clients");
        let chain = authority.server("alice");
        assert!(authority.bundle().verify(&chain, NOW).is_err());
    }

    #[test]
    fn a_certificate_is_good_from_its_first_second_to_its_last() {
        let authority = Authority::new("clients");
        let chain = authority.client("alice", &[]);
        let (first, last) = (
            datetime!(2026-01-01 00:00 UTC),
            datetime!(2027-01-01 00:00 UTC),
        );
        let good = |now| authority.bundle().verify(&chain, now).is_ok();
        assert_eq!(
            [
                first - Duration::SECOND,
                first,
                last,
                last + Duration::SECOND
            ]
            .map(good),
            [false, true, true, false]
        );
    }

    #[test]
    fn what_was_verified_once_is_still_asked_for_its_time_and_for_its_bundle() {
        let authority = Authority::new("clients");
        let (bundle, chain) = (authority.bundle(), authority.client("alice", &["ops"]));
        let subject = bundle.verify(&chain, NOW).unwrap();
        assert_eq!(bundle.verified.subject(&chain, NOW), Some(subject.clone()));
        assert_eq!(bundle.verify(&chain, NOW), Ok(subject));
        let last = datetime!(2027-01-01 00:00 UTC);
        assert!(bundle.verify(&chain, last + Duration::SECOND).is_err());
        // What another authority issued, or only a part of it, is something else.
        let others = Authority::new("clients").client("alice", &["ops"]);
        assert!(bundle.verify(&others, NOW).is_err());
        assert!(
            Authority::new("clients")
                .bundle()
                .verify(&chain, NOW)
                .is_err()
        );
        assert!(bundle.verify(&[], NOW).is_err());
    }

    #[test]
    fn more_clients_than_are_remembered_are_verified_all_the_same() {
        let authority = Authority::new("clients");
        let bundle = authority.bundle();
        for round in 0..2 {
            for client in 0..20 {
                let chain = authority.client(&format!("client-{client}"), &[]);
                assert!(bundle.verify(&chain, NOW).is_ok(), "{round}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_are_rejected() {
        assert!(
            Authority::new("clients")
                .bundle()
                .verify(&[b"garbage".to_vec()], NOW)
                .is_err()
        );
        assert!(Authority::new("clients").bundle().verify(&[], NOW).is_err());
    }

    #[test]
    fn a_text_without_a_certificate_is_no_bundle() {
        assert!(matches!(
            CaBundle::from_pem(""),
            Err(InvalidCaBundle::Empty)
        ));
        assert!(matches!(
            CaBundle::from_pem("hello"),
            Err(InvalidCaBundle::Empty)
        ));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            CaBundle::from_pem(broken),
            Err(InvalidCaBundle::Certificate { position: 1, .. })
        ));
    }
}
