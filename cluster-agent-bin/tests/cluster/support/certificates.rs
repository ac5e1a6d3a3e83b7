//! Throw-away certificates.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use super::Folder;

/// Someone who signs certificates, for as long as the test lives.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate and its key as files.
pub(crate) struct PairFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key());
        Self(issuer.expect("an authority can sign itself"))
    }

    /// The authority's own certificate, which those who trust it are given.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server under these names and addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Pair {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("the names are valid");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate for a client. Kubernetes reads the user from the common name and the
    /// groups from the organization.
    pub(crate) fn client(&self, user: &str, group: Option<&str>) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Pair {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = key();
        let certificate = params.signed_by(&key, &self.0);
        Pair {
            certificate: certificate.expect("the authority can sign").pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    /// Writes `<name>.crt` and `<name>.key`.
    pub(crate) fn write(&self, folder: &Folder, name: &str) -> PairFiles {
        PairFiles {
            certificate: folder.write(&format!("{name}.crt"), &self.certificate),
            key: folder.write(&format!("{name}.key"), &self.key),
        }
    }
}

/// A fresh P-256 key: quick to make, and good for TLS and for service-account tokens alike.
pub(crate) fn key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}
