//! What the log is told of the refresh: turns, and not each round.

use std::collections::BTreeSet;

use datadog_query::Query;
use metrics_store::{Round, Strain, Turn};
use provider_api::ObjectReference;
use time::Duration;
use tracing::{info, warn};

/// A query began to fail, fails for another reason, or has a value again.
pub(super) fn turn(query: &Query, turn: &Turn) {
    let askers = some_of(&turn.askers);
    match &turn.failing {
        Some(why) => warn!("no value for {query:.500}, asked for by {askers}: {why}"),
        None => info!("{query:.500}, asked for by {askers}, has a value"),
    }
}

/// A call was one too many.
pub(super) fn refused(wait: Duration) {
    warn!(
        "Datadog's rate limit is reached: nothing is asked for {} s",
        wait.whole_seconds()
    );
}

/// Values begin to get too old, or no longer do.
pub(super) fn strain(strain: Strain) {
    match strain {
        Strain::Begun(Round {
            queries,
            calls,
            takes,
            oldest,
            max_age,
        }) => warn!(
            "Datadog's rate limit is too low: {queries} queries take {calls} calls, what is left to us allows these \
             every {} s, so values get up to {} s old, and those above {} s are not served; ask Datadog for a higher \
             limit, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE",
            takes.whole_seconds(),
            oldest.whole_seconds(),
            max_age.whole_seconds()
        ),
        Strain::Over(Round {
            queries, oldest, ..
        }) => info!(
            "Datadog's rate limit is high enough again: the values of {queries} queries get up to {} s old",
            oldest.whole_seconds()
        ),
    }
}

/// The first three, and how many more there are.
fn some_of(askers: &BTreeSet<ObjectReference>) -> String {
    let shown: Vec<_> = askers.iter().take(3).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match askers.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_askers_are_counted_and_not_listed() {
        let hpa = |name: &str| ObjectReference {
            kind: "Hpa".into(),
            namespace: "shop".into(),
            name: name.into(),
        };
        let askers: BTreeSet<_> = ["a", "b", "c", "d", "e"].map(hpa).into();
        assert_eq!(
            some_of(&askers),
            "Hpa shop/a, Hpa shop/b, Hpa shop/c and 2 more"
        );
        assert_eq!(some_of(&[hpa("a")].into()), "Hpa shop/a");
    }
}
