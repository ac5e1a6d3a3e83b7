//! The story: round after round until every Deployment is back where it began.

use std::{convert::Infallible, sync::Arc};

use datadog_query::simulator::Simulator;
use futures_util::future::join_all;
use kube_client::Client;
use provider_api::{Clock, ExternalMetric};
use time::{Duration, OffsetDateTime};

use super::{
    actor::{Actor, Listed},
    moment::Moment,
};
use crate::edge::WallClock;

/// How often the autoscalers act, as in a cluster.
const ROUND: Duration = Duration::seconds(15);

/// The autoscalers at work on their Deployments, and the traffic that moves them.
pub(crate) struct Scene {
    actors: Vec<Actor>,
    /// Kubernetes' own client, on the demo's server.
    client: Client,
    simulator: Arc<Simulator>,
    clock: WallClock,
    start: OffsetDateTime,
}

impl Scene {
    pub(crate) fn new(
        actors: Vec<Actor>,
        client: Client,
        simulator: Arc<Simulator>,
        clock: WallClock,
    ) -> Self {
        Self {
            actors,
            client,
            simulator,
            clock,
            start: clock.now(),
        }
    }

    /// Plays round after round and shows each; `show` says when it has seen enough.
    pub(crate) async fn play(&mut self, mut show: impl FnMut(&Moment) -> bool) {
        loop {
            let moment = self.round().await;
            if show(&moment) {
                return;
            }
            self.clock.sleep(ROUND).await;
        }
    }

    /// Goes on without anybody looking.
    pub(crate) async fn go_on(&mut self) -> Infallible {
        loop {
            self.round().await;
            self.clock.sleep(ROUND).await;
        }
    }

    async fn round(&mut self) -> Moment {
        let mut rounds = Vec::with_capacity(self.actors.len());
        for actor in &mut self.actors {
            let metrics = actor.metrics();
            let read = join_all(metrics.iter().map(|metric| read(&self.client, metric))).await;
            let now = self.clock.now();
            let traffic = metrics
                .first()
                .and_then(|metric| self.simulator.level(metric.name().as_str(), now));
            rounds.push(actor.act(now, &read, traffic));
        }
        Moment {
            at: self.clock.now() - self.start,
            rounds,
        }
    }
}

/// What the autoscaler of a cluster would read, by the path on which it would.
async fn read(client: &Client, metric: &ExternalMetric) -> Result<Listed, String> {
    let request = http::Request::get(metric.path())
        .body(Vec::new())
        .map_err(|why| why.to_string())?;
    client.request(request).await.map_err(|why| match why {
        kube_client::Error::Api(status) => status.message,
        other => crate::chain(&other),
    })
}
