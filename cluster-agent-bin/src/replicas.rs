//! Several replicas: one asks Datadog and writes down what it knows, all read that and answer.

mod asking;
mod kept;
mod leading;
mod reach;
mod telling;

use std::sync::Arc;

use k8s_adapter::{
    Election, ElectionSettings, Events, InvalidElection, KeptMetrics, Leadership, Reporter,
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

/// What this replica does, now and from now on.
pub(crate) struct Replica {
    pub(crate) leadership: watch::Receiver<Leadership>,
    /// Whether it asks Datadog.
    pub(crate) asks: watch::Receiver<bool>,
}

/// The server as one of several replicas, and what this one does.
///
/// # Errors
/// When no election can be held by these settings.
pub(crate) fn with_replicas(
    server: MetricsServer,
    config: config::Replicas,
    cluster: &Client,
    store: &Store,
    clock: WallClock,
    reach: &Reach,
    shutdown: &Shutdown,
) -> Result<(MetricsServer, Replica), InvalidElection> {
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
    let events = Arc::new(Events::new(cluster.clone(), reporter, Arc::new(clock)));
    let (server, leadership) = match election {
        None => (server, always(clock)),
        Some(config::Election {
            lease,
            timing,
            release,
        }) => {
            let settings = ElectionSettings {
                namespace,
                lease,
                identity,
                timing,
                release,
            };
            let election = Election::new(cluster.clone(), settings, Arc::new(clock))?;
            let leadership = election.leadership();
            let election = Arc::new(election);
            let (reach, shutdown) = (reach.clone(), shutdown.clone());
            let server = server.alongside("stands for election", move || {
                let election = Arc::clone(&election);
                let (reach, shutdown) = (reach.clone(), shutdown.clone());
                async move { leading::stand(&election, &reach, &shutdown).await }
            });
            (server, leadership)
        }
    };

    let kept = KeptMetrics::new(cluster.clone(), kept);
    let told = asking::Told::at(clock.after(Duration::ZERO));
    let (tell, asks) = watch::channel(false);
    let tell = Arc::new(tell);
    let server = server
        .alongside("reads what is kept", {
            let (kept, store, told) = (kept.clone(), store.clone(), told.clone());
            move || {
                let (kept, store, told) = (kept.clone(), store.clone(), told.clone());
                async move { kept::follow(kept, &store, &told, clock).await }
            }
        })
        .alongside("decides who asks Datadog", {
            let (leadership, store) = (leadership.clone(), store.clone());
            move || {
                let (leadership, store) = (leadership.clone(), store.clone());
                let (told, tell) = (told.clone(), Arc::clone(&tell));
                async move { asking::decide(leadership, &store, &told, &tell, clock).await }
            }
        })
        .alongside("tells autoscalers of turns", {
            let (leadership, store) = (leadership.clone(), store.clone());
            let events = Arc::clone(&events);
            move || {
                let (store, events) = (store.clone(), Arc::clone(&events));
                let work = move || {
                    let (store, events) = (store.clone(), Arc::clone(&events));
                    async move { telling::tell(&events, &store, clock).await }
                };
                while_so(leadership.clone(), Leadership::is_leading, work)
            }
        })
        .alongside("writes events", move || {
            let events = Arc::clone(&events);
            async move { events.run().await }
        })
        .alongside("keeps what is known", {
            let (leadership, store) = (leadership.clone(), store.clone());
            move || {
                let (kept, store) = (kept.clone(), store.clone());
                let work = move || {
                    let (kept, store) = (kept.clone(), store.clone());
                    async move { kept::keep(kept, &store, kept_policy, clock).await }
                };
                while_so(leadership.clone(), Leadership::is_leading, work)
            }
        });
    Ok((server, Replica { leadership, asks }))
}

/// The leadership of a replica that nobody else is told of.
fn always(clock: WallClock) -> watch::Receiver<Leadership> {
    let since = clock.now();
    watch::channel(Leadership::Leading { since }).1
}
