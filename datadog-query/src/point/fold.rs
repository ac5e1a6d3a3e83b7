//! One value of many.

use crate::query::Aggregator;

/// One value of many finite ones. Where there is none, or where their sum is no number that
/// can be written, there is no value.
pub(super) fn fold(aggregator: Aggregator, values: &[f64]) -> Option<f64> {
    let least = values.iter().copied().reduce(f64::min)?;
    let largest = values.iter().copied().reduce(f64::max)?;
    let sum = || values.iter().sum::<f64>();
    let value = match aggregator {
        // A sum that is too large is cut to where the mean must lie.
        Aggregator::Avg => (sum() / values.len() as f64).clamp(least, largest),
        Aggregator::Sum => sum(),
        Aggregator::Min => least,
        Aggregator::Max => largest,
    };
    Some(value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Aggregator; 4] = [
        Aggregator::Avg,
        Aggregator::Sum,
        Aggregator::Min,
        Aggregator::Max,
    ];

    fn finite() -> impl Strategy<Value = f64> {
        any::<f64>().prop_filter("finite", |value| value.is_finite())
    }

    #[test]
    fn values_become_one() {
        let folded = ALL.map(|aggregator| fold(aggregator, &[4.0, 1.0, 1.0]));
        assert_eq!(folded, [Some(2.0), Some(6.0), Some(1.0), Some(4.0)]);
        assert_eq!(ALL.map(|aggregator| fold(aggregator, &[])), [None; 4]);
    }

    #[test]
    fn a_sum_that_is_no_number_is_no_value() {
        assert_eq!(fold(Aggregator::Sum, &[f64::MAX, f64::MAX]), None);
    }

    proptest! {
        #[test]
        fn one_value_is_itself(value in finite()) {
            for aggregator in ALL {
                prop_assert_eq!(fold(aggregator, &[value]), Some(value));
            }
        }

        #[test]
        fn a_mean_lies_between_the_values(values in prop::collection::vec(finite(), 1..9)) {
            let mean = fold(Aggregator::Avg, &values).unwrap();
            prop_assert!(values.iter().any(|value| *value <= mean));
            prop_assert!(values.iter().any(|value| *value >= mean));
        }
    }
}
