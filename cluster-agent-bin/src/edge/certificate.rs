//! The certificate that the server shows: issued by itself, or read from files that
//! somebody renews.

use std::{convert::Infallible, error::Error, fs, path::Path, sync::Arc};

use k8s_adapter::{Registration, ServiceName};
use kube_client::Client;
use provider_api::{
    CertificateError, Clock, MetricsServer, RotatingCertificate, ServingCertificate,
};
use time::{Duration, OffsetDateTime};
use tracing::{info, warn};

use crate::{
    chain,
    config::{Certificate, CertificateFiles},
    edge::WallClock,
};

/// How long a renewed certificate may lie unread. It is renewed days before it runs out.
const PERIOD: Duration = Duration::MINUTE;

/// The server, with its certificate and what keeps it good.
///
/// # Errors
/// When the files hold no certificate, or none can be made.
pub(crate) fn with_certificate(
    server: MetricsServer,
    certificate: Certificate,
    cluster: &Client,
    groups: &[String],
    clock: WallClock,
) -> Result<MetricsServer, Box<dyn Error>> {
    match certificate {
        Certificate::Own { services } => Ok(own(server, services, cluster, groups, clock)?),
        Certificate::Files(files) => Ok(renewed(server, files, clock)?),
    }
}

/// The server is its own certificate authority.
fn own(
    server: MetricsServer,
    [first, others @ ..]: [ServiceName; 3],
    cluster: &Client,
    groups: &[String],
    clock: WallClock,
) -> Result<MetricsServer, CertificateError> {
    let registration = Registration::new(cluster.clone(), first, groups, Arc::new(clock))?
        .kept_in("datadog-cluster-agent-certificate");
    let others = others.into_iter();
    Ok(others
        .fold(registration, Registration::and_behind)
        .of(server))
}

/// Somebody else renews the files.
fn renewed(
    server: MetricsServer,
    files: CertificateFiles,
    clock: WallClock,
) -> Result<MetricsServer, Unusable> {
    let first = read(&files.certificate, &files.key)?;
    if let Err(why) = first.is_valid_at(clock.now()) {
        // Without it there would be no server to ask what is wrong.
        warn!("clients will refuse the certificate that is served: {why}");
    }
    let shown = Arc::new(RotatingCertificate::new(first));
    let server = server.certificate(Arc::clone(&shown) as _);
    Ok(server.alongside("renews the certificate", move || {
        renew_certificate(files.clone(), Arc::clone(&shown), clock)
    }))
}

/// Shows what is in the files once it is another certificate. What cannot be served is
/// told each time, for as long as the certificate before it is shown in its place.
async fn renew_certificate(
    files: CertificateFiles,
    shown: Arc<RotatingCertificate>,
    clock: WallClock,
) -> Infallible {
    let CertificateFiles { certificate, key } = files;
    loop {
        clock.sleep(PERIOD).await;
        match renew(&certificate, &key, &shown, clock.now()) {
            Ok(false) => {}
            Ok(true) => info!(
                file = %certificate.display(),
                "the serving certificate was renewed, new connections see the new one"
            ),
            Err(why) => warn!(
                "the certificate before it is served still, and the new one will be looked at \
                 again in a minute: {}",
                chain(&why)
            ),
        }
    }
}

/// Whether there was a new certificate to show.
fn renew(
    certificate: &Path,
    key: &Path,
    shown: &RotatingCertificate,
    now: OffsetDateTime,
) -> Result<bool, Unusable> {
    let next = read(certificate, key)?;
    next.is_valid_at(now).map_err(|source| Unusable::Pair {
        certificate: certificate.display().to_string(),
        key: key.display().to_string(),
        source,
    })?;
    Ok(shown.replace(next))
}

fn read(certificate: &Path, key: &Path) -> Result<ServingCertificate, Unusable> {
    let file = |path: &Path| {
        fs::read(path).map_err(|source| Unusable::Unread {
            path: path.display().to_string(),
            source,
        })
    };
    ServingCertificate::from_pem(&file(certificate)?, &file(key)?).map_err(|source| {
        Unusable::Pair {
            certificate: certificate.display().to_string(),
            key: key.display().to_string(),
            source,
        }
    })
}

/// Why the files hold no certificate to serve.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("{path} of DD_EXTERNAL_METRICS_PROVIDER_CONFIG")]
    Unread {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{certificate} and {key} of DD_EXTERNAL_METRICS_PROVIDER_CONFIG")]
    Pair {
        certificate: String,
        key: String,
        #[source]
        source: CertificateError,
    },
}

#[cfg(test)]
mod tests {
    use std::{env, path::PathBuf, process};

    use time::macros::datetime;

    use super::*;

    /// A certificate and its key, in a folder of their own.
    struct Files(PathBuf);

    impl Files {
        fn of(test: &str) -> Self {
            let folder = env::temp_dir().join(format!("{test}-{}", process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn certificate(&self) -> PathBuf {
            self.0.join("tls.crt")
        }

        fn key(&self) -> PathBuf {
            self.0.join("tls.key")
        }

        fn write(&self, certificate: &str, key: &str) {
            fs::write(self.certificate(), certificate).unwrap();
            fs::write(self.key(), key).unwrap();
        }

        fn renew(&self, shown: &RotatingCertificate) -> Result<bool, String> {
            let now = datetime!(2026-01-02 03:04:05 UTC);
            renew(&self.certificate(), &self.key(), shown, now).map_err(|why| chain(&why))
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["agent.default.svc".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_renewed_pair_is_shown_once_it_is_whole_and_until_then_the_one_before() {
        let files = Files::of("renewed");
        let ((old, old_key), (new, new_key)) = (pair(), pair());
        files.write(&old, &old_key);
        let first = read(&files.certificate(), &files.key()).unwrap();
        let shown = RotatingCertificate::new(first);
        assert_eq!(files.renew(&shown), Ok(false));

        let folder = files.0.display().to_string();
        let told = |words: &str| Err(words.replace("FOLDER", &folder));
        files.write(&new, &old_key);
        assert_eq!(
            files.renew(&shown),
            told(
                "FOLDER/tls.crt and FOLDER/tls.key of DD_EXTERNAL_METRICS_PROVIDER_CONFIG: \
                 the private key does not serve this certificate: keys may not be consistent: KeyMismatch"
            )
        );
        fs::remove_file(files.key()).unwrap();
        assert_eq!(
            files.renew(&shown),
            told(
                "FOLDER/tls.key of DD_EXTERNAL_METRICS_PROVIDER_CONFIG: \
                 No such file or directory (os error 2)"
            )
        );
        // Back to the pair of before: it has been shown all the while.
        files.write(&old, &old_key);
        assert_eq!(files.renew(&shown), Ok(false));

        files.write(&new, &new_key);
        assert_eq!(files.renew(&shown), Ok(true));
        assert_eq!(files.renew(&shown), Ok(false));
    }

    #[test]
    fn a_renewed_certificate_that_has_run_out_is_not_shown() {
        let files = Files::of("expired");
        let (old, old_key) = pair();
        files.write(&old, &old_key);
        let first = read(&files.certificate(), &files.key()).unwrap();
        let shown = RotatingCertificate::new(first);

        let mut params = rcgen::CertificateParams::new(["agent.default.svc".to_owned()]).unwrap();
        params.not_after = datetime!(2026-01-02 03:04:04 UTC);
        let key = rcgen::KeyPair::generate().unwrap();
        let expired = params.self_signed(&key).unwrap();
        files.write(&expired.pem(), &key.serialize_pem());
        let why = files.renew(&shown).unwrap_err();
        assert!(
            why.ends_with("the certificate ran out at 2026-01-02 3:04:04.0 +00:00:00: renew it"),
            "{why}"
        );
        files.write(&old, &old_key);
        assert_eq!(files.renew(&shown), Ok(false));
    }
}
