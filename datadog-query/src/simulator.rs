//! What Datadog would answer: a function from a request and the time to a response.
//!
//! A [`Scenario`] says what an account holds and what goes wrong in it. A [`Simulator`]
//! answers the routes that this crate asks, and is as unkind as the real server:
//! incomplete last buckets, nulls, calls spoilt by one query, rate limits. It opens no
//! socket and reads no clock; whoever serves it does what [`Delivery`] says.

mod account;
mod asked;
mod body;
mod bucket;
mod call;
mod control;
mod fault;
mod quota;
mod scenario;
mod series;
mod shape;
mod spell;
mod window;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use time::OffsetDateTime;

use self::account::Account;
pub use self::{
    control::Answered,
    fault::Fault,
    scenario::{Scenario, Series},
};

/// A Datadog account in memory.
///
/// The same request at the same time has the same answer, but for the calls counted
/// against the rate limit.
#[derive(Debug)]
pub struct Simulator(Mutex<Account>);

/// A response, and how the socket hands it over.
#[derive(Debug)]
pub struct Answer {
    /// The whole response, even where only a part of it is to be delivered.
    pub response: Response<Bytes>,
    /// What is to be done with it.
    pub delivery: Delivery,
}

/// What the socket does with a response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delivery {
    /// Sends it.
    AtOnce,
    /// Waits, then sends it.
    After(Duration),
    /// Sends the head, then each byte of the body after this pause.
    Trickled {
        /// The wait before each byte.
        pause: Duration,
    },
    /// Announces the whole body, sends this many bytes of it and closes the connection.
    CutOff {
        /// Bytes of the body.
        after: usize,
    },
    /// Closes the connection without a word.
    HangUp,
}

impl Simulator {
    /// Starts a scenario: now, unless it names its start.
    pub fn new(scenario: Scenario, now: OffsetDateTime) -> Self {
        Self(Mutex::new(Account::new(scenario, now)))
    }

    /// Answers a request as it would have been answered at this time.
    pub fn answer(&self, request: &Request<Bytes>, now: OffsetDateTime) -> Answer {
        self.account().answer(request, now)
    }

    /// What the sources of a metric are at, on average, at this moment: what a person
    /// would see there before any of it is a point of Datadog's.
    pub fn level(&self, metric: &str, now: OffsetDateTime) -> Option<f64> {
        self.account().level(metric, now)
    }

    /// Replaces the series, their past included.
    pub fn set_series(&self, series: Vec<Series>) {
        self.account().series = series;
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.account().faults = faults;
    }

    /// The last thousand calls, oldest first.
    pub fn calls(&self) -> Vec<Answered> {
        self.account().calls.iter().cloned().collect()
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        // A panic leaves nothing half-changed: each change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
