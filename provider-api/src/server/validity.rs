//! What a certificate says of itself.

use std::{collections::BTreeSet, net::IpAddr};

use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use time::OffsetDateTime;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

const UNIX: EncodeConfig = EncodeConfig::new().set_line_ending(LineEnding::LF);

/// A certificate, as far as a server has to understand its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    /// The DNS names and IP addresses that it is for.
    pub(super) names: BTreeSet<String>,
    /// Whether it may issue others.
    pub(super) is_authority: bool,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    public_key: Vec<u8>,
}

impl Certificate {
    /// `None` where these bytes are no certificate.
    pub(super) fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, read) = parse_x509_certificate(der).ok()?;
        let names = read.subject_alternative_name().ok()?;
        let names = names.map(|names| &*names.value.general_names);
        Some(Self {
            not_before: read.validity().not_before.to_datetime(),
            not_after: read.validity().not_after.to_datetime(),
            names: names.unwrap_or_default().iter().filter_map(name).collect(),
            is_authority: read.is_ca(),
            subject: read.subject().as_raw().to_vec(),
            issuer: read.issuer().as_raw().to_vec(),
            public_key: read.public_key().raw.to_vec(),
            der: der.clone().into_owned(),
        })
    }

    /// The first one of a PEM text.
    pub(super) fn first_of(pem: &str) -> Option<Self> {
        Self::of(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
    }

    pub(super) fn pem(&self) -> String {
        pem::encode_config(&Pem::new("CERTIFICATE", self.der.to_vec()), UNIX)
    }

    pub(super) fn is_good_at(&self, now: OffsetDateTime) -> bool {
        (self.not_before..self.not_after).contains(&now)
    }

    /// Whether less than one of so many parts of its life is before it.
    pub(super) fn is_in_its_last(&self, parts: i32, now: OffsetDateTime) -> bool {
        self.not_after - now < (self.not_after - self.not_before) / parts
    }

    /// Whether this private key, as PEM, is its own.
    pub(super) fn has_key(&self, key: &str) -> bool {
        KeyPair::from_pem(key).is_ok_and(|key| key.subject_public_key_info() == self.public_key)
    }

    pub(super) fn issued(&self, other: &Self) -> bool {
        other.issuer == self.subject
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
