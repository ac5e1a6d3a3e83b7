//! How often Datadog may be asked, so that an organisation's limit is not crossed.

use std::time::Duration;

use crate::RateLimit;

/// Datadog tells whole seconds.
const A_SECOND: Duration = Duration::from_secs(1);

/// Spreads the calls that an organisation's limit leaves, and keeps a part of them free for
/// its other users: dashboards, monitors, scripts.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The part that is kept free.
    reserve: f64,
    /// The calls that the others were seen to take in a second.
    others: f64,
    before: Option<RateLimit>,
}

impl Budget {
    /// Keeps so many of a hundred calls free; more than ninety-nine leave none to ask with.
    #[must_use]
    pub fn keeping_free(percent: u8) -> Self {
        Self {
            reserve: f64::from(percent.min(99)) / 100.0,
            others: 0.0,
            before: None,
        }
    }

    /// How long to wait from the beginning of one round of `calls` to the next, where `wish`
    /// is wanted and Datadog has told this `limit`, so long `since` the round before.
    ///
    /// What is left in the period, without the reserve and without what the others will
    /// take if they go on as they did, is spread evenly over the time until it ends. Where
    /// not even one round is left, the wait lasts until the next period begins. Without a
    /// limit, or without calls, the wish is granted.
    pub fn pause(
        &mut self,
        wish: Duration,
        calls: u32,
        limit: Option<&RateLimit>,
        since: Duration,
    ) -> Duration {
        let before = std::mem::replace(&mut self.before, limit.cloned());
        let Some(RateLimit {
            remaining: Some(remaining),
            reset: Some(reset),
            limit,
            ..
        }) = limit
        else {
            return wish;
        };
        if let Some(RateLimit {
            remaining: Some(had),
            reset: Some(had_left),
            ..
        }) = before
            && had_left > *reset
            && !since.is_zero()
        {
            let gone = had.saturating_sub(*remaining) as f64;
            self.others = (gone - f64::from(calls)).max(0.0) / since.as_secs_f64();
        }
        if calls == 0 {
            return wish;
        }
        let kept_free = limit.map_or(0.0, |limit| limit as f64 * self.reserve);
        let for_others = kept_free + self.others * reset.as_secs_f64();
        let rounds = ((*remaining as f64 - for_others) / f64::from(calls)).floor();
        // One round that is spread over all that is left is the first of the next period.
        if rounds < 2.0 {
            return wish.max(*reset + A_SECOND);
        }
        wish.max(reset.div_f64(rounds))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WISH: Duration = Duration::from_secs(30);

    fn limit(limit: u64, remaining: u64, reset: u64) -> RateLimit {
        RateLimit {
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(Duration::from_secs(reset)),
            period: Some(Duration::from_secs(3600)),
            name: None,
        }
    }

    fn pause(calls: u32, limit: &RateLimit) -> u64 {
        let mut budget = Budget::keeping_free(10);
        budget
            .pause(WISH, calls, Some(limit), Duration::ZERO)
            .as_secs()
    }

    #[test]
    fn what_is_left_is_spread_over_the_time_that_is_left() {
        // 2 calls each 30 seconds are 240 an hour.
        assert_eq!(pause(2, &limit(1600, 1600, 3600)), 30);
        // 29 calls of 1 440 are 49 rounds.
        assert_eq!(pause(29, &limit(1600, 1600, 3600)), 73);
        assert_eq!(pause(29, &limit(1600, 520, 1800)), 150);
    }

    #[test]
    fn what_others_take_is_seen_and_left_to_them() {
        let mut budget = Budget::keeping_free(10);
        let first = budget.pause(WISH, 20, Some(&limit(1600, 1580, 3600)), Duration::ZERO);
        assert_eq!(first.as_secs(), 50);
        // In 50 seconds 20 of the calls were ours and 10 were theirs, which are 710 more in
        // what is left of the hour: 660 are ours, 33 rounds.
        let second = budget.pause(WISH, 20, Some(&limit(1600, 1550, 3550)), first);
        assert_eq!(second.as_secs(), 3550 / 34);
        // A new period says nothing of what was taken before it.
        let third = budget.pause(WISH, 20, Some(&limit(1600, 1600, 3600)), second);
        assert_eq!(third.as_secs(), 3600 / 36);
    }

    #[test]
    fn the_reserve_is_not_touched_and_the_next_period_is_waited_for() {
        assert_eq!(pause(29, &limit(1600, 188, 700)), 701);
        assert_eq!(pause(29, &limit(1600, 0, 700)), 701);
        assert_eq!(pause(29, &limit(1600, 100, 10)), 30);
        // More calls in one round than a period allows.
        assert_eq!(pause(300, &limit(300, 300, 3600)), 3601);
    }

    #[test]
    fn without_a_limit_the_wish_is_granted() {
        let pause = |calls, limit: Option<&RateLimit>| {
            Budget::keeping_free(10).pause(WISH, calls, limit, Duration::ZERO)
        };
        assert_eq!(pause(29, None), WISH);
        assert_eq!(pause(29, Some(&RateLimit::default())), WISH);
        assert_eq!(pause(0, Some(&limit(10, 0, 3600))), WISH);
    }

    /// An hour of rounds under a limit, while others take so many calls a second: the calls
    /// that were ours, those that were refused, and the longest pause.
    fn an_hour(calls: u32, limit_of: u64, others: f64) -> (u64, u64, Duration) {
        let (mut now, mut ours, mut refused) = (0.0, 0, 0);
        let (mut longest, mut since) = (Duration::ZERO, Duration::ZERO);
        let mut budget = Budget::keeping_free(10);
        while now < 3600.0 {
            for _ in 0..calls {
                if ours as f64 + others * now >= limit_of as f64 {
                    refused += 1;
                } else {
                    ours += 1;
                }
            }
            let used = ours + (others * now) as u64;
            let told = limit(
                limit_of,
                limit_of.saturating_sub(used),
                (3600.0 - now) as u64,
            );
            let pause = budget.pause(WISH, calls, Some(&told), since);
            since = pause;
            longest = longest.max(pause.min(Duration::from_secs_f64(3600.0 - now)));
            now += pause.as_secs_f64();
        }
        (ours, refused, longest)
    }

    proptest! {
        #[test]
        fn no_call_is_refused_in_an_hour_whose_others_take_up_to_half(
            calls in 1_u32..60, limit_of in prop::sample::select(vec![300_u64, 1600, 6000]), share in 0.0..0.5,
        ) {
            let others = limit_of as f64 * share / 3600.0;
            let (ours, refused, _) = an_hour(calls, limit_of, others);
            prop_assert_eq!(refused, 0, "{} calls were ours", ours);
        }
    }

    #[test]
    fn a_thousand_queries_under_the_last_published_limit_are_as_old_as_the_plan_says() {
        let (ours, refused, longest) = an_hour(29, 1600, 0.0);
        assert_eq!(refused, 0);
        assert!((1380..=1440).contains(&ours), "{ours}");
        assert!(longest <= Duration::from_secs(120), "{longest:?}");
    }
}
