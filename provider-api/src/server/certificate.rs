//! The certificate that the server shows.

use std::{collections::BTreeSet, fmt, sync::Arc};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use time::OffsetDateTime;

use super::{CertificateError, validity::Certificate};

/// The names by which a server is reached on its own machine.
pub(super) const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate chain and the private key that belongs to it.
#[derive(Clone)]
pub struct ServingCertificate {
    key: Arc<CertifiedKey>,
    ca_bundle: Option<Arc<str>>,
}

impl ServingCertificate {
    /// A fresh certificate that vouches for itself, for `names` and for loopback.
    ///
    /// The Kubernetes API server asks for the name `<service>.<namespace>.svc`.
    /// The certificate does not run out: it lives as long as the process that
    /// made it, and nobody but its [`ca_bundle`](Self::ca_bundle) trusts it.
    ///
    /// # Errors
    /// When a name is neither a DNS name nor an IP address.
    pub fn self_signed<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, CertificateError> {
        let names: BTreeSet<String> = names
            .into_iter()
            .map(N::into)
            .chain(LOOPBACK.into_iter().map(str::to_owned))
            .collect();
        let names: Vec<String> = names.into_iter().collect();
        let failed = |source| CertificateError::Unmakeable {
            names: names.join(", "),
            source,
        };

        let mut params = CertificateParams::new(names.clone()).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "self-signed metrics server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;

        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self {
            ca_bundle: Some(certificate.pem().into()),
            ..Self::of(vec![certificate.der().clone()], der.into())?
        })
    }

    /// The chain, the server's own certificate first, and its key, as PEM text.
    ///
    /// # Errors
    /// When either text is not what it should be, or the two do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(CertificateError::CertificatePem)?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        Self::of(
            chain,
            PrivateKeyDer::from_pem_slice(key).map_err(CertificateError::KeyPem)?,
        )
    }

    /// What an APIService's `caBundle` says (before base64) to trust a
    /// self-signed certificate. `None` where another authority issued it: that
    /// authority's certificate is the bundle.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca_bundle.as_deref()
    }

    /// Whether clients can accept it at this time.
    ///
    /// # Errors
    /// When it has run out, or is not valid yet: the message says since or until when.
    pub fn is_valid_at(&self, now: OffsetDateTime) -> Result<(), CertificateError> {
        // What cannot be read is left to the clients to judge.
        let Some(own) = self.key.cert.first().and_then(Certificate::of) else {
            return Ok(());
        };
        if now < own.not_before {
            return Err(CertificateError::NotYetValid {
                from: own.not_before,
            });
        }
        if now > own.not_after {
            return Err(CertificateError::Expired { at: own.not_after });
        }
        Ok(())
    }

    /// The key belongs to the chain, so the chain tells.
    pub(super) fn shows_the_same_as(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    fn of(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(CertificateError::Key)?;
        Ok(Self {
            key: Arc::new(key),
            ca_bundle: None,
        })
    }
}

/// Shown to every client, whatever name it asks for.
impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.key))
    }
}

/// Says nothing of the key.
impl fmt::Debug for ServingCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingCertificate")
            .field("chain", &self.key.cert.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    /// A certificate and its key, as files would hold them.
    fn files() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["metrics.default.svc".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn message(result: Result<ServingCertificate, CertificateError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_pair_of_pem_files_is_served() {
        let (certificate, key) = files();
        let served = ServingCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        assert_eq!(served.key.cert, [der]);
    }

    #[test]
    fn a_self_signed_certificate_is_its_own_bundle() {
        let made = ServingCertificate::self_signed(["metrics.default.svc"]).unwrap();
        let bundle = CertificateDer::from_pem_slice(made.ca_bundle().unwrap().as_bytes()).unwrap();
        assert_eq!(made.key.cert, [bundle]);
    }

    #[test]
    fn a_name_that_no_certificate_can_hold_is_named() {
        assert_eq!(
            message(ServingCertificate::self_signed(["metrics.müller.svc"])),
            "cannot make a certificate for 127.0.0.1, ::1, localhost, metrics.müller.svc"
        );
    }

    #[test]
    fn files_given_in_the_wrong_order_are_told_apart() {
        let (certificate, key) = files();
        assert_eq!(
            message(ServingCertificate::from_pem(
                key.as_bytes(),
                certificate.as_bytes()
            )),
            "there is no certificate in the PEM text: a section that begins with BEGIN CERTIFICATE is missing"
        );
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let ((certificate, _), (_, key)) = (files(), files());
        assert_eq!(
            message(ServingCertificate::from_pem(
                certificate.as_bytes(),
                key.as_bytes()
            )),
            "the private key does not serve this certificate"
        );
    }

    #[test]
    fn a_missing_key_says_which_keys_are_understood() {
        let (certificate, _) = files();
        assert_eq!(
            message(ServingCertificate::from_pem(certificate.as_bytes(), b"")),
            "there is no readable private key in the PEM text: PKCS#8, PKCS#1 and SEC1 are understood, encrypted keys are not"
        );
    }

    #[test]
    fn a_certificate_is_valid_from_its_first_second_to_its_last() {
        let from = datetime!(2026-01-02 03:04:05 UTC);
        let to = datetime!(2026-04-02 03:04:05 UTC);
        let mut params = CertificateParams::new(["metrics.default.svc".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (from, to);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let served =
            ServingCertificate::from_pem(made.pem().as_bytes(), key.serialize_pem().as_bytes())
                .unwrap();

        let second = time::Duration::SECOND;
        let judged = [from - second, from, to, to + second]
            .map(|now| served.is_valid_at(now).map_err(|why| why.to_string()));
        let early = "the certificate is not valid before 2026-01-02 3:04:05.0 +00:00:00: \
            check the clock of whoever issued it, and of this machine";
        let late = "the certificate ran out at 2026-04-02 3:04:05.0 +00:00:00: renew it";
        assert_eq!(
            judged,
            [Err(early.to_owned()), Ok(()), Ok(()), Err(late.to_owned())]
        );
    }

    #[test]
    fn printing_a_certificate_shows_no_key() {
        let made = ServingCertificate::self_signed(["metrics.default.svc"]).unwrap();
        assert_eq!(format!("{made:?}"), "ServingCertificate { chain: 1, .. }");
    }
}
