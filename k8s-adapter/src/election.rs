//! One of several replicas leads: whoever holds a Lease.

mod candidate;
mod lease_name;
mod timing;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, fmt, pin::pin, sync::Arc, time::Duration};

use futures_util::future::select;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube_client::{Api, Client, api::PostParams};
use provider_api::Clock;
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use self::candidate::{Candidate, Look, Step};
pub use self::{lease_name::LeaseName, timing::Timing};
use crate::{ApiError, api_error::chain, micro_time::micro_time};

const PERMISSION: &str = "grant this server's ServiceAccount get, create and update on leases in the API group \
                          coordination.k8s.io in its namespace";

/// Whether this replica leads.
#[derive(Clone, Debug)]
pub enum Leadership {
    /// It is not known yet, and this replica does not lead.
    Unknown,
    /// This replica leads.
    Leading {
        /// Since when.
        since: OffsetDateTime,
    },
    /// This replica does not lead.
    Following {
        /// Who does, if anybody.
        leader: Option<String>,
    },
    /// The API server does not say who leads, so this replica does not. It is asked again.
    Failing(Arc<ApiError>),
}

/// Whose election it is, and by which rules.
#[derive(Clone, Debug)]
pub struct ElectionSettings {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub lease: LeaseName,
    /// The name of this replica, which no other replica has: that of its pod.
    pub identity: String,
    /// How long the Lease is good for, and how often it is renewed.
    pub timing: Timing,
    /// Whether the Lease is given back at the end, so that another replica leads at its
    /// next look and does not wait until it has run out.
    pub release: bool,
}

/// Settings by which no election can be held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidElection {
    /// The Lease could not be told from one that nobody holds.
    #[error("a replica without a name cannot hold a Lease: give it the name of its pod")]
    Identity,
    /// The API server would take no Lease of this name.
    #[error(
        "`{0}` is no name for a Lease: small letters, digits, hyphens and dots are wanted, 253 at most"
    )]
    Lease(String),
    /// How long the Lease is good for.
    #[error("a Lease is good for whole seconds, from one to an hour, and not for {0:?}")]
    Duration(Duration),
    /// The spans do not fit into each other.
    #[error(
        "a Lease of {duration:?}, a renew deadline of {renew_deadline:?} and a retry period of {retry_period:?}: the \
         first must be longer than the second, and that than the third, which is above zero"
    )]
    Order {
        /// How long the Lease is good for.
        duration: Duration,
        /// For how long its holder leads without renewing it.
        renew_deadline: Duration,
        /// How often everybody looks at it.
        retry_period: Duration,
    },
}

/// Elects one of several replicas by a Lease (`coordination.k8s.io/v1`), by the rules of
/// Kubernetes' own components, with which it can share one.
///
/// A leader that cannot renew its Lease stops leading before another can begin. Somebody
/// leads again at most a Lease's duration and a retry period after a leader has died, and
/// a retry period after one has released its Lease. Clocks need not agree: only the rate at
/// which time passes must be the same, up to the ratio of duration and renew deadline.
///
/// A Lease that is deleted is made again by its holder. Whoever has just started knows of
/// no holder then, and may lead beside it until the holder's next look: once a retry period.
///
/// It needs `get`, `create` and `update` on `leases`.
pub struct Election {
    leases: Api<Lease>,
    settings: ElectionSettings,
    leadership: watch::Sender<Leadership>,
    clock: Arc<dyn Clock>,
}

impl Leadership {
    /// Whether this replica leads.
    pub fn is_leading(&self) -> bool {
        matches!(self, Self::Leading { .. })
    }

    /// What a person is told of it.
    fn words(&self) -> String {
        match self {
            Self::Unknown => "not known yet".to_owned(),
            Self::Leading { .. } => "this replica leads".to_owned(),
            Self::Following {
                leader: Some(leader),
            } => format!("{leader} leads"),
            Self::Following { leader: None } => "nobody leads".to_owned(),
            Self::Failing(error) => chain(error.as_ref()),
        }
    }
}

impl Election {
    /// An election among the replicas that name the same Lease. `clock` tells what is
    /// written into it for people to read.
    ///
    /// # Errors
    /// When the replica has no name.
    pub fn new(
        client: Client,
        settings: ElectionSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidElection> {
        if settings.identity.is_empty() {
            return Err(InvalidElection::Identity);
        }
        Ok(Self {
            leases: Api::namespaced(client, &settings.namespace),
            settings,
            leadership: watch::Sender::new(Leadership::Unknown),
            clock,
        })
    }

    /// Whether this replica leads, now and from now on.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// Stands for election until `ended` resolves; then it leads no longer, and gives the
    /// Lease back if it is to. A future of it that is dropped leads no longer either, and
    /// its Lease runs out.
    pub async fn run(&self, ended: impl Future<Output = ()>) {
        let mut campaign = Campaign {
            election: self,
            candidate: Candidate::new(self.settings.identity.clone(), self.settings.timing),
            failed: None,
        };
        select(pin!(ended), pin!(campaign.stand())).await;
        campaign.step_down();
        if self.settings.release {
            campaign.release().await;
        }
    }

    /// Tells what is new.
    fn publish(&self, now: Leadership) {
        self.leadership.send_if_modified(|before| {
            let changed = before.words() != now.words();
            if changed {
                tracing::info!("{self}: {}", now.words());
                *before = now;
            }
            changed
        });
    }

    fn time(&self) -> MicroTime {
        micro_time(self.clock.now())
    }
}

struct Campaign<'a> {
    election: &'a Election,
    candidate: Candidate,
    /// The failure that the log has heard of.
    failed: Option<String>,
}

/// How a look at the Lease ended, told in full.
enum Outcome {
    Leads,
    Follows { leader: String, until: Instant },
    Raced,
}

impl Campaign<'_> {
    async fn stand(&mut self) -> Infallible {
        loop {
            let now = Instant::now();
            let gives_up = self.candidate.gives_up(now);
            let outcome = match timeout_at(gives_up, self.round()).await {
                Ok(outcome) => outcome,
                Err(_) => Err(ApiError::TimedOut(gives_up - now)),
            };
            let look = self.tell(outcome);
            sleep_until(self.candidate.looks_again(Instant::now(), look)).await;
            if !self.candidate.leads_at(Instant::now()) {
                self.step_down();
            }
        }
    }

    /// Looks at the Lease once, and does what follows.
    async fn round(&mut self) -> Result<Outcome, ApiError> {
        let found = self.read().await?;
        let spec = found
            .as_ref()
            .map(|lease| lease.spec.clone().unwrap_or_default());
        match self
            .candidate
            .look(spec, Instant::now(), &self.election.time())
        {
            Step::Follow { leader, until } => Ok(Outcome::Follows { leader, until }),
            Step::Claim(spec) => {
                let sent = Instant::now();
                let Some(written) = self.write(found, spec).await? else {
                    return Ok(Outcome::Raced);
                };
                self.candidate.wrote(written, sent);
                Ok(Outcome::Leads)
            }
        }
    }

    async fn read(&self) -> Result<Option<Lease>, ApiError> {
        let Election {
            leases, settings, ..
        } = self.election;
        let found = leases.get_opt(settings.lease.as_str()).await;
        found.map_err(|error| ApiError::of(error, PERMISSION))
    }

    /// Writes into the Lease that was found, and no other version of it. Nothing comes
    /// back when there is another one by now.
    async fn write(
        &self,
        found: Option<Lease>,
        spec: LeaseSpec,
    ) -> Result<Option<LeaseSpec>, ApiError> {
        let Election {
            leases, settings, ..
        } = self.election;
        let (params, spec) = (PostParams::default(), Some(spec));
        let (gone, written) = match found {
            Some(lease) => {
                let lease = Lease { spec, ..lease };
                (
                    true,
                    leases
                        .replace(settings.lease.as_str(), &params, &lease)
                        .await,
                )
            }
            None => {
                let metadata = ObjectMeta {
                    name: Some(settings.lease.to_string()),
                    ..ObjectMeta::default()
                };
                (
                    false,
                    leases.create(&params, &Lease { metadata, spec }).await,
                )
            }
        };
        match written {
            Ok(lease) => Ok(Some(lease.spec.unwrap_or_default())),
            Err(kube_client::Error::Api(status))
                if status.code == 409 || (gone && status.code == 404) =>
            {
                Ok(None)
            }
            Err(error) => Err(ApiError::of(error, PERMISSION)),
        }
    }

    /// Tells receivers and log what came of a look.
    fn tell(&mut self, outcome: Result<Outcome, ApiError>) -> Look {
        let election = self.election;
        match outcome {
            Ok(Outcome::Leads) => {
                self.failed = None;
                // The answer may have come too late.
                if self.candidate.leads_at(Instant::now()) {
                    let since = election.clock.now();
                    election.publish(Leadership::Leading { since });
                }
                Look::Wrote
            }
            Ok(Outcome::Follows { leader, until }) => {
                self.failed = None;
                election.publish(Leadership::Following {
                    leader: Some(leader),
                });
                Look::Followed { until }
            }
            Ok(Outcome::Raced) => Look::Raced,
            Err(error) => {
                let words = chain(&error);
                if self.failed.as_ref() != Some(&words) {
                    tracing::warn!(
                        "{election}: what it says is not known, and it is tried again: {words}"
                    );
                    self.failed = Some(words);
                }
                if !self.candidate.leads_at(Instant::now()) {
                    election.publish(Leadership::Failing(Arc::new(error)));
                }
                Look::Failed
            }
        }
    }

    fn step_down(&self) {
        if self.election.leadership.borrow().is_leading() {
            self.election
                .publish(Leadership::Following { leader: None });
        }
    }

    /// Gives the Lease back, if this replica holds it.
    async fn release(&mut self) {
        let patience = self.election.settings.timing.patience();
        let outcome = match timeout(patience, self.try_release()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ApiError::TimedOut(patience)),
        };
        if let Err(error) = outcome {
            tracing::warn!(
                "{} is not given back, and runs out by itself: {}",
                self.election,
                chain(&error)
            );
        }
    }

    async fn try_release(&mut self) -> Result<(), ApiError> {
        loop {
            let found = self.read().await?;
            let spec = found.as_ref().and_then(|lease| lease.spec.clone());
            let Some(spec) = self.candidate.release(spec, &self.election.time()) else {
                return Ok(());
            };
            // A claim that was under way may have been written in between: look again.
            if self.write(found, spec).await?.is_some() {
                tracing::info!("{} is given back", self.election);
                return Ok(());
            }
        }
    }
}

/// A campaign that is over, for whatever reason, leads no longer.
impl Drop for Campaign<'_> {
    fn drop(&mut self) {
        self.step_down();
    }
}

impl fmt::Display for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Lease {}/{}",
            self.settings.namespace, self.settings.lease
        )
    }
}
