//! Numbers as sources of metrics have them.

use super::{InvalidQuantity, NANOS, Quantity};

impl TryFrom<f64> for Quantity {
    type Error = InvalidQuantity;

    /// The nearest billionth; a half goes away from zero.
    ///
    /// A negative number stays what it is. An autoscaler takes it for a metric far below
    /// its target and scales down to the minimum; where it means that something is wrong
    /// with the source, answer with a [`Refusal`](crate::Refusal) instead.
    ///
    /// # Errors
    /// For what is no number or infinite, and for numbers beyond
    /// [`Quantity::AUTOSCALER_MAX`], which an autoscaler would take for zero.
    fn try_from(number: f64) -> Result<Self, InvalidQuantity> {
        if !number.is_finite() {
            return Err(InvalidQuantity::NotFinite(number));
        }
        // The whole part and the rest apart: a billion times a large number would
        // leave a float no digits for the rest. The casts stop at the ends of an
        // i128, and the product may have to.
        let whole = (number.trunc() as i128).saturating_mul(NANOS);
        let rest = (number.fract() * NANOS as f64).round() as i128;
        let quantity = Self::from_nanos(whole.saturating_add(rest));
        let served = -Self::AUTOSCALER_MAX.nanos..=Self::AUTOSCALER_MAX.nanos;
        if served.contains(&quantity.nanos) {
            Ok(quantity)
        } else {
            Err(InvalidQuantity::BeyondAutoscaler(number))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(number: f64) -> Result<String, InvalidQuantity> {
        Quantity::try_from(number).map(|quantity| quantity.to_string())
    }

    #[test]
    fn a_float_becomes_the_nearest_quantity() {
        for (number, written) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.5, "1500m"),
            (-1.5, "-1500m"),
            (0.1, "100m"),
            (0.1 + 0.2, "300m"),
            (1e-9, "1n"),
            (4e-10, "0"),
            (f64::MIN_POSITIVE, "0"),
            (5e-324, "0"),
            (1e15, "1P"),
            (9_223_372_036_854_774.0, "9223372036854774"),
        ] {
            assert_eq!(quantity(number), Ok(written.to_owned()), "{number}");
        }
    }

    #[test]
    fn what_an_autoscaler_would_take_for_zero_is_refused() {
        for number in [
            9_223_372_036_854_776.0,
            -9_223_372_036_854_776.0,
            1e16,
            f64::MAX,
        ] {
            assert_eq!(
                quantity(number),
                Err(InvalidQuantity::BeyondAutoscaler(number))
            );
        }
        for number in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(quantity(number), Err(InvalidQuantity::NotFinite(number)));
        }
        assert!(matches!(
            quantity(f64::NAN),
            Err(InvalidQuantity::NotFinite(_))
        ));
    }

    /// The nearest number of billionths, read off the decimal digits.
    fn nearest(number: f64) -> i128 {
        let digits = format!("{:.40}", number.abs());
        let (whole, fraction) = digits.split_once('.').unwrap();
        let (billionths, finer) = fraction.split_at(9);
        let magnitude = format!("{whole}{billionths}").parse::<i128>().unwrap()
            + i128::from(finer.as_bytes()[0] >= b'5');
        if number < 0.0 { -magnitude } else { magnitude }
    }

    proptest! {
        #[test]
        fn a_float_is_met_within_half_a_billionth(number in -9e15..9e15_f64, shift in 0..60) {
            let number = number / f64::from(2).powi(shift);
            prop_assert_eq!(Quantity::try_from(number).map(Quantity::nanos), Ok(nearest(number)));
        }
    }
}
