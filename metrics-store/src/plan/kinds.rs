//! Which queries share a call.

use std::num::NonZeroUsize;

use time::Duration;

/// Queries that share calls, by how far back they are asked.
///
/// The further back a call asks, the wider Datadog makes
/// [the buckets](https://docs.datadoghq.com/dashboards/functions/rollup/) of those queries that
/// do not state a width. So one that looks back for a day has no place among others: it would
/// make their newest values minutes older, and their answers longer. Kinds are few, since each
/// has calls of its own.
#[derive(Debug)]
pub(super) struct Kinds([Kind; FURTHEST.len()]);

/// Up to here the queries of one kind look back; those of the last do so further.
const FURTHEST: [Duration; 3] = [Duration::HOUR, Duration::hours(4), Duration::MAX];

#[derive(Clone, Copy, Debug)]
struct Kind {
    /// How many queries travel together,
    queries: usize,
    /// and how many of them went in the last call.
    in_a_call: NonZeroUsize,
}

/// The place of a kind.
pub(super) fn of(look_back: Duration) -> usize {
    FURTHEST.partition_point(|furthest| *furthest < look_back)
}

impl Kinds {
    /// No queries yet, of which so many will go in a call.
    pub(super) fn new(in_a_call: NonZeroUsize) -> Self {
        let queries = 0;
        Self([Kind { queries, in_a_call }; FURTHEST.len()])
    }

    /// The queries are counted anew.
    pub(super) fn clear(&mut self) {
        for kind in &mut self.0 {
            kind.queries = 0;
        }
    }

    /// Here is a query that looks back so far.
    pub(super) fn count(&mut self, look_back: Duration) {
        self.0[of(look_back)].queries += 1;
    }

    /// So many queries of a kind went in a call.
    pub(super) fn went(&mut self, kind: usize, in_a_call: usize) {
        self.0[kind].in_a_call = NonZeroUsize::new(in_a_call).unwrap_or(NonZeroUsize::MIN);
    }

    /// How many queries there are.
    pub(super) fn queries(&self) -> usize {
        self.0.iter().map(|kind| kind.queries).sum()
    }

    /// How many calls it takes to ask for everything once.
    pub(super) fn calls(&self) -> usize {
        let calls = |kind: &Kind| kind.queries.div_ceil(kind.in_a_call.get());
        self.0.iter().map(calls).sum()
    }
}
