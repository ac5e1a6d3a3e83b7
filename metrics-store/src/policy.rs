//! How old a value may be.

use time::{Duration, OffsetDateTime};

use crate::{Sample, State};

/// How old a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    max_age: Duration,
}

impl Policy {
    /// Values up to `max_age` old are served. A bucket is known only after it has
    /// closed, so an age below three of them would refuse values as fresh as can
    /// be: it is raised to that.
    pub fn up_to(max_age: Duration, rollup: Duration) -> Self {
        Self {
            max_age: max_age.max(rollup * 3),
        }
    }

    /// The age up to which a value is served.
    pub fn max_age(self) -> Duration {
        self.max_age
    }

    /// The value to serve at `now`, where there is one. A value is good until it
    /// is too old, even when Datadog failed to give a newer one meanwhile: it
    /// travels with its own time, so nobody takes it for newer than it is.
    pub fn usable(self, state: &State, now: OffsetDateTime) -> Option<&Sample> {
        state
            .last()
            .filter(|sample| sample.age(now) <= self.max_age)
    }
}
