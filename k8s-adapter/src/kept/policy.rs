//! What is worth a write.

use time::{Duration, OffsetDateTime};

use super::{Failure, KeptMetric, KeptValue, Known};
use crate::wording::says_the_same;

/// When an entry is written again.
///
/// Each write travels to every replica, so a value that has hardly moved is not worth
/// one, unless the one that is kept grows so old that the replicas would refuse it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptPolicy {
    /// By which part of itself a value may move unwritten: `0.01` is a hundredth.
    pub tolerance: f64,
    /// From which age on the value that is kept is replaced by any newer one, and a
    /// failure by one that was heard later.
    pub refresh_age: Duration,
}

impl KeptPolicy {
    /// Whether `wanted` is to take the place of `kept`.
    pub(super) fn replaces(
        &self,
        kept: &KeptMetric,
        wanted: &KeptMetric,
        now: OffsetDateTime,
    ) -> bool {
        // Whoever has just started knows less than what is kept.
        if wanted.known == Known::Waiting {
            return false;
        }
        // The answers to two questions have no order in time.
        if wanted.query != kept.query {
            return true;
        }
        // A leader that was paused knows what is older.
        if is_older(&wanted.known, &kept.known, now) {
            return false;
        }
        if wanted.uid.is_some() && wanted.uid != kept.uid {
            return true;
        }
        match (&kept.known, &wanted.known) {
            (Known::Fresh(kept), Known::Fresh(wanted)) => self.moved(kept, wanted, now),
            (Known::Held(kept, was), Known::Held(wanted, is)) => {
                self.moved(kept, wanted, now) || self.turned(was, is, now)
            }
            (Known::Missing(was), Known::Missing(is)) => self.turned(was, is, now),
            _ => true,
        }
    }

    fn turned(&self, was: &Failure, is: &Failure, now: OffsetDateTime) -> bool {
        let is_said_again = is.heard() > was.heard() && now - was.heard() >= self.refresh_age;
        is_said_again || !is_like(was, is)
    }

    fn moved(&self, kept: &KeptValue, wanted: &KeptValue, now: OffsetDateTime) -> bool {
        let (was, is) = (kept.value.nanos(), wanted.value.nanos());
        let way = is.abs_diff(was) as f64;
        way > self.tolerance.max(0.0) * was.unsigned_abs() as f64
            || (wanted.time > kept.time && now - kept.time >= self.refresh_age)
    }
}

/// A time in the future is a slip of whoever wrote it, and is no reason to keep the entry.
fn is_older(wanted: &Known, kept: &Known, now: OffsetDateTime) -> bool {
    let heard = |known: &Known| known.failure().map(Failure::heard);
    let (ours, theirs) = match (wanted.value(), kept.value()) {
        (Some(wanted), Some(kept)) => (Some(wanted.time), Some(kept.time)),
        // It was heard before there was the value.
        (None, Some(kept)) => (heard(wanted), Some(kept.time)),
        (None, None) => (heard(wanted), heard(kept)),
        // A value may come late, and is measured before the failure that it ends.
        (Some(_), None) => return false,
    };
    ours < theirs && theirs <= Some(now)
}

fn is_like(one: &Failure, other: &Failure) -> bool {
    (one.reason(), one.since()) == (other.reason(), other.since())
        && says_the_same(one.why(), other.why())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kept::testing::{kept, value},
        testing::NOW,
    };

    const POLICY: KeptPolicy = KeptPolicy {
        tolerance: 0.1,
        refresh_age: Duration::seconds(60),
    };

    fn replaces(kept_known: Known, wanted: Known) -> bool {
        let metric = |known| kept("nginxext", "m", known);
        POLICY.replaces(&metric(kept_known), &metric(wanted), NOW)
    }

    fn fresh(quantity: &str, age: i64) -> Known {
        Known::Fresh(value(quantity, NOW - Duration::seconds(age)))
    }

    fn failure(why: &str) -> Failure {
        Failure::new(why, NOW)
    }

    #[test]
    fn a_value_is_written_when_it_has_moved_or_grows_old() {
        for (kept, wanted, expected) in [
            (("100", 30), ("110", 0), false),
            (("100", 30), ("110001m", 0), true),
            (("100", 30), ("89", 0), true),
            (("-100", 30), ("-111", 0), true),
            (("0", 30), ("1n", 0), true),
            (("0", 30), ("0", 0), false),
            // Old, and there is a newer one.
            (("100", 60), ("100", 0), true),
            (("100", 59), ("100", 0), false),
            // Old, and there is none.
            (("100", 90), ("100", 90), false),
            // What is older takes the place of nothing, unless that lies in the future.
            (("100", 0), ("900", 30), false),
            (("100", -30), ("900", 0), true),
        ] {
            let was = replaces(fresh(kept.0, kept.1), fresh(wanted.0, wanted.1));
            assert_eq!(was, expected, "{kept:?} {wanted:?}");
        }
    }

    #[test]
    fn another_kind_is_written_and_another_number_in_a_reason_is_not() {
        let held = |why: &str| Known::Held(value("1", NOW), failure(why));
        let missing = |why: &str| Known::Missing(failure(why));
        for (kept, wanted, expected) in [
            (Known::Waiting, fresh("1", 0), true),
            (Known::Waiting, missing("gone"), true),
            (fresh("1", 0), held("gone"), true),
            (held("gone"), fresh("1", 0), true),
            (held("3 nulls"), held("4 nulls"), false),
            (held("3 nulls"), held("no series"), true),
            (held("3 nulls"), missing("3 nulls"), true),
            (missing("3 nulls"), missing("4 nulls"), false),
            (missing("3 nulls"), missing("no series"), true),
            // Whoever has just started knows less than what is kept.
            (fresh("1", 0), Known::Waiting, false),
            (missing("gone"), Known::Waiting, false),
            (Known::Waiting, Known::Waiting, false),
        ] {
            let told = format!("{kept:?} {wanted:?}");
            assert_eq!(replaces(kept, wanted), expected, "{told}");
        }
    }

    #[test]
    fn a_failure_is_written_again_when_it_was_heard_again_after_a_while() {
        let missing = |heard: i64| {
            let said = failure("gone").because("NoData");
            Known::Missing(said.heard_at(NOW - Duration::seconds(heard)))
        };
        assert!(replaces(missing(60), missing(0)));
        assert!(!replaces(missing(59), missing(0)));
        assert!(!replaces(missing(90), missing(90)));
        assert!(replaces(
            missing(0),
            Known::Missing(failure("gone").because("Unavailable"))
        ));
    }

    #[test]
    fn the_answer_to_another_query_is_written_though_it_is_older() {
        let asked = |query: &str, quantity: &str, age| KeptMetric {
            query: Some(query.into()),
            ..kept("nginxext", "m", fresh(quantity, age))
        };
        let kept = asked("avg:m{*}.rollup(30)", "100", 10);
        // Its buckets are wider.
        let wanted = asked("avg:m{*}.rollup(300)", "100", 200);
        assert!(POLICY.replaces(&kept, &wanted, NOW));
    }

    #[test]
    fn what_a_leader_heard_before_it_was_paused_takes_the_place_of_nothing_newer() {
        let missing = |why: &str, heard: i64| {
            Known::Missing(failure(why).heard_at(NOW - Duration::seconds(heard)))
        };
        for (kept, wanted, expected) in [
            (fresh("1", 10), missing("gone", 11), false),
            (fresh("1", 10), missing("gone", 10), true),
            (missing("away", 10), missing("gone", 11), false),
            (missing("away", 10), missing("gone", 9), true),
            // A value that came late.
            (missing("away", 10), fresh("1", 60), true),
            // That lies in the future.
            (fresh("1", -60), missing("gone", 0), true),
        ] {
            let told = format!("{kept:?} {wanted:?}");
            assert_eq!(replaces(kept, wanted), expected, "{told}");
        }
    }

    #[test]
    fn another_object_of_the_same_name_is_written() {
        let metric = |uid: Option<&str>| KeptMetric {
            uid: uid.map(Into::into),
            ..kept("nginxext", "m", fresh("1", 0))
        };
        let replaces = |was, is| POLICY.replaces(&metric(was), &metric(is), NOW);
        assert!(replaces(Some("a"), Some("b")));
        assert!(!replaces(Some("a"), Some("a")));
        assert!(!replaces(Some("a"), None));
    }
}
