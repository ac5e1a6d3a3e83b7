//! From a socket to a TLS connection.

use std::{io, time::Duration};

use rustls::{AlertDescription, Error};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{debug, warn};

use crate::{ServerMetrics, layer::Seldom};

/// Shakes hands, and tells what comes of it. A client that fails is worth a debug line:
/// anybody can, at any time. One that does not trust our certificate is most often the API
/// server, and then nothing comes here that could tell why.
#[derive(Debug)]
pub(super) struct Handshakes {
    metrics: Option<ServerMetrics>,
    begun: Instant,
    distrust: Seldom,
}

impl Handshakes {
    pub(super) fn counted_by(metrics: Option<ServerMetrics>) -> Self {
        Self {
            metrics,
            begun: Instant::now(),
            distrust: Seldom::default(),
        }
    }

    /// `None` where the client cannot or will not, or needs more time than `limit`.
    pub(super) async fn shake(
        &self,
        stream: TcpStream,
        acceptor: &TlsAcceptor,
        limit: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        // Answers are small and whole: waiting to fill a packet would only delay them.
        let shaken = match stream.set_nodelay(true) {
            Ok(()) => timeout(limit, acceptor.accept(stream)).await,
            Err(error) => Ok(Err(error)),
        };
        match shaken {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => debug!(?limit, "a TLS handshake took too long"),
        }
        if let Some(metrics) = &self.metrics {
            metrics.handshake_failed();
        }
        None
    }

    fn failed(&self, error: &io::Error) {
        if let Some(alert) = distrust(error)
            && let Some(untold) = self.distrust.happened(self.begun.elapsed())
        {
            warn!(
                ?alert,
                untold,
                "a client does not trust our certificate: if it is the API server, the \
                 APIService's caBundle is not of the authority that signed it, or it is not \
                 for the Service's name, or has run out"
            );
        } else {
            debug!(%error, "a TLS handshake failed");
        }
    }
}

/// The client's word on our certificate, if it did not like it.
fn distrust(error: &io::Error) -> Option<AlertDescription> {
    use AlertDescription::{
        BadCertificate, CertificateExpired, CertificateUnknown, DecryptError, UnknownCA,
        UnsupportedCertificate,
    };
    match error.get_ref()?.downcast_ref()? {
        Error::AlertReceived(
            // With `DecryptError` an authority of the right name has another key.
            alert @ (BadCertificate
            | CertificateExpired
            | CertificateUnknown
            | DecryptError
            | UnknownCA
            | UnsupportedCertificate),
        ) => Some(*alert),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clients_word_on_our_certificate_is_distrust() {
        use AlertDescription::{BadCertificate, HandshakeFailure, UnknownCA};
        let of = |error: Error| distrust(&io::Error::new(io::ErrorKind::InvalidData, error));
        assert_eq!(
            of(Error::AlertReceived(BadCertificate)),
            Some(BadCertificate)
        );
        assert_eq!(of(Error::AlertReceived(UnknownCA)), Some(UnknownCA));
        assert_eq!(of(Error::AlertReceived(HandshakeFailure)), None);
        assert_eq!(of(Error::DecryptError), None); // ours, not the client's word
        assert_eq!(distrust(&io::ErrorKind::UnexpectedEof.into()), None);
    }
}
