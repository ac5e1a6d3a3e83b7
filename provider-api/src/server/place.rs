//! A client's place in the server, and who gives one up when all are taken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::Id, time::Instant};

use super::Limits;

/// What one connection is used for. It is idle while no request of its is being
/// answered: in the handshake, between requests, and also while it does not read
/// its answer, since whoever is slow to read shall not hold a place by it.
#[derive(Debug)]
pub(super) struct Place {
    usage: Mutex<Usage>,
    leave: Notify,
    became_idle: Arc<Notify>,
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    in_flight: usize,
    has_asked: bool,
    idle_since: Instant,
    is_leaving: bool,
}

impl Place {
    fn taken(became_idle: Arc<Notify>, now: Instant) -> Self {
        Self {
            usage: Mutex::new(Usage {
                in_flight: 0,
                has_asked: false,
                idle_since: now,
                is_leaving: false,
            }),
            leave: Notify::new(),
            became_idle,
        }
    }

    /// A request is in flight until what this returns is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        let mut usage = self.usage();
        usage.in_flight += 1;
        usage.has_asked = true;
        InFlight(Arc::clone(self))
    }

    /// How long it has been idle; `None` while a request is in flight.
    pub(super) fn idle(&self, now: Instant) -> Option<Duration> {
        let usage = self.usage();
        (usage.in_flight == 0).then(|| now - usage.idle_since)
    }

    /// How long it may be: whoever has never asked for anything gets less.
    pub(super) fn patience(&self, limits: &Limits) -> Duration {
        if self.usage().has_asked {
            limits.idle
        } else {
            limits.head
        }
    }

    /// Waits until it is to be given up for another client.
    pub(super) async fn given_up(&self) {
        self.leave.notified().await;
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        // Each change is whole before the lock is let go.
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Place>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.in_flight -= 1;
        usage.idle_since = Instant::now();
        self.0.became_idle.notify_one();
    }
}

/// The places that are taken, by the task that serves each.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_task: HashMap<Id, Arc<Place>>,
    became_idle: Arc<Notify>,
}

impl Places {
    /// A place for a client that comes now.
    pub(super) fn place(&self) -> Arc<Place> {
        Arc::new(Place::taken(Arc::clone(&self.became_idle), Instant::now()))
    }

    pub(super) fn insert(&mut self, task: Id, place: Arc<Place>) {
        self.by_task.insert(task, place);
    }

    pub(super) fn remove(&mut self, task: Id) {
        self.by_task.remove(&task);
    }

    /// Waits until a request has been answered, so that a place may be idle.
    pub(super) fn became_idle(&self) -> impl Future<Output = ()> + use<> {
        let became_idle = Arc::clone(&self.became_idle);
        async move { became_idle.notified().await }
    }

    /// Asks the connection that has been idle longest to leave. Whether there was one:
    /// those with a request in flight stay.
    pub(super) fn give_up_the_idlest(&self) -> bool {
        let idle = self.by_task.values().filter_map(|place| {
            let usage = *place.usage();
            (usage.in_flight == 0 && !usage.is_leaving).then_some((usage.idle_since, place))
        });
        let Some((_, idlest)) = idle.min_by_key(|(since, _)| *since) else {
            return false;
        };
        idlest.usage().is_leaving = true;
        idlest.leave.notify_one();
        true
    }
}
