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

    /// Goes on with `next`, and tells whether it is another certificate than the one
    /// before: so whoever looks at files can hand over what is there each time.
    pub fn replace(&self, next: ServingCertificate) -> bool {
        // A poisoned lock holds a whole certificate still: writing it is one assignment.
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = !current.shows_the_same_as(&next);
        *current = next;
        is_new
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_new_once() {
        let [first, second] =
            [(); 2].map(|()| ServingCertificate::self_signed(["metrics.default.svc"]).unwrap());
        let rotating = RotatingCertificate::new(first.clone());
        assert!(!rotating.replace(first));
        assert!(rotating.replace(second.clone()));
        assert!(!rotating.replace(second));
    }
}
