//! The rules by which the size follows the metrics, and the patience in them.

use time::{Duration, OffsetDateTime};

use super::{
    condition::{Because, Settled},
    memory::Memory,
};

/// The rules of an autoscaler without `spec.behavior`, or those that stand there.
#[derive(Clone, Debug)]
pub(super) enum Rules {
    Plain,
    Written { up: Direction, down: Direction },
}

/// The rules of one direction.
#[derive(Clone, Debug)]
pub(super) struct Direction {
    pub(super) window: Duration,
    pub(super) select: Select,
    pub(super) policies: Vec<Policy>,
    pub(super) tolerance: f64,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Select {
    Max,
    Min,
    Disabled,
}

/// How much the size may change in a period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) change: Step,
    pub(super) period: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Pods(i32),
    Percent(i32),
}

/// How far a metric may be off its target before anything happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    up: f64,
    down: f64,
}

/// The controller's `--horizontal-pod-autoscaler-tolerance`.
pub(super) const DEFAULT_TOLERANCE: f64 = 0.1;
/// The controller's `--horizontal-pod-autoscaler-downscale-stabilization`.
pub(super) const DOWNSCALE_STABILIZATION: Duration = Duration::minutes(5);

const READY: Because = ("ReadyForNewScale", "recommended size matches current size");
const HELD_DOWN: Because = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const HELD_UP: Because = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);

impl Tolerance {
    pub(super) fn contains(self, ratio: f64) -> bool {
        (1.0 - self.down..=1.0 + self.up).contains(&ratio)
    }
}

impl Direction {
    pub(super) fn up() -> Self {
        let policies = [Step::Pods(4), Step::Percent(100)].map(|change| Policy {
            change,
            period: Duration::seconds(15),
        });
        Self {
            window: Duration::ZERO,
            select: Select::Max,
            policies: policies.to_vec(),
            tolerance: DEFAULT_TOLERANCE,
        }
    }

    pub(super) fn down() -> Self {
        let policy = Policy {
            change: Step::Percent(100),
            period: Duration::seconds(15),
        };
        Self {
            window: DOWNSCALE_STABILIZATION,
            select: Select::Max,
            policies: vec![policy],
            tolerance: DEFAULT_TOLERANCE,
        }
    }
}

impl Rules {
    pub(super) fn tolerance(&self) -> Tolerance {
        match self {
            Self::Plain => Tolerance {
                up: DEFAULT_TOLERANCE,
                down: DEFAULT_TOLERANCE,
            },
            Self::Written { up, down } => Tolerance {
                up: up.tolerance,
                down: down.tolerance,
            },
        }
    }

    pub(super) fn longest_window(&self) -> Duration {
        match self {
            Self::Plain => DOWNSCALE_STABILIZATION,
            Self::Written { up, down } => up.window.max(down.window),
        }
    }

    /// The size that recent recommendations agree with: no smaller than any in
    /// the window down, no greater than any in the window up.
    pub(super) fn stabilized(
        &self,
        memory: &Memory,
        now: OffsetDateTime,
        current: i32,
        recommended: i32,
    ) -> Settled {
        let (replicas, held) = match self {
            Self::Plain => (
                memory
                    .recommended_from(now - DOWNSCALE_STABILIZATION)
                    .fold(recommended, i32::max),
                HELD_UP,
            ),
            Self::Written { up, down } => {
                let lowest = memory
                    .recommended_after(now - up.window)
                    .fold(recommended, i32::min);
                let highest = memory
                    .recommended_after(now - down.window)
                    .fold(recommended, i32::max);
                (
                    current.max(lowest).min(highest),
                    if recommended >= current {
                        HELD_DOWN
                    } else {
                        HELD_UP
                    },
                )
            }
        };
        Settled {
            replicas,
            because: if replicas == recommended { READY } else { held },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::hpa_rule::testing::{average, over_queue, reasons, values, with_behavior};

    #[test]
    fn the_size_falls_when_for_five_minutes_nobody_recommended_more() {
        let mut story = over_queue(&average("1")).with(4);
        assert_eq!(story.follows("6"), 6);
        let held = story.after(100).reads(&[values(&["2"])]);
        assert_eq!(
            (held.desired, reasons(&held)[0].as_str()),
            (6, "ScaleDownStabilized")
        );
        assert_eq!(story.after(100).follows("3"), 6);
        assert_eq!(story.after(100).follows("2"), 6);
        assert_eq!(story.after(1).follows("2"), 3);
        assert_eq!(story.after(200).follows("2"), 2);
    }

    #[test]
    fn an_autoscaler_that_starts_takes_the_present_size_for_a_recommendation() {
        for mut story in [over_queue(&average("1")), with_behavior(&json!({}))] {
            story.replicas = 8;
            assert_eq!(story.follows("1"), 8);
            assert_eq!(story.after(299).follows("1"), 8);
            assert_eq!(story.after(2).follows("1"), 1);
        }
    }

    #[test]
    fn a_window_up_waits_for_the_lowest_recent_recommendation() {
        let mut story =
            with_behavior(&json!({"scaleUp": {"stabilizationWindowSeconds": 60}})).with(2);
        let held = story.reads(&[values(&["6"])]);
        assert_eq!(
            (held.desired, reasons(&held)[0].as_str()),
            (2, "ScaleUpStabilized")
        );
        assert_eq!(story.after(30).follows("5"), 2);
        assert_eq!(story.after(30).follows("6"), 5);
    }

    #[test]
    fn a_written_tolerance_replaces_the_default() {
        let mut story = with_behavior(&json!({"scaleUp": {"tolerance": "10m"}})).with(50);
        assert_eq!(story.follows("51"), 51);
        let mut story = with_behavior(&json!({"scaleUp": {}})).with(50);
        assert_eq!(story.follows("51"), 50);
    }
}
