//! What can go wrong before the server runs.

use std::{io, net::SocketAddr};

use rustls::pki_types::pem;
use time::OffsetDateTime;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {advice}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What to do about it.
        advice: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// There is no certificate to show.
    #[error("no certificate can be made")]
    Certificate(#[source] CertificateError),
}

impl ServerError {
    pub(super) fn bind(address: SocketAddr, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "another process listens there: stop it, or choose another port"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address: 0.0.0.0 or [::] means all it has"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege: choose a higher one, and let the Service map 443 to it"
            }
            _ => "the operating system refuses",
        };
        Self::Bind {
            address,
            advice,
            source,
        }
    }
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A certificate cannot be made for these names.
    #[error("cannot make a certificate for {names}")]
    Unmakeable {
        /// The names, as given.
        names: String,
        /// What is wrong with them.
        #[source]
        source: rcgen::Error,
    },
    /// The machine cannot make a private key.
    #[error("cannot make a private key")]
    Generate(#[source] rcgen::Error),
    /// The authority that is kept cannot issue a certificate.
    #[error("the certificate authority that is kept cannot issue a certificate")]
    Authority {
        /// What is wrong with it.
        #[source]
        source: rcgen::Error,
    },
    /// The certificate file is not PEM.
    #[error("the certificate is not readable as PEM")]
    CertificatePem(#[source] pem::Error),
    /// The certificate file is PEM and has no certificate in it.
    #[error(
        "there is no certificate in the PEM text: a section that begins with BEGIN CERTIFICATE is missing"
    )]
    NoCertificate,
    /// The key file holds no readable private key.
    #[error(
        "there is no readable private key in the PEM text: PKCS#8, PKCS#1 and SEC1 are understood, encrypted keys are not"
    )]
    KeyPem(#[source] pem::Error),
    /// The key cannot be used, or belongs to another certificate.
    #[error("the private key does not serve this certificate")]
    Key(#[source] rustls::Error),
    /// No client accepts it any more.
    #[error("the certificate ran out at {at}: renew it")]
    Expired {
        /// The last second in which it was valid.
        at: OffsetDateTime,
    },
    /// No client accepts it yet.
    #[error(
        "the certificate is not valid before {from}: check the clock of whoever issued it, and of this machine"
    )]
    NotYetValid {
        /// The first second in which it will be valid.
        from: OffsetDateTime,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_with_the_address_and_what_to_do() {
        let error = ServerError::bind(
            ([127, 0, 0, 1], 6443).into(),
            io::ErrorKind::AddrInUse.into(),
        );
        assert_eq!(
            error.to_string(),
            "cannot listen on 127.0.0.1:6443: another process listens there: stop it, or choose another port"
        );
    }
}
