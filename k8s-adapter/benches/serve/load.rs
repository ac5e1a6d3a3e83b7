//! Requests without a pause, or at a fixed rate, and what became of them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use crate::{
    Outcome,
    connection::{Connection, Protocol},
    process::Process,
    scene::Scene,
};

/// What a server did under some load.
pub(crate) struct Load {
    /// In order.
    latencies: Vec<Duration>,
    took: Duration,
    cpu: Duration,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// Of the server, in microseconds.
    pub(crate) fn cpu_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }

    /// The share of the time that the server worked.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.took.as_secs_f64()
    }

    /// Within this time was that share of the requests answered, in milliseconds.
    pub(crate) fn within(&self, share: f64) -> f64 {
        let place = (self.latencies.len() as f64 * share) as usize;
        self.latencies
            .get(place)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// The connections that a load uses, open already.
pub(crate) struct Clients {
    connections: Vec<Connection>,
    /// Requests at a time on each.
    depth: usize,
}

impl Clients {
    /// Eight at a time, or two with eight streams each.
    pub(crate) async fn of(scene: &Scene, server: &Process, protocol: Protocol) -> Outcome<Self> {
        let (number, depth) = match protocol {
            Protocol::Http1 => (8, 1),
            Protocol::Http2 => (2, 8),
        };
        let open = |_| Connection::open(scene, server.address(), protocol);
        let connections = try_join_all((0..number).map(open)).await?;
        Ok(Self { connections, depth })
    }

    /// Each asks again as soon as it is answered.
    pub(crate) async fn without_a_pause(
        &mut self,
        server: &Process,
        span: Duration,
    ) -> Outcome<Load> {
        let depth = self.depth;
        let end = Instant::now() + span;
        let ask = async |connection: &mut Connection| -> Outcome<Vec<Duration>> {
            let mut latencies = Vec::new();
            // All are alike, and their answers come about in their order.
            let mut since = VecDeque::new();
            loop {
                let now = Instant::now();
                while now < end && since.len() < depth {
                    connection.begin();
                    since.push_back(now);
                }
                if since.is_empty() {
                    return Ok(latencies);
                }
                let answers = connection.answered().await?;
                let now = Instant::now();
                latencies.extend(since.drain(..answers).map(|since| now - since));
            }
        };
        measured(server, try_join_all(self.connections.iter_mut().map(ask))).await
    }

    /// A request that had to wait for the one before has waited since its time had come.
    pub(crate) async fn at_a_rate(
        &mut self,
        server: &Process,
        per_second: u32,
        span: Duration,
    ) -> Outcome<Load> {
        let pause = Duration::from_secs(1) / per_second;
        let number = u32::try_from(self.connections.len())?;
        let begin = Instant::now();
        let ask = async |(place, connection): (u32, &mut Connection)| -> Outcome<Vec<Duration>> {
            let mut latencies = Vec::new();
            let mut due = begin + pause * place;
            while due < begin + span {
                let mut since = due;
                if Instant::now() < due {
                    tokio::time::sleep_until(due.into()).await;
                    since = Instant::now();
                }
                connection.begin();
                connection.answered().await?;
                latencies.push(since.elapsed());
                due += pause * number;
            }
            Ok(latencies)
        };
        let clients = (0..).zip(&mut self.connections);
        measured(server, try_join_all(clients.map(ask))).await
    }
}

/// What a server did while it was asked.
pub(crate) async fn measured(
    server: &Process,
    asking: impl Future<Output = Outcome<Vec<Vec<Duration>>>>,
) -> Outcome<Load> {
    let (cpu, begin) = (server.cpu()?, Instant::now());
    let mut latencies = asking.await?.concat();
    let (took, cpu) = (begin.elapsed(), server.cpu()? - cpu);
    latencies.sort_unstable();
    Ok(Load {
        latencies,
        took,
        cpu,
    })
}
