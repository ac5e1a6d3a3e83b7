//! What the plan chooses from.

use datadog_query::Query;
use time::{Duration, OffsetDateTime};

/// A query that is asked, sooner or later.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) query: Query,
    pub(crate) travel: Travel,
    /// From when on it is worth asking.
    pub(crate) due: OffsetDateTime,
    /// When its value is too old to be served; nothing, where it was never asked, which
    /// comes before all others.
    pub(crate) deadline: Option<OffsetDateTime>,
    /// How far back a value still counts.
    pub(crate) look_back: Duration,
}

/// How a query travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travel {
    /// With others.
    Together,
    /// In a call of its own, since it has spoilt another.
    Alone,
    /// It is on its way, and due when it must have been lost.
    UnderWay,
}

/// Keeps the first `most` in the order of their keys.
pub(super) fn keep_first(
    wanted: &mut Vec<Wanted>,
    most: usize,
    key: impl Fn(&Wanted) -> Option<OffsetDateTime>,
) {
    if most < wanted.len() {
        wanted.select_nth_unstable_by_key(most, &key);
        wanted.truncate(most);
    }
    wanted.sort_unstable_by_key(key);
}
