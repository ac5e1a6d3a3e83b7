use proptest::prelude::*;
use time::{Duration as Span, macros::datetime};

use super::*;

const START: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);

fn at(seconds: f64) -> OffsetDateTime {
    START + Span::seconds_f64(seconds)
}

fn limit(limit: u64, remaining: u64, reset: u64) -> RateLimit {
    RateLimit {
        limit: Some(limit),
        remaining: Some(remaining),
        reset: Some(Duration::from_secs(reset)),
        period: Some(Duration::from_secs(3600)),
        name: None,
    }
}

/// A budget that was told so at the start of an hour, and has nothing ahead of the pace.
fn told(percent: u8, told: &RateLimit) -> Budget {
    let mut budget = Budget::keeping_free(percent);
    budget.spend(1, START);
    budget.answered(1, Some(told), START);
    (budget.ahead, budget.added_up) = (0.0, START);
    budget
}

/// The seconds until the next call may go.
fn wait(budget: &Budget, now: OffsetDateTime) -> f64 {
    match budget.allowance(now) {
        Allowance::Now(_) => 0.0,
        Allowance::From(next) => (next - now).as_seconds_f64(),
    }
}

#[test]
fn one_call_finds_out_what_is_left() {
    let mut budget = Budget::keeping_free(10);
    assert_eq!(budget.allowance(START), Allowance::Now(1));
    budget.spend(1, START);
    assert_eq!(wait(&budget, START), 60.0, "it is under way");
    budget.answered(1, Some(&limit(1600, 1599, 3600)), at(0.2));
    // A twentieth of 1 439 goes at once.
    assert_eq!(budget.allowance(at(0.2)), Allowance::Now(71));
}

#[test]
fn of_another_account_one_call_finds_out_what_is_left() {
    let fresh = Budget::keeping_free(10);
    let mut used_up = told(10, &limit(1600, 0, 3600));
    let mut refused = Budget::keeping_free(10);
    refused.spend(1, START);
    refused.refused(1, Some(Duration::from_secs(3600)), START);
    for budget in [&mut used_up, &mut refused] {
        assert!(wait(budget, at(1.0)) > 3000.0);
        budget.forget();
        assert_eq!(budget.allowance(at(1.0)), fresh.allowance(at(1.0)));
    }
}

#[test]
fn what_is_left_is_spread_over_the_time_that_is_left() {
    for (left, reset, apart) in [(1600, 3600, 2.5), (520, 1800, 5.0), (180, 1800, 90.0)] {
        let budget = told(10, &limit(1600, left, reset));
        let waited = wait(&budget, START);
        assert!((waited - apart).abs() < apart / 100.0, "{left}: {waited}");
    }
}

#[test]
fn the_reserve_is_not_touched_and_the_next_period_begins_with_one_call() {
    let mut budget = told(10, &limit(1600, 160, 700));
    assert_eq!(budget.allowance(START), Allowance::From(at(701.0)));
    assert_eq!(budget.allowance(at(701.0)), Allowance::Now(1));
    budget.spend(1, at(701.0));
    budget.answered(1, Some(&limit(1600, 1599, 3599)), at(702.0));
    assert!(matches!(budget.allowance(at(702.0)), Allowance::Now(2..)));
}

#[test]
fn clients_that_wait_for_one_moment_come_one_after_the_other() {
    let budget = told(10, &limit(1600, 160, 700)).in_phase(0.25);
    assert_eq!(budget.allowance(START), Allowance::From(at(703.5)));
}

#[test]
fn what_others_take_is_seen_and_left_to_them() {
    let mut budget = told(0, &limit(1600, 1600, 3600));
    let alone = budget.span(10, START).unwrap();
    // Each ten seconds we take one, and they take two.
    let mut remaining = 1600;
    for second in (10..600_u32).step_by(10) {
        let now = at(second.into());
        budget.spend(1, now);
        remaining -= 3;
        let told = limit(1600, remaining, (3600 - second).into());
        budget.answered(1, Some(&told), now);
    }
    // 1 423 are left, of which they will take 600.
    let beside = budget.span(10, at(600.0)).unwrap();
    assert_eq!((alone.as_secs(), beside.as_secs()), (22, 36));
}

#[test]
fn whoever_takes_all_leaves_a_fifth_of_the_rest_to_us() {
    let mut budget = told(0, &limit(1600, 1600, 3600));
    budget.spend(1, at(60.0));
    budget.answered(1, Some(&limit(1600, 800, 3540)), at(60.0));
    let pace = budget.span(100, at(60.0)).unwrap().as_secs();
    assert_eq!(pace, 3541 * 100 / 160);
}

#[test]
fn calls_that_are_under_way_are_nobody_elses() {
    let mut budget = Budget::keeping_free(0);
    budget.spend(1, START);
    budget.answered(1, Some(&limit(1600, 1599, 3600)), START);
    budget.spend(30, START);
    // The last of them is answered first.
    budget.answered(1, Some(&limit(1600, 1569, 3600)), START);
    budget.answered(28, Some(&limit(1600, 1570, 3600)), START);
    budget.answered(1, Some(&limit(1600, 1569, 3600)), START);
    assert_eq!(budget.others.rate(), 0.0);
    assert_eq!(budget.span(1569, START), Some(Duration::from_secs(3601)));
}

#[test]
fn a_server_that_tells_no_limit_is_asked_freely() {
    let mut budget = Budget::keeping_free(10);
    budget.spend(1, START);
    budget.answered(1, None, START);
    assert_eq!(budget.allowance(START), Allowance::Now(u32::MAX));
    assert_eq!(budget.span(1000, START), None);
}

#[test]
fn a_refusal_is_waited_out_for_as_long_as_it_says_and_then_one_call_goes() {
    let mut budget = told(10, &limit(1600, 1600, 3600));
    let until = budget.refused(1, Some(Duration::from_secs(42)), at(5.0));
    assert_eq!(until, at(48.0));
    // One that went before is answered still.
    budget.answered(1, Some(&limit(1600, 0, 43)), at(6.0));
    assert_eq!(budget.allowance(at(47.0)), Allowance::From(until));
    assert_eq!(budget.allowance(until), Allowance::Now(1));
    budget.spend(1, until);
    assert!(matches!(budget.allowance(until), Allowance::From(_)));
}

#[test]
fn a_refusal_that_does_not_say_for_how_long_is_waited_out_ever_longer() {
    let mut budget = Budget::keeping_free(10);
    let mut now = START;
    let mut waits = Vec::new();
    for _ in 0..6 {
        budget.spend(1, now);
        budget.answered(1, None, now);
        budget.spend(2, now);
        let until = budget.refused(1, None, now);
        assert_eq!(budget.refused(1, None, now), until, "calls of one moment");
        waits.push((until - now).whole_seconds());
        now = until;
    }
    assert_eq!(waits, [61; 6], "the call between them was answered");
    let mut waits = Vec::new();
    for _ in 0..6 {
        let until = budget.refused(1, None, now);
        waits.push((until - now).whole_seconds());
        now = until;
    }
    assert_eq!(waits, [121, 241, 481, 901, 901, 901]);
}

#[test]
fn an_answer_without_a_limit_does_not_make_a_known_one_forgotten() {
    let mut budget = told(0, &limit(1600, 800, 1800));
    budget.answered(1, None, at(60.0));
    assert_eq!(budget.span(800, at(61.0)), Some(Duration::from_secs(1740)));
    // In the middle of the next hour, the call that finds out fails.
    let now = at(3601.0);
    assert_eq!(budget.allowance(now), Allowance::Now(1));
    budget.spend(1, now);
    budget.answered(1, None, now);
    assert_eq!(budget.span(1600, now), Some(Duration::from_secs(1800)));
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait() {
    let mut budget = told(10, &limit(1600, 0, 3600));
    assert_eq!(budget.allowance(at(-7200.0)), Allowance::Now(1));
    budget.refused(1, Some(Duration::from_secs(3600)), START);
    assert_eq!(budget.allowance(at(-7200.0)), Allowance::Now(1));
}

#[test]
fn more_calls_than_a_period_allows_take_several() {
    // 100 are left for half an hour, and then 300 in each.
    let budget = told(0, &limit(300, 105, 1800));
    let span = budget.span(700, START).unwrap();
    assert_eq!(span.as_secs(), 1801 + 595 * 12);
}

/// An hour of such periods in which a call goes out whenever one may, while others have taken
/// so many by a second of a period: the calls that were ours, and those that were refused.
fn an_hour(period: u32, limit_of: u64, reserve: u8, others: impl Fn(f64) -> f64) -> (u64, u64) {
    let mut budget = Budget::keeping_free(reserve);
    let length = f64::from(period);
    let (mut now, mut begun) = (0.0, 0.0);
    let (mut ours, mut of_this_period, mut refused) = (0, 0, 0);
    while now < 3600.0 {
        let Allowance::Now(_) = budget.allowance(at(now)) else {
            now += wait(&budget, at(now));
            continue;
        };
        if now - begun >= length {
            (begun, of_this_period) = ((now / length).floor() * length, 0);
        }
        budget.spend(1, at(now));
        let used = of_this_period + others(now - begun) as u64;
        let reset = (begun + length - now).ceil() as u64;
        if used >= limit_of {
            refused += 1;
            budget.refused(1, Some(Duration::from_secs(reset)), at(now));
            continue;
        }
        (ours, of_this_period) = (ours + 1, of_this_period + 1);
        let told = RateLimit {
            period: Some(Duration::from_secs(period.into())),
            ..limit(limit_of, limit_of - used - 1, reset)
        };
        budget.answered(1, Some(&told), at(now));
    }
    (ours, refused)
}

#[test]
fn a_limit_of_ten_seconds_is_kept_and_used_as_well() {
    let (ours, refused) = an_hour(10, 20, 10, |_| 0.0);
    assert_eq!(refused, 0);
    // 18 of each 20 are ours.
    assert!((360 * 15..=360 * 18).contains(&ours), "{ours}");
}

#[test]
fn others_that_come_all_at_once_find_what_they_need() {
    // Nobody for half an hour, and then 700 calls in five minutes.
    let others = |second: f64| ((second - 1800.0).max(0.0) * 700.0 / 300.0).min(700.0);
    let (ours, refused) = an_hour(3600, 1600, 10, others);
    assert_eq!(refused, 0);
    assert!(ours + 700 <= 1600, "{ours}");
    assert!(ours > 700, "half of the hour was ours alone: {ours}");
}

proptest! {
    #[test]
    fn all_that_others_and_the_reserve_leave_is_used_and_no_more(
        limit_of in prop::sample::select(vec![300_u64, 1600, 6000]), share in 0.0..0.5, reserve in 0_u8..30,
    ) {
        let others = |second: f64| limit_of as f64 * share * second / 3600.0;
        let (ours, refused) = an_hour(3600, limit_of, reserve, others);
        prop_assert_eq!(refused, 0, "{} calls were ours", ours);
        let left: f64 = limit_of as f64 * (1.0 - share);
        let kept: f64 = limit_of as f64 * f64::from(reserve) / 100.0;
        prop_assert!(ours as f64 <= (left - kept) * 1.02 + 2.0, "{} of {}", ours, left - kept);
        prop_assert!(ours as f64 >= (left - kept) * 0.9 - 3.0, "{} of {}", ours, left - kept);
    }
}
