//! How the client greets.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    SupportedProtocolVersion,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use super::{Speaks, Unanswered};
use crate::conformance::Pair;

pub(super) fn config(speaks: Speaks, own: Option<&Pair>) -> Result<ClientConfig, Unanswered> {
    let versions: &[&SupportedProtocolVersion] = match speaks {
        Speaks::Tls12 => &[&rustls::version::TLS12],
        Speaks::Tls13 => &[&rustls::version::TLS13],
        Speaks::Http1 | Speaks::Http2 => rustls::ALL_VERSIONS,
    };
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("ring has cipher suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(algorithms)));
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some(pair) => {
            let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes())
                .map_err(|error| Unanswered::Certificate(error.into()))?;
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())
                .map_err(|error| Unanswered::Certificate(error.into()))?;
            config
                .with_client_auth_cert(vec![certificate], key)
                .map_err(|error| Unanswered::Certificate(error.into()))?
        }
    };
    config.alpn_protocols = vec![match speaks {
        Speaks::Http2 => b"h2".to_vec(),
        Speaks::Http1 | Speaks::Tls12 | Speaks::Tls13 => b"http/1.1".to_vec(),
    }];
    Ok(config)
}

/// Accepts any certificate of the server: what is asked is no secret, and who the
/// server is was said by whoever gave its address.
#[derive(Debug)]
struct AnyServer(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
