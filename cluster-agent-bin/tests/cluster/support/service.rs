//! A Service with several replicas behind it, and those who look after one in a cluster:
//! the kubelet, which asks each replica whether it is ready, the controller, which takes out
//! those that are not, and kube-proxy, which picks one of the others for each connection.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Agent, Link, http};

/// How often each replica is asked; one bad answer takes it out.
const PERIOD: Duration = Duration::from_millis(500);

/// A loopback port behind which the ready replicas are.
pub(crate) struct Service {
    link: Link,
    replicas: Arc<Mutex<Vec<Replica>>>,
}

#[derive(Clone, Copy)]
struct Replica {
    port: u16,
    is_ready: bool,
}

impl Service {
    pub(crate) fn new() -> Self {
        let replicas = Arc::new(Mutex::new(Vec::<Replica>::new()));
        let turn = AtomicUsize::new(0);
        let routed = Arc::clone(&replicas);
        let link = Link::to_any(move || {
            let ready: Vec<_> = lock(&routed)
                .iter()
                .filter_map(|replica| replica.is_ready.then_some(replica.port))
                .collect();
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            ready.get(turn % ready.len().max(1)).copied()
        });
        let probed = Arc::downgrade(&replicas);
        thread::spawn(move || while probe(&probed).is_some() {});
        Self { link, replicas }
    }

    pub(crate) fn port(&self) -> u16 {
        self.link.port()
    }

    /// A new pod.
    pub(crate) fn add(&self, agent: &Agent) {
        lock(&self.replicas).push(Replica {
            port: agent.port(),
            is_ready: false,
        });
    }

    /// A pod that is to go: a cluster routes no new connection to it, ready or not.
    pub(crate) fn remove(&self, agent: &Agent) {
        lock(&self.replicas).retain(|replica| replica.port != agent.port());
    }
}

/// Asks all replicas once, while there is a Service.
fn probe(replicas: &Weak<Mutex<Vec<Replica>>>) -> Option<()> {
    let known = lock(&*replicas.upgrade()?).clone();
    for replica in known {
        let asked = http::get(&format!("https://127.0.0.1:{}/readyz", replica.port));
        let replicas = replicas.upgrade()?;
        let mut replicas = lock(&replicas);
        if let Some(found) = replicas.iter_mut().find(|one| one.port == replica.port) {
            found.is_ready = asked.is_ok();
        }
    }
    thread::park_timeout(PERIOD);
    Some(())
}

fn lock(replicas: &Mutex<Vec<Replica>>) -> MutexGuard<'_, Vec<Replica>> {
    replicas.lock().expect("nobody panics under this lock")
}
