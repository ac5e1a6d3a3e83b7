//! Authorities and clients for the tests beside this file.

use http::{HeaderMap, HeaderName, HeaderValue};
use provider_api::Presented;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use time::macros::datetime;

use super::CaBundle;

/// A certificate authority that signs whatever a test asks for. All of its
/// certificates are good for the year 2026.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = of_2026(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub(crate) fn bundle(&self) -> CaBundle {
        CaBundle::from_pem(&self.pem).unwrap()
    }

    /// The chain that a client of this name shows.
    pub(crate) fn client(&self, common_name: &str, organizations: &[&str]) -> Vec<Vec<u8>> {
        let mut params = of_2026(common_name);
        // rcgen keeps one value for each type: the second organization needs its type in another spelling.
        let types = [
            DnType::OrganizationName,
            DnType::CustomDnType(vec![2, 5, 4, 10]),
        ];
        assert!(organizations.len() <= types.len());
        for (organization, kind) in organizations.iter().zip(types) {
            params.distinguished_name.push(kind, *organization);
        }
        self.signed(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The chain of a server: its certificate is not for clients.
    pub(crate) fn server(&self, common_name: &str) -> Vec<Vec<u8>> {
        self.signed(of_2026(common_name), ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn signed(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Vec<Vec<u8>> {
        params.extended_key_usages = vec![usage];
        let certificate = params
            .signed_by(&KeyPair::generate().unwrap(), &self.issuer)
            .unwrap();
        vec![certificate.der().to_vec()]
    }
}

fn of_2026(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = datetime!(2026-01-01 00:00 UTC);
    params.not_after = datetime!(2027-01-01 00:00 UTC);
    params
}

/// What a request presents.
pub(crate) struct Presentation {
    headers: HeaderMap,
    certificates: Vec<Vec<u8>>,
}

impl Presentation {
    pub(crate) fn of(headers: &[(&str, &str)], certificates: Vec<Vec<u8>>) -> Self {
        let header = |(name, value): &(&str, &str)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(header) {
            map.append(name, value);
        }
        Self {
            headers: map,
            certificates,
        }
    }

    pub(crate) fn presented(&self) -> Presented<'_> {
        Presented {
            headers: &self.headers,
            certificates: &self.certificates,
        }
    }
}
