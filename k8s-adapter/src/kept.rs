//! What is known of each metric, kept in ConfigMaps: every replica answers with what one
//! of them has fetched, and a restart goes on from there.

mod change;
mod cluster;
mod key;
mod object;
mod objects;
mod place;
mod policy;
mod state;
#[cfg(test)]
mod testing;
mod text;
mod watch;

use std::sync::Arc;

use provider_api::Quantity;
use time::OffsetDateTime;

use crate::Demand;

pub use self::{
    change::{KeptChanges, ObjectChange},
    cluster::{KeptError, KeptMetrics, KeptWritten},
    objects::{KeptChange, KeptObjects, UnreadableEntry},
    place::{InvalidKeptPlace, KeptPlace},
    policy::KeptPolicy,
    text::Unreadable,
    watch::KeptWatched,
};

/// A demand, and what is known of its metric.
///
/// It is written as one entry of a ConfigMap, in the form that Datadog's cluster agent
/// gave to its own, so that people and tools that know the one read the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMetric {
    /// Who asks for what.
    pub demand: Demand,
    /// The UID of the object that asks, where it is known.
    pub uid: Option<Arc<str>>,
    /// What the source was asked for it, where it is told: by another question, the same
    /// metric may have another value.
    pub query: Option<Arc<str>>,
    /// What is known.
    pub known: Known,
}

/// What is known of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing yet: its source has not answered.
    Waiting,
    /// The source's last answer.
    Fresh(KeptValue),
    /// The source's last answer had no value; this is the one before.
    Held(KeptValue, Failure),
    /// The source has none.
    Missing(Failure),
}

/// A value and the time at which it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptValue {
    /// The value.
    pub value: Quantity,
    /// When it was measured.
    pub time: OffsetDateTime,
}

/// Why there is no newer value, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    reason: Arc<str>,
    why: Arc<str>,
    since: OffsetDateTime,
    heard: OffsetDateTime,
}

/// Long enough for a sentence with its cause; a whole page would fill the ConfigMap.
const LONGEST_REASON: usize = 500;

impl Failure {
    /// The source gives no value, by these words and since then. Of long words only
    /// the beginning is kept.
    pub fn new(why: &str, since: OffsetDateTime) -> Self {
        let why = match why.char_indices().nth(LONGEST_REASON) {
            Some((end, _)) => format!("{}…", &why[..end]).into(),
            None => why.into(),
        };
        Self {
            reason: "".into(),
            why,
            since,
            heard: since,
        }
    }

    /// The same, with its reason in one word, such as `NoData`.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        let reason = reason.into();
        Self { reason, ..self }
    }

    /// The same, which the source has said then for the last time.
    #[must_use]
    pub fn heard_at(self, heard: OffsetDateTime) -> Self {
        Self { heard, ..self }
    }

    /// The reason in one word; empty where none was given.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// When the source has said so for the last time.
    pub fn heard(&self) -> OffsetDateTime {
        self.heard
    }

    /// The reason, as a sentence.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Since when there is no value, whatever the reason in between.
    pub fn since(&self) -> OffsetDateTime {
        self.since
    }
}

impl Known {
    /// The newest value there is.
    pub fn value(&self) -> Option<KeptValue> {
        match self {
            Self::Fresh(value) | Self::Held(value, _) => Some(*value),
            Self::Waiting | Self::Missing(_) => None,
        }
    }

    /// Why there is no newer one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Held(_, failure) | Self::Missing(failure) => Some(failure),
            Self::Waiting | Self::Fresh(_) => None,
        }
    }
}
