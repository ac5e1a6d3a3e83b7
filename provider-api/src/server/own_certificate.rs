//! A server that is its own certificate authority: what it keeps, and when it makes it anew.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use time::{Duration, OffsetDateTime};

use super::{
    CertificateError, ServingCertificate, certificate::LOOPBACK, validity::Certificate as Read,
};

/// Clocks differ: what is made now is good an hour ago as well.
const SKEW: Duration = Duration::HOUR;
/// What has less than this part of its life before it is made anew.
const LAST_PART: i32 = 3;

/// How long what a server issues for itself is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The authority's own certificate.
    pub authority: Duration,
    /// The serving certificate; it is never good for longer than its authority.
    pub certificate: Duration,
}

/// Ten years and ninety days.
impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            authority: Duration::days(3650),
            certificate: Duration::days(90),
        }
    }
}

/// The serving certificate of a server that is its own certificate authority, and the
/// authority: all that has to be kept, as PEM texts, for the next start and for the
/// server's other replicas.
///
/// What is kept is only ever exchanged as a whole, for what [`renewed`](Self::renewed)
/// says. The order of a renewal is such that nobody who trusts the bundle that was kept
/// before ever meets a certificate that it does not vouch for:
///
/// 1. When the authority has a third of its life before it, the next one joins the
///    bundle. The certificate stays as it is.
/// 2. When the certificate has a third of its life before it, the newest authority of
///    the bundle, which everybody has read by now, issues the next one.
/// 3. An authority leaves the bundle when it has run out.
///
/// ```
/// use provider_api::{Lifetimes, OwnCertificate};
/// use time::{Duration, macros::datetime};
///
/// let names = ["metrics.shop.svc".to_owned()];
/// let now = datetime!(2026-01-02 03:04:05 UTC);
/// let first = OwnCertificate::default().renewed(&names, Lifetimes::default(), now)?;
/// let first = first.expect("nothing was there yet");
///
/// // It is good for ninety days, and made anew in the last thirty of them.
/// let in_days = |days| first.renewed(&names, Lifetimes::default(), now + Duration::days(days));
/// assert_eq!(in_days(59)?, None);
/// let second = in_days(61)?.expect("it is time");
/// assert_eq!(second.ca_bundle, first.ca_bundle);
/// # Ok::<(), provider_api::CertificateError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnCertificate {
    /// Whom to trust, the newest authority first: an APIService's `caBundle`, before base64.
    pub ca_bundle: String,
    /// The private key of the newest authority.
    pub ca_key: String,
    /// The serving certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl OwnCertificate {
    /// What to keep from `now` on, for a server of these DNS names and of loopback;
    /// `None` where what is kept is good.
    ///
    /// What is missing, cannot be read or does not belong together is made anew: an
    /// operator who removes the certificate gets another one, and with the authority's
    /// key another authority.
    ///
    /// # Errors
    /// When a name is neither a DNS name nor an IP address, or the machine cannot make keys.
    pub fn renewed(
        &self,
        names: &[String],
        lifetimes: Lifetimes,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, CertificateError> {
        let names: BTreeSet<String> = names
            .iter()
            .cloned()
            .chain(LOOPBACK.map(str::to_owned))
            .collect();
        let trusted = authorities(&self.ca_bundle, now);
        let certificate = Read::first_of(&self.certificate)
            .filter(|read| read.is_good_at(now))
            .filter(|read| read.names == names && read.has_key(&self.key))
            .filter(|read| trusted.iter().any(|authority| authority.issued(read)));

        let newest = trusted.first().filter(|newest| {
            newest.has_key(&self.ca_key) && !newest.is_in_its_last(LAST_PART, now)
        });
        let next = match (newest, certificate) {
            (Some(_), Some(certificate)) if !certificate.is_in_its_last(LAST_PART, now) => {
                return Ok(None);
            }
            (Some(newest), _) => self.with_certificate(newest, &names, lifetimes, now)?,
            (None, certificate) => {
                let next = self.with_authority(&names, lifetimes, now)?;
                match certificate {
                    // First everybody has to hear of the new authority.
                    Some(_) => next,
                    None => {
                        let newest = authorities(&next.ca_bundle, now);
                        let newest = newest.first().expect("it was made in the line above");
                        next.with_certificate(newest, &names, lifetimes, now)?
                    }
                }
            }
        };
        Ok(Some(next))
    }

    /// What the server shows.
    ///
    /// # Errors
    /// When nothing was made yet, or what is kept was changed by somebody else.
    pub fn serving(&self) -> Result<ServingCertificate, CertificateError> {
        ServingCertificate::from_pem(self.certificate.as_bytes(), self.key.as_bytes())
    }

    /// With another authority at the head of the bundle.
    fn with_authority(
        &self,
        names: &BTreeSet<String>,
        lifetimes: Lifetimes,
        now: OffsetDateTime,
    ) -> Result<Self, CertificateError> {
        let key = KeyPair::generate().map_err(CertificateError::Generate)?;
        let mut params = CertificateParams::default();
        // Every authority has a name of its own, so that a chain leads to one of them only.
        let own = digest(&SHA256, key.der_bytes());
        let own: String = own.as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        params.distinguished_name = called(&format!("metrics server authority {own}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = now - SKEW;
        params.not_after = now + lifetimes.authority;
        let made = params
            .self_signed(&key)
            .map_err(|source| unmakeable(names, source))?;

        let mut ca_bundle = made.pem();
        for before in authorities(&self.ca_bundle, now) {
            ca_bundle.push_str(&before.pem());
        }
        Ok(Self {
            ca_bundle,
            ca_key: key.serialize_pem(),
            ..self.clone()
        })
    }

    /// With another certificate, issued by the newest authority.
    fn with_certificate(
        &self,
        newest: &Read,
        names: &BTreeSet<String>,
        lifetimes: Lifetimes,
        now: OffsetDateTime,
    ) -> Result<Self, CertificateError> {
        let unusable = |source| CertificateError::Authority { source };
        let authority = KeyPair::from_pem(&self.ca_key).map_err(unusable)?;
        let authority = Issuer::from_ca_cert_der(&newest.der, authority).map_err(unusable)?;

        let key = KeyPair::generate().map_err(CertificateError::Generate)?;
        let listed: Vec<String> = names.iter().cloned().collect();
        let mut params =
            CertificateParams::new(listed).map_err(|source| unmakeable(names, source))?;
        params.distinguished_name = called("metrics server");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = now - SKEW;
        params.not_after = (now + lifetimes.certificate).min(newest.not_after);
        let made = params
            .signed_by(&key, &authority)
            .map_err(|source| unmakeable(names, source))?;
        Ok(Self {
            certificate: made.pem(),
            key: key.serialize_pem(),
            ..self.clone()
        })
    }
}

/// Says nothing of the keys.
impl fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCertificate")
            .field("ca_bundle", &self.ca_bundle)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// The authorities of a bundle that are good now; what is no certificate, or none that may
/// issue others, is not one of them.
fn authorities(bundle: &str, now: OffsetDateTime) -> Vec<Read> {
    CertificateDer::pem_slice_iter(bundle.as_bytes())
        .filter_map(Result::ok)
        .filter_map(|der| Read::of(&der))
        .filter(|read| read.is_authority && read.is_good_at(now))
        .collect()
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn unmakeable(names: &BTreeSet<String>, source: rcgen::Error) -> CertificateError {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    CertificateError::Unmakeable {
        names: names.join(", "),
        source,
    }
}
