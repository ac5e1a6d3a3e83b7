//! The API server trusts this server: its own certificate, kept in a Secret, and its
//! authority, written into the APIService.

mod api_service;
mod kept;
mod service;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::{
    ByteString, api::core::v1::Secret, kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube_client::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use provider_api::{
    CertificateError, Check, Clock, Lifetimes, MetricsServer, OwnCertificate, RotatingCertificate,
    ServingCertificate,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use self::api_service::{Standing, object_name};
pub use self::{
    api_service::api_service,
    service::{InvalidServiceName, ServiceName},
};
use crate::{ApiError, api_error::chain};

/// How long a change in the cluster may go unnoticed,
const PERIOD: Duration = Duration::from_secs(10);
/// and how long as long as nobody is sent here, which somebody is about to change.
const SOON: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(30);

const MAY_REGISTER: &str = "grant this server's ServiceAccount get and patch on its apiservices in the API group apiregistration.k8s.io";
const MAY_KEEP: &str =
    "grant this server's ServiceAccount create, get and update on secrets in its namespace";

/// Keeps a server's certificate good and trusted, for as long as it serves.
///
/// Where an APIService sends its requests to one of the server's Services, and does not
/// say `insecureSkipTLSVerify`, the server is its own certificate authority: it keeps an
/// [`OwnCertificate`] in a Secret, which its replicas share, renews it, and writes the
/// authority into the APIService's `caBundle`. It writes nothing where no APIService
/// asks for it, and never touches one that belongs to another Service.
///
/// It needs `get` and `patch` on these `apiservices` (`apiregistration.k8s.io`), and
/// `create`, `get` and `update` on `secrets` in the first Service's namespace. Without
/// these rights the server shows a certificate that nobody can verify, and says so.
#[derive(Clone)]
pub struct Registration {
    client: Client,
    services: Vec<ServiceName>,
    /// The names of the APIServices.
    api_services: Vec<String>,
    secret: String,
    lifetimes: Lifetimes,
    shown: Arc<RotatingCertificate>,
    decided: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

/// Why a round came to no good end.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("APIService {name}")]
    ApiService {
        name: String,
        #[source]
        source: ApiError,
    },
    #[error("Secret {namespace}/{name}")]
    Secret {
        namespace: String,
        name: String,
        #[source]
        source: ApiError,
    },
    #[error("its own certificate")]
    Certificate(#[from] CertificateError),
}

impl Registration {
    /// For a server that is found behind `service` and serves these versions of groups,
    /// such as `external.metrics.k8s.io/v1beta1`
    /// (see [`MetricsApi::group_versions`](provider_api::MetricsApi::group_versions)).
    ///
    /// # Errors
    /// When the machine can make no certificate.
    pub fn new(
        client: Client,
        service: ServiceName,
        group_versions: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CertificateError> {
        let first = ServingCertificate::self_signed([service.dns_name()])?;
        Ok(Self {
            client,
            secret: format!("{}-certificate", service.name()),
            services: vec![service],
            api_services: group_versions.iter().map(|gv| object_name(gv)).collect(),
            lifetimes: Lifetimes::default(),
            shown: Arc::new(RotatingCertificate::new(first)),
            decided: Arc::default(),
            clock,
        })
    }

    /// For a server that is found behind this Service as well.
    #[must_use]
    pub fn and_behind(mut self, service: ServiceName) -> Self {
        self.services.push(service);
        self
    }

    /// Keeps the certificate in a Secret of this name, in place of `<service>-certificate`.
    #[must_use]
    pub fn kept_in(self, secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            ..self
        }
    }

    /// Issues what lives for other spans than ten years and ninety days.
    #[must_use]
    pub fn living(self, lifetimes: Lifetimes) -> Self {
        Self { lifetimes, ..self }
    }

    /// A server that shows this certificate, keeps it good and trusted, and is ready
    /// once it knows which one to show.
    #[must_use]
    pub fn of(self, server: MetricsServer) -> MetricsServer {
        let decided = Arc::clone(&self.decided);
        let known = move || {
            let outcome = match decided.load(Ordering::Relaxed) {
                true => Ok(()),
                false => Err(
                    "whether the API server verifies the certificate is not known yet".to_owned(),
                ),
            };
            vec![Check {
                name: "serving-certificate",
                outcome,
            }]
        };
        server
            .certificate(Arc::clone(&self.shown) as _)
            .ready_when(known)
            .alongside("keeps the certificate trusted", move || {
                let registration = self.clone();
                async move { registration.keep().await }
            })
    }

    /// Never ends.
    async fn keep(&self) {
        let mut told = Told::default();
        loop {
            let round = self.round();
            let outcome = match timeout(TIMEOUT, round).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failed::ApiService {
                    name: self.api_services.join(", "),
                    source: ApiError::TimedOut(TIMEOUT),
                }),
            };
            // Without the right to find out there is nothing to wait for.
            if !matches!(&outcome, Err(failed) if failed.may_pass()) {
                self.decided.store(true, Ordering::Relaxed);
            }
            told.of(&outcome);
            sleep(pause(&outcome)).await;
        }
    }

    /// Looks at all APIServices once, and does what they ask for.
    async fn round(&self) -> Result<BTreeMap<String, Standing>, Failed> {
        let api_services = Api::<APIService>::all(self.client.clone());
        let failed = |name: &str, error| Failed::ApiService {
            name: name.to_owned(),
            source: ApiError::of(error, MAY_REGISTER),
        };
        let mut found = Vec::new();
        for name in &self.api_services {
            let object = api_services.get_opt(name).await;
            found.push((name, object.map_err(|error| failed(name, error))?));
        }
        let standings: BTreeMap<_, _> = found
            .iter()
            .map(|(name, object)| {
                (
                    (*name).clone(),
                    Standing::of(object.as_ref(), &self.services),
                )
            })
            .collect();
        let verifies = |standing: &Standing| matches!(standing, Standing::Verified(_));
        if !standings.values().any(verifies) {
            return Ok(standings);
        }

        let kept = self.kept().await?;
        // First whom to trust, then what to show.
        for (name, object) in found {
            let Some(Standing::Verified(bundle)) = standings.get(name) else {
                continue;
            };
            if *bundle != kept.ca_bundle.as_bytes() {
                let version = object.and_then(|object| object.metadata.resource_version);
                let bundle = ByteString(kept.ca_bundle.clone().into_bytes());
                // Only to the object that was looked at: it may be another's by now.
                let patch = json!({
                    "metadata": { "resourceVersion": version },
                    "spec": { "caBundle": bundle },
                });
                api_services
                    .patch(name, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map_err(|error| failed(name, error))?;
                tracing::info!("APIService {name} has a new caBundle");
            }
        }
        if self.shown.replace(kept.serving()?) {
            tracing::info!(
                "new connections see the certificate of Secret {}",
                self.secret
            );
        }
        Ok(standings)
    }

    /// What is kept in the Secret, renewed where it is time. A replica that writes at
    /// the same moment may win; what it has written is seen in the next round.
    async fn kept(&self) -> Result<OwnCertificate, Failed> {
        let namespace = self.services[0].namespace();
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let failed = |error| Failed::Secret {
            namespace: namespace.to_owned(),
            name: self.secret.clone(),
            source: ApiError::of(error, MAY_KEEP),
        };
        let found = secrets.get_opt(&self.secret).await.map_err(failed)?;
        let kept = found.as_ref().map(kept::read).unwrap_or_default();
        let names: Vec<_> = self.services.iter().map(ServiceName::dns_name).collect();
        let Some(next) = kept.renewed(&names, self.lifetimes, self.clock.now())? else {
            return Ok(kept);
        };
        let params = PostParams::default();
        let outcome = match found {
            None => {
                let made = kept::written(kept::empty(&self.secret), next.clone());
                secrets.create(&params, &made).await
            }
            Some(found) => {
                let renewed = kept::written(found, next.clone());
                secrets.replace(&self.secret, &params, &renewed).await
            }
        };
        if let Err(error) = outcome {
            self.show_meanwhile(&kept);
            return Err(failed(error));
        }
        tracing::info!(
            "Secret {namespace}/{} holds a new certificate or authority",
            self.secret
        );
        Ok(next)
    }

    /// It was time to renew what is kept, and that failed. It may be good for weeks, and a
    /// server that has just begun shows nothing better.
    fn show_meanwhile(&self, kept: &OwnCertificate) {
        if let Ok(certificate) = kept.serving()
            && certificate.is_valid_at(self.clock.now()).is_ok()
        {
            self.shown.replace(certificate);
            self.decided.store(true, Ordering::Relaxed);
        }
    }
}

fn pause(outcome: &Result<BTreeMap<String, Standing>, Failed>) -> Duration {
    let soon = match outcome {
        Ok(standings) => standings
            .values()
            .any(|standing| *standing == Standing::Absent),
        Err(failed) => failed.may_pass(),
    };
    if soon { SOON } else { PERIOD }
}

impl Failed {
    /// Whether the next round may do better by itself.
    fn may_pass(&self) -> bool {
        match self {
            Self::ApiService { source, .. } | Self::Secret { source, .. } => {
                !matches!(source, ApiError::Forbidden { .. })
            }
            Self::Certificate(_) => false,
        }
    }
}

/// What the log has heard, so that it hears it once.
#[derive(Default)]
struct Told {
    standings: BTreeMap<String, String>,
    failed: Option<String>,
}

impl Told {
    fn of(&mut self, outcome: &Result<BTreeMap<String, Standing>, Failed>) {
        match outcome {
            Ok(standings) => {
                for (name, standing) in standings {
                    let words = standing.to_string();
                    if self.standings.get(name) != Some(&words) {
                        tracing::info!("APIService {name} {words}");
                        self.standings.insert(name.clone(), words);
                    }
                }
                self.failed = None;
            }
            Err(failed) => {
                let words = chain(failed);
                if self.failed.as_ref() != Some(&words) {
                    tracing::warn!(
                        "the certificate is not kept trusted, and it is tried again: {words}"
                    );
                    self.failed = Some(words);
                }
            }
        }
    }
}
