//! Who vouches for whom in one run.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

use super::{Handout, Pair};

pub(super) struct Authorities {
    front_proxy: Authority,
    clients: Authority,
    unknown: Authority,
    next: Authority,
}

impl Authorities {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            front_proxy: Authority::named("front-proxy-ca")?,
            clients: Authority::named("client-ca")?,
            unknown: Authority::named("unknown-ca")?,
            next: Authority::named("next-front-proxy-ca")?,
        })
    }

    /// The PEM of those who vouch for clients.
    pub(super) fn client_ca(&self) -> String {
        self.clients.0.pem()
    }

    /// The PEM of those who vouch for the front proxy.
    pub(super) fn front_proxy_ca(&self) -> String {
        self.front_proxy.0.pem()
    }

    pub(super) fn handout(&self, url: String) -> Result<Handout, Error> {
        let client = ExtendedKeyUsagePurpose::ClientAuth;
        let proxy = |name| self.front_proxy.signed(name, None, client.clone());
        Ok(Handout {
            url,
            front_proxy: proxy("front-proxy-client")?,
            front_proxy_other_name: proxy("somebody-else")?,
            front_proxy_for_servers: self.front_proxy.signed(
                "front-proxy-client",
                None,
                ExtendedKeyUsagePurpose::ServerAuth,
            )?,
            latecomer: proxy("latecomer")?,
            client: self.clients.signed("carol", Some("team"), client.clone())?,
            stranger: self
                .unknown
                .signed("front-proxy-client", None, client.clone())?,
            next_front_proxy: self.next.signed("front-proxy-client", None, client)?,
            next_front_proxy_ca: self.next.0.pem(),
        })
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn named(name: &str) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Self(CertifiedIssuer::self_signed(
            params,
            KeyPair::generate()?,
        )?))
    }

    fn signed(
        &self,
        name: &str,
        organization: Option<&str>,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Pair, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(organization) = organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        Ok(Pair {
            certificate: params.signed_by(&key, &self.0)?.pem(),
            key: key.serialize_pem(),
        })
    }
}
