//! Several replicas: one asks Datadog and writes down what it knows, all read that and answer.

mod asking;
mod kept;
mod leading;
mod reach;
mod telling;

use std::{convert::Infallible, sync::Arc};

use k8s_adapter::{
    Election, ElectionSettings, Events, InvalidElection, KeptMetrics, KeptPolicy, Leadership,
    Reporter,
};
use kube_client::Client;
use metrics_store::Store;
use provider_api::{Clock as _, MetricsServer, Shutdown};
use time::Duration;
use tokio::sync::watch;

pub(crate) use self::{leading::while_so, reach::Reach};
use crate::{
    config,
    edge::{WallClock, seed},
};

/// This one of several replicas.
pub(crate) struct Replica {
    store: Store,
    kept: KeptMetrics,
    kept_policy: KeptPolicy,
    /// When another one has told something last.
    told: asking::Told,
    events: Events,
    /// Nothing, where each replica leads.
    election: Option<Election>,
    leadership: watch::Receiver<Leadership>,
    asks: watch::Sender<bool>,
    reach: Reach,
    shutdown: Shutdown,
    clock: WallClock,
}

impl Replica {
    /// A replica that answers from `store`.
    ///
    /// # Errors
    /// When no election can be held by these settings.
    pub(crate) fn new(
        config: config::Replicas,
        cluster: &Client,
        store: Store,
        shutdown: Shutdown,
        clock: WallClock,
    ) -> Result<Arc<Self>, InvalidElection> {
        let config::Replicas {
            namespace,
            identity,
            election,
            kept,
            kept_policy,
        } = config;
        let identity = identity.unwrap_or_else(|| format!("datadog-cluster-agent-{:016x}", seed()));
        let reporter = Reporter {
            controller: "datadog-cluster-agent".to_owned(),
            instance: identity.clone(),
        };
        let election = election.map(
            |config::Election {
                 lease,
                 timing,
                 release,
             }| {
                let settings = ElectionSettings {
                    namespace,
                    lease,
                    identity,
                    timing,
                    release,
                };
                Election::new(cluster.clone(), settings, Arc::new(clock))
            },
        );
        let election = election.transpose()?;
        let leadership = match &election {
            Some(election) => election.leadership(),
            None => always(clock),
        };
        Ok(Arc::new(Self {
            store,
            kept: KeptMetrics::new(cluster.clone(), kept),
            kept_policy,
            told: asking::Told::at(clock.after(Duration::ZERO)),
            events: Events::new(cluster.clone(), reporter, Arc::new(clock)),
            election,
            leadership,
            asks: watch::Sender::new(false),
            reach: Reach::default(),
            shutdown,
            clock,
        }))
    }

    /// The server, with all that makes several replicas one.
    pub(crate) fn of(self: &Arc<Self>, server: MetricsServer) -> MetricsServer {
        server
            .alongside("stands for election", self.task(Self::stand))
            .alongside("reads what is kept", self.task(Self::follow))
            .alongside("decides who asks Datadog", self.task(Self::decide))
            .alongside("writes events", self.task(Self::write_events))
            .alongside("keeps what is known", self.task(Self::keep))
            .alongside("tells autoscalers of turns", self.task(Self::tell))
    }

    /// Whether this replica leads.
    pub(crate) fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Whether it asks Datadog.
    pub(crate) fn asks(&self) -> watch::Receiver<bool> {
        self.asks.subscribe()
    }

    /// What is told of whether it reaches Datadog.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    fn task<F, W>(self: &Arc<Self>, work: W) -> impl Fn() -> F + use<F, W>
    where
        W: Fn(Arc<Self>) -> F,
    {
        let replica = Arc::clone(self);
        move || work(Arc::clone(&replica))
    }

    async fn stand(self: Arc<Self>) -> Infallible {
        match &self.election {
            Some(election) => leading::stand(election, &self.reach, &self.shutdown).await,
            None => std::future::pending().await,
        }
    }

    /// While the API server is away, the watch tries it ever more rarely, and the election
    /// does not: what is kept is read as soon as the one has an answer.
    async fn follow(self: Arc<Self>) {
        let mut leadership = self.leadership();
        loop {
            tokio::select! {
                () = kept::follow(&self.kept, &self.store, &self.told, self.clock) => return,
                () = leading::heard_again(&mut leadership) => {}
            }
        }
    }

    async fn decide(self: Arc<Self>) -> Infallible {
        // What is kept is written again at this age, a little later at most.
        let silence = self.kept_policy.refresh_age.unsigned_abs() * 3 / 2;
        let (leadership, clock) = (self.leadership(), self.clock);
        asking::decide(
            leadership,
            &self.store,
            &self.told,
            &self.asks,
            silence,
            clock,
        )
        .await
    }

    async fn write_events(self: Arc<Self>) -> Infallible {
        self.events.run().await
    }

    async fn keep(self: Arc<Self>) -> Infallible {
        let work = || kept::keep(&self.kept, &self.store, self.kept_policy, self.clock);
        while_so(self.leadership(), Leadership::is_leading, work).await
    }

    async fn tell(self: Arc<Self>) -> Infallible {
        let work = || telling::tell(&self.events, &self.store, self.clock);
        while_so(self.leadership(), Leadership::is_leading, work).await
    }
}

/// The leadership of a replica that nobody else is told of.
fn always(clock: WallClock) -> watch::Receiver<Leadership> {
    let since = clock.now();
    watch::channel(Leadership::Leading { since }).1
}
