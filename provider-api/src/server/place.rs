//! A client's place in the server, and who gives one up when all are taken.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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
    server: Arc<Server>,
}

/// What every place knows of the server.
#[derive(Debug, Default)]
struct Server {
    is_ending: AtomicBool,
    /// Whether a client waits for a place. Nobody else has to hear of one that is idle.
    wants_room: AtomicBool,
    became_idle: Notify,
}

/// Why a client is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// The server drains: when it has its answers.
    End,
    /// Another client needs the place, and it is idle: soon.
    GivenUp,
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    in_flight: usize,
    has_asked: bool,
    idle_since: Instant,
    is_given_up: bool,
}

impl Place {
    fn taken(server: Arc<Server>, now: Instant) -> Self {
        Self {
            usage: Mutex::new(Usage {
                in_flight: 0,
                has_asked: false,
                idle_since: now,
                is_given_up: false,
            }),
            leave: Notify::new(),
            server,
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

    /// Whether the server was asked to end.
    pub(super) fn is_ending(&self) -> bool {
        self.server.is_ending.load(Ordering::Relaxed)
    }

    /// Waits until the client is to leave, and says why. It may be told twice.
    pub(super) async fn to_leave(&self) -> Leave {
        self.leave.notified().await;
        if self.usage().is_given_up {
            Leave::GivenUp
        } else {
            Leave::End
        }
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
        // Whoever wants room says so before it looks at this usage.
        if self.0.server.wants_room.load(Ordering::Relaxed) {
            self.0.server.became_idle.notify_one();
        }
    }
}

/// The places that are taken, by the task that serves each.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_task: HashMap<Id, Arc<Place>>,
    server: Arc<Server>,
}

impl Places {
    /// A place for a client that comes now, and has room.
    pub(super) fn place(&self) -> Arc<Place> {
        self.server.wants_room.store(false, Ordering::Relaxed);
        Arc::new(Place::taken(Arc::clone(&self.server), Instant::now()))
    }

    pub(super) fn insert(&mut self, task: Id, place: Arc<Place>) {
        self.by_task.insert(task, place);
    }

    pub(super) fn remove(&mut self, task: Id) {
        self.by_task.remove(&task);
    }

    /// Waits until a request has been answered after there was no room, so that a place
    /// may be idle.
    pub(super) fn became_idle(&self) -> impl Future<Output = ()> + use<> {
        let server = Arc::clone(&self.server);
        async move { server.became_idle.notified().await }
    }

    /// What says from now on, in every place, that the server was asked to end.
    pub(super) fn end(&self) -> impl FnOnce() + use<> {
        let server = Arc::clone(&self.server);
        move || server.is_ending.store(true, Ordering::Relaxed)
    }

    /// Asks every connection to leave when it has its answers.
    pub(super) fn drain(&self) {
        for place in self.by_task.values() {
            place.leave.notify_one();
        }
    }

    /// Asks the connection that has been idle longest to leave. Whether there was one:
    /// those with a request in flight stay.
    pub(super) fn give_up_the_idlest(&self) -> bool {
        self.server.wants_room.store(true, Ordering::Relaxed);
        let idle = self.by_task.values().filter_map(|place| {
            let usage = *place.usage();
            (usage.in_flight == 0 && !usage.is_given_up).then_some((usage.idle_since, place))
        });
        let Some((_, idlest)) = idle.min_by_key(|(since, _)| *since) else {
            return false;
        };
        idlest.usage().is_given_up = true;
        idlest.leave.notify_one();
        true
    }
}
