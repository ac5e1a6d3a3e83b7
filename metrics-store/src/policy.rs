//! What is served when Datadog has no new value: how long a value counts, how long it is
//! held, and what stands in for it then.

#[cfg(test)]
mod tests;

use provider_api::Quantity;
use time::{Duration, OffsetDateTime};

use crate::{Otherwise, Sample, State, Wishes, state::Trouble};

/// What is served of a metric as long as Datadog has no newer value.
///
/// A value that is young enough is served whatever Datadog says meanwhile: it travels with
/// its own time, so nobody takes it for newer than it is. After that it depends on what the
/// trouble is. Where Datadog cannot be asked, the value is held for the time that is stated
/// here, none by default; where Datadog has no data, it is not, since that is an answer: one that
/// came when the value was too old already, for before that nothing newer had to be there.
/// Then the metric is refused, or has the value that is stated for the case. What is wrong
/// with the query itself is always refused: no value could be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    max_age: Duration,
    hold: Duration,
    on_error: Option<Quantity>,
    on_no_data: Option<Quantity>,
    at_zero: Option<Quantity>,
}

/// What is served of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The value and its time. A stated value has the time of the reading.
    pub sample: Sample,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Datadog, as new as the policy wants it.
    Measured,
    /// Datadog, older than that: it is held while Datadog cannot be asked.
    Held,
    /// The policy: what it states for when Datadog cannot be asked.
    StatedOnError,
    /// The policy: what it states for when Datadog has no data.
    StatedOnNoData,
    /// The policy: what it states for when there are no replicas.
    StatedAtZero,
}

impl Policy {
    /// Values up to `max_age` old are served, and then the metric is refused. A bucket is
    /// known only after it has closed, so an age below three of them would refuse values
    /// as fresh as can be: it is raised to that.
    pub fn up_to(max_age: Duration, rollup: Duration) -> Self {
        Self {
            max_age: max_age.max(rollup * 3),
            hold: Duration::ZERO,
            on_error: None,
            on_no_data: None,
            at_zero: None,
        }
    }

    /// The policy for the metrics of an object that wishes something else. Its maximum age
    /// is raised as that of [`up_to`](Self::up_to) is.
    #[must_use]
    pub fn with(&self, wishes: &Wishes, rollup: Duration) -> Self {
        let stated = |wish: Option<Otherwise>, usual: Option<Quantity>| match wish {
            Some(Otherwise::Value(value)) => Some(value),
            Some(Otherwise::Refuse) => None,
            None => usual,
        };
        let at_zero = stated(wishes.at_zero, self.at_zero);
        Self {
            max_age: wishes.max_age.unwrap_or(self.max_age).max(rollup * 3),
            hold: wishes.hold.unwrap_or(self.hold).max(Duration::ZERO),
            on_error: stated(wishes.on_error, self.on_error),
            on_no_data: stated(wishes.on_no_data, self.on_no_data),
            // Of no use to an object that has replicas.
            at_zero: at_zero.filter(|_| wishes.is_at_zero),
        }
    }

    /// The policy for a metric that two objects ask for: the more careful in each thing.
    /// Where one of them wants a refusal, or another number, it is refused.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = |one: Option<Quantity>, other| one.filter(|_| one == other);
        Self {
            max_age: self.max_age.min(other.max_age),
            hold: self.hold.min(other.hold),
            on_error: both(self.on_error, other.on_error),
            on_no_data: both(self.on_no_data, other.on_no_data),
            at_zero: both(self.at_zero, other.at_zero),
        }
    }

    /// The age up to which a value counts.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// What is served at `now` of what is known, where anything is.
    pub fn reading(&self, state: &State, now: OffsetDateTime) -> Option<Reading> {
        let last = state.last();
        let served = |sample: &Sample, origin| {
            Some(Reading {
                sample: sample.clone(),
                origin,
            })
        };
        if let Some(sample) = last.filter(|sample| sample.age(now) <= self.max_age) {
            return served(sample, Origin::Measured);
        }
        let trouble = state.trouble(self.max_age, now);
        let hold = match trouble {
            Trouble::Error(_) | Trouble::Unasked | Trouble::Undecided => self.hold,
            Trouble::NoData | Trouble::Untold => Duration::ZERO,
        };
        let kept = self.max_age.saturating_add(hold);
        if let Some(sample) = last.filter(|sample| sample.age(now) <= kept) {
            return served(sample, Origin::Held);
        }
        // Without a value to count from, the trouble itself has to last as long.
        let began = last.map(|sample| sample.time).or(state.failing_since())?;
        if now - began <= kept {
            return None;
        }
        let (value, origin) = match trouble {
            Trouble::Untold | Trouble::Undecided => return None,
            Trouble::Error(reason) if reason.is_a_mistake() => return None,
            Trouble::Error(_) | Trouble::Unasked => (self.on_error, Origin::StatedOnError),
            Trouble::NoData => match self.at_zero {
                Some(_) => (self.at_zero, Origin::StatedAtZero),
                None => (self.on_no_data, Origin::StatedOnNoData),
            },
        };
        let sample = Sample {
            value: value?,
            time: now,
        };
        served(&sample, origin)
    }
}
