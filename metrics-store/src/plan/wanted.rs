//! What the plan chooses from.

use datadog_query::Query;
use time::{Duration, OffsetDateTime};

/// A query that is asked, sooner or later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) query: &'a Query,
    pub(crate) way: Way,
    /// From when on it is worth asking.
    pub(crate) due: OffsetDateTime,
    /// When its value is too old to be served; nothing, where it was never asked, which
    /// comes before all others.
    pub(crate) deadline: Option<OffsetDateTime>,
}

/// How a query travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// With others.
    Together,
    /// In a call of its own, since it has spoilt another.
    Alone,
    /// It is on its way.
    UnderWay,
}
