//! One metric: from its reading to a number of replicas.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use provider_api::{ExternalMetric, Quantity};

use super::{Reading, Scale, behavior::Tolerance};

#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub(super) identity: ExternalMetric,
    /// As the object has it, for the controller's messages.
    pub(super) selector: Option<LabelSelector>,
    pub(super) target: Target,
}

/// What a metric should be; greater than zero.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The sum, whatever the replicas: they are multiplied by how far it is off.
    Value(Quantity),
    /// The share of each replica.
    AverageValue(Quantity),
}

/// What one metric makes of its reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) replicas: i32,
    /// Thousandths of what is compared to the target; `None` for the average of
    /// no replicas.
    current: Option<i64>,
}

impl Metric {
    pub(super) fn identity(&self) -> &ExternalMetric {
        &self.identity
    }

    pub(super) fn propose(
        &self,
        scale: Scale,
        tolerance: Tolerance,
        reading: &Reading,
    ) -> Result<Proposal, String> {
        match reading {
            Ok(values) if values.is_empty() => {
                Err("no metrics returned from external metrics API".to_owned())
            }
            Ok(values) => Ok(match self.target {
                Target::Value(target) => by_value(values, target, scale, tolerance),
                Target::AverageValue(target) => by_average(values, target, scale, tolerance),
            }),
            Err(message) => Err(format!(
                "unable to fetch metrics from external metrics API: {message}"
            )),
        }
    }

    /// As `kubectl get hpa` shows it.
    pub(super) fn shown(&self, proposal: &Result<Proposal, String>) -> String {
        let current = match proposal {
            Ok(Proposal {
                current: Some(millis),
                ..
            }) => Quantity::from_nanos(i128::from(*millis) * 1_000_000).to_string(),
            Ok(Proposal { current: None, .. }) | Err(_) => "<unknown>".to_owned(),
        };
        match self.target {
            Target::Value(target) => format!("{current}/{target}"),
            Target::AverageValue(target) => format!("{current}/{target} (avg)"),
        }
    }

    /// As the controller names it in events.
    pub(super) fn described(&self) -> String {
        format!(
            "external metric {}({})",
            self.identity.name(),
            self.selector()
        )
    }

    /// The selector as the controller, a Go program, prints it into its messages.
    pub(super) fn selector(&self) -> String {
        let Some(LabelSelector {
            match_labels,
            match_expressions,
        }) = &self.selector
        else {
            return "nil".to_owned();
        };
        let labels: String = match_labels
            .iter()
            .flatten()
            .map(|(key, value)| format!("{key}: {value},"))
            .collect();
        let expressions: String = match_expressions
            .iter()
            .flatten()
            .map(|expression| {
                let values = expression.values.as_deref().unwrap_or_default().join(" ");
                let (key, operator) = (&expression.key, &expression.operator);
                format!(
                    "LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},"
                )
            })
            .collect();
        format!(
            "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},\
             MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
        )
    }
}

/// A value in thousandths. The controller reads as zero what it cannot count so.
fn millis(value: &Quantity) -> i64 {
    i64::try_from(value.millis()).unwrap_or(0)
}

// From here on the arithmetic is the controller's, in its own floating point, so
// that both round alike. `as` stops at the ends of the range.

fn by_value(values: &[Quantity], target: Quantity, scale: Scale, tolerance: Tolerance) -> Proposal {
    let usage = values.iter().map(millis).fold(0, i64::saturating_add);
    let ratio = usage as f64 / target.millis() as f64;
    let replicas = match scale.spec {
        0 => ratio.ceil() as i32,
        spec if tolerance.contains(ratio) => spec,
        _ => (ratio * f64::from(scale.ready)).ceil() as i32,
    };
    Proposal {
        replicas,
        current: Some(usage),
    }
}

fn by_average(
    values: &[Quantity],
    target: Quantity,
    scale: Scale,
    tolerance: Tolerance,
) -> Proposal {
    // A sum that is negative on the way is taken for one that has run over the end of its range.
    let usage =
        values
            .iter()
            .map(millis)
            .fold(0_i64, |sum, value| match sum.saturating_add(value) {
                ..0 => i64::MAX,
                sum => sum,
            }) as f64;
    let (target, status) = (target.millis() as f64, f64::from(scale.status));
    let replicas = if tolerance.contains(usage / (target * status)) {
        scale.status
    } else {
        (usage / target).ceil() as i32
    };
    Proposal {
        replicas,
        current: (scale.status != 0).then_some((usage / status).ceil() as i64),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::hpa_rule::{
        Scale,
        testing::{average, over_queue, values},
    };

    #[test]
    fn one_metric_makes_the_replicas_that_the_controller_makes_of_it() {
        let value = |value: &str| json!({"type": "Value", "value": value});
        for (why, target, replicas, reading, desired, shown) in [
            (
                "twice the value is twice the replicas",
                value("10"),
                2,
                &["20"][..],
                4,
                "20/10",
            ),
            (
                "9 % above is within the tolerance",
                value("10"),
                2,
                &["10900m"],
                2,
                "10900m/10",
            ),
            ("so is its very edge", value("10"), 2, &["11"], 2, "11/10"),
            (
                "11 % above is not",
                value("10"),
                2,
                &["11100m"],
                3,
                "11100m/10",
            ),
            (
                "a value below 1 is no zero",
                value("500m"),
                2,
                &["800m"],
                4,
                "800m/500m",
            ),
            (
                "all values are added up",
                average("1"),
                4,
                &["3", "4"],
                7,
                "1750m/1 (avg)",
            ),
            (
                "an average counts the replicas there are",
                average("9"),
                3,
                &["27"],
                3,
                "9/9 (avg)",
            ),
            (
                "the rest of a division needs a replica",
                average("9"),
                3,
                &["30"],
                4,
                "10/9 (avg)",
            ),
            (
                "the size at most doubles at once",
                average("1"),
                5,
                &["50"],
                10,
                "10/1 (avg)",
            ),
            (
                "but it may always grow to four",
                average("9"),
                1,
                &["90"],
                4,
                "90/9 (avg)",
            ),
            (
                "a negative average means the most",
                average("9"),
                60,
                &["-1"],
                100,
                "153722867280912928m/9 (avg)",
            ),
            (
                "a negative sum as well",
                average("9"),
                60,
                &["5", "-6"],
                100,
                "153722867280912928m/9 (avg)",
            ),
            (
                "even on the way to a positive one",
                average("9"),
                60,
                &["-6", "50"],
                100,
                "153722867280912928m/9 (avg)",
            ),
        ] {
            let decision = over_queue(&target).with(replicas).reads(&[values(reading)]);
            assert_eq!(
                (decision.desired, decision.targets),
                (desired, vec![shown.to_owned()]),
                "{why}"
            );
        }
    }

    #[test]
    fn a_value_multiplies_the_ready_replicas_alone() {
        let mut story = over_queue(&json!({"type": "Value", "value": "10"}));
        let scale = Scale {
            spec: 4,
            status: 4,
            ready: 3,
        };
        assert_eq!(story.reads_at(scale, &[values(&["20"])]).desired, 6);
    }

    #[test]
    fn what_cannot_be_counted_in_thousandths_reads_as_zero() {
        let mut story = over_queue(&average("9")).with(3);
        assert_eq!(story.reads(&[values(&["9300T"])]).targets, ["0/9 (avg)"]);
    }

    #[test]
    fn the_average_of_no_replicas_is_unknown() {
        let mut story = over_queue(&average("9"));
        let decision = story.reads_at(
            Scale {
                spec: 1,
                status: 0,
                ready: 0,
            },
            &[values(&["30"])],
        );
        assert_eq!(
            (decision.desired, decision.targets),
            (4, vec!["<unknown>/9 (avg)".to_owned()])
        );
    }
}
