//! Who asks for one metric.

use std::sync::Arc;

use datadog_query::Query;
use provider_api::ObjectReference;

use crate::{Inexpressible, MetricReference, Policy, Wishes, few::Few};

/// What an object wishes, where it wishes anything.
pub(super) type Wished = Option<Arc<Wishes>>;

#[derive(Debug)]
pub(super) struct Demanded {
    /// Who asks, and what they wish.
    pub(super) askers: Few<ObjectReference, Wished>,
    /// What they agree on, where it is not the usual policy.
    pub(super) policy: Option<Arc<Policy>>,
    /// The DatadogMetric that says what is asked.
    pub(super) reference: Option<MetricReference>,
    /// What Datadog is asked.
    pub(super) query: Result<Query, Inexpressible>,
    /// Where what is known of it stands among all that is known.
    pub(super) place: usize,
}

impl Demanded {
    pub(super) fn by(
        asker: ObjectReference,
        wished: Wished,
        reference: Option<MetricReference>,
        query: Result<Query, Inexpressible>,
    ) -> Self {
        Self {
            askers: Few::One(asker, wished),
            policy: None,
            reference,
            query,
            place: usize::MAX,
        }
    }

    /// An object asks and wishes this. Tells whether it changes what they agree on.
    ///
    /// That hangs on what is wished and not on how many wish it: tens of thousands may ask for
    /// one metric, and go one by one.
    pub(super) fn joins(&mut self, asker: ObjectReference, wished: Wished) -> bool {
        let is_new = !self.is_wished_by_any(&wished);
        let before = self.askers.insert(asker, wished);
        is_new || before.is_some_and(|before| !self.is_wished_by_any(&before))
    }

    /// An object asks no longer. Tells whether it changes what the others agree on.
    pub(super) fn leaves(&mut self, asker: &ObjectReference) -> bool {
        let before = self.askers.remove(asker);
        before.is_some_and(|before| !self.is_wished_by_any(&before))
    }

    fn is_wished_by_any(&self, wished: &Wished) -> bool {
        self.askers.values().any(|others| others == wished)
    }

    /// What is wished, whatever by how many.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Wished> {
        let mut before = None;
        let mut wished = self.askers.values();
        std::iter::from_fn(move || {
            let next = wished.find(|wished| before != Some(*wished))?;
            before = Some(next);
            before
        })
    }
}
