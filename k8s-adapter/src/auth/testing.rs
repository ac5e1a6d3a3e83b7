//! Authorities, clients and a stub of the API server for the tests beside this file.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use kube_client::{Client, client::Body};
use provider_api::{Clock, Presented};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};

use super::CaBundle;

/// The time of the tests: all certificates are good for the year 2026.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

/// A certificate authority that signs whatever a test asks for.
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

/// A clock that a test turns.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Mutex<OffsetDateTime>>);

impl TestClock {
    pub(crate) fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    pub(crate) fn advance(&self, by: time::Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

/// What a stub of the API server was asked: path with query, and JSON body.
pub(crate) type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// An API server that answers by a function, and keeps what it was asked.
pub(crate) fn api_server(
    answer: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static,
) -> (Client, Asked) {
    let asked = Asked::default();
    let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
        async move {
            let path = request.uri().to_string();
            let body = request.into_body().collect_bytes().await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (code, reply) = answer(&path, &body);
            log.lock().unwrap().push((path, body));
            let mut response = Response::new(Body::from(reply.to_string().into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    (Client::new(service, "default"), asked)
}
