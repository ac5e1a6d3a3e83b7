//! How fast the size may change.

use std::ops::RangeInclusive;

use time::OffsetDateTime;

use super::{
    behavior::{Direction, Rules, Select, Step},
    condition::{Because, Settled},
    memory::Memory,
};

const WITHIN: Because = (
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
);
const TOO_FEW: Because = (
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
);
const TOO_MANY: Because = (
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
);
const TOO_FAST_UP: Because = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
);
const TOO_FAST_DOWN: Because = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
);

impl Rules {
    /// The wanted size, within the autoscaler's bounds and the rate of change.
    pub(super) fn limited(
        &self,
        memory: &Memory,
        now: OffsetDateTime,
        bounds: RangeInclusive<i32>,
        current: i32,
        wanted: i32,
    ) -> Settled {
        let (min, max) = bounds.into_inner();
        let upper = |limit: i32| {
            if max > limit {
                (limit, TOO_FAST_UP)
            } else {
                (max, TOO_MANY)
            }
        };
        let lower = |limit: i32| {
            if min < limit {
                (limit, TOO_FAST_DOWN)
            } else {
                (min, TOO_FEW)
            }
        };
        let settled = |replicas, because| Settled { replicas, because };
        match self {
            Self::Plain => match upper(current.saturating_mul(2).max(4)) {
                _ if wanted < min => settled(min, TOO_FEW),
                (limit, because) if wanted > limit => settled(limit, because),
                _ => settled(wanted, WITHIN),
            },
            Self::Written { up, .. } if wanted > current => {
                match upper(up.upper_limit(memory, now, current).max(current)) {
                    (limit, because) if wanted > limit => settled(limit, because),
                    _ => settled(wanted, WITHIN),
                }
            }
            Self::Written { down, .. } if wanted < current => {
                match lower(down.lower_limit(memory, now, current).min(current)) {
                    (limit, because) if wanted < limit => settled(limit, because),
                    _ => settled(wanted, WITHIN),
                }
            }
            Self::Written { .. } => settled(wanted, WITHIN),
        }
    }
}

impl Direction {
    fn upper_limit(&self, memory: &Memory, now: OffsetDateTime, current: i32) -> i32 {
        // A percentage is rounded up: rounded down, a small target would never grow.
        let limits = self.limits(memory, now, current, |start, step| match step {
            Step::Pods(pods) => start + i64::from(pods),
            Step::Percent(percent) => {
                (start as f64 * (1.0 + f64::from(percent) / 100.0)).ceil() as i64
            }
        });
        match self.select {
            Select::Disabled => current,
            Select::Max => limits.max().unwrap_or(current),
            Select::Min => limits.min().unwrap_or(current),
        }
    }

    /// The policy with the greatest change has the lowest limit.
    fn lower_limit(&self, memory: &Memory, now: OffsetDateTime, current: i32) -> i32 {
        let limits = self.limits(memory, now, current, |start, step| match step {
            Step::Pods(pods) => start - i64::from(pods),
            Step::Percent(percent) => (start as f64 * (1.0 - f64::from(percent) / 100.0)) as i64,
        });
        match self.select {
            Select::Disabled => current,
            Select::Max => limits.min().unwrap_or(current),
            Select::Min => limits.max().unwrap_or(current),
        }
    }

    /// The limit of each policy, from the size at the start of its period.
    fn limits(
        &self,
        memory: &Memory,
        now: OffsetDateTime,
        current: i32,
        limit: impl Fn(i64, Step) -> i64,
    ) -> impl Iterator<Item = i32> {
        self.policies.iter().map(move |policy| {
            let start = i64::from(current) - memory.growth_after(now - policy.period);
            let bounded =
                limit(start, policy.change).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            i32::try_from(bounded).expect("the line above keeps it in range")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::hpa_rule::testing::{reasons, values, with_behavior};

    #[test]
    fn by_default_written_rules_let_the_size_grow_by_four_or_by_its_own_in_15_seconds() {
        let mut story = with_behavior(&json!({"scaleDown": {}}));
        assert_eq!(story.follows("100"), 5);
        let limited = story.after(14).reads(&[values(&["100"])]);
        assert_eq!(
            (limited.desired, reasons(&limited)[2].as_str()),
            (5, "ScaleUpLimit")
        );
        assert_eq!(story.after(1).follows("100"), 10);
        assert_eq!(story.after(15).follows("100"), 20);
    }

    #[test]
    fn policies_limit_the_rate_in_both_directions() {
        let policy =
            |kind: &str, value: i32| json!({"type": kind, "value": value, "periodSeconds": 60});
        let rules = |select: &str, policies: &[Value]| json!({"stabilizationWindowSeconds": 0, "selectPolicy": select, "policies": policies});
        let (pods, percent) = (policy("Pods", 2), policy("Percent", 50));
        let both = [pods.clone(), percent.clone()];
        for (why, direction, rules, from, wanted, desired) in [
            (
                "pods are counted",
                "scaleUp",
                rules("Max", std::slice::from_ref(&pods)),
                5,
                "99",
                7,
            ),
            (
                "a percentage up is rounded up",
                "scaleUp",
                rules("Max", std::slice::from_ref(&percent)),
                5,
                "99",
                8,
            ),
            (
                "Max is the greatest change up",
                "scaleUp",
                rules("Max", &both),
                10,
                "99",
                15,
            ),
            (
                "Min is the least change up",
                "scaleUp",
                rules("Min", &both),
                10,
                "99",
                12,
            ),
            (
                "Disabled is no change up",
                "scaleUp",
                rules("Disabled", &both),
                10,
                "99",
                10,
            ),
            (
                "pods are counted down",
                "scaleDown",
                rules("Max", std::slice::from_ref(&pods)),
                5,
                "1",
                3,
            ),
            (
                "what stays after a percentage is rounded down",
                "scaleDown",
                rules("Max", std::slice::from_ref(&percent)),
                5,
                "1",
                2,
            ),
            (
                "Max is the greatest change down",
                "scaleDown",
                rules("Max", &both),
                10,
                "1",
                5,
            ),
            (
                "Min is the least change down",
                "scaleDown",
                rules("Min", &both),
                10,
                "1",
                8,
            ),
            (
                "Disabled is no change down",
                "scaleDown",
                rules("Disabled", &both),
                10,
                "1",
                10,
            ),
        ] {
            let mut story = with_behavior(&json!({direction: rules})).with(from);
            assert_eq!(story.follows(wanted), desired, "{why}");
        }
    }

    #[test]
    fn a_fall_in_a_period_counts_against_its_limit_until_the_period_is_over() {
        let policy = json!({"type": "Pods", "value": 3, "periodSeconds": 60});
        let mut story = with_behavior(
            &json!({"scaleDown": {"stabilizationWindowSeconds": 0, "policies": [policy]}}),
        )
        .with(10);
        assert_eq!(story.follows("1"), 7);
        let limited = story.after(59).reads(&[values(&["1"])]);
        assert_eq!(
            (limited.desired, reasons(&limited)[2].as_str()),
            (7, "ScaleDownLimit")
        );
        assert_eq!(story.after(1).follows("1"), 4);
    }
}
