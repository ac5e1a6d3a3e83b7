//! A certificate that is replaced while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::ServingCertificate;

/// Shows the newest of the certificates it was given. New connections read the
/// new one, open ones live on with theirs.
#[derive(Debug)]
pub struct RotatingCertificate {
    current: RwLock<ServingCertificate>,
}

impl RotatingCertificate {
    /// Begins with a certificate.
    pub fn new(first: ServingCertificate) -> Self {
        Self {
            current: RwLock::new(first),
        }
    }

    /// Goes on with another one.
    pub fn replace(&self, next: ServingCertificate) {
        // A poisoned lock holds a whole certificate still: writing it is one assignment.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl ResolvesServerCert for RotatingCertificate {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .resolve(client_hello)
    }
}
