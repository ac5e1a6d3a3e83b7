//! Kubernetes' number type.

mod parse;
mod print;

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A decimal number as Kubernetes writes it: `1500m`, `1Gi`, `12e6`.
///
/// It is exact to a billionth (`1n`) and reaches to about ±1.7e29, far beyond
/// what an autoscaler can compute with. What is written more finely is rounded
/// away from zero, so that a little never becomes nothing. It remembers the
/// notation it was written in and prints its canonical form; two quantities are
/// equal when the numbers are, however written.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    notation: Notation,
}

/// The family of suffixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// `n`, `u`, `m`, none, `k`, `M` … `E`.
    Decimal,
    /// `Ki`, `Mi` … `Ei`.
    Binary,
    /// `e3`, `e-9`.
    Exponent,
}

const NANOS: i128 = 1_000_000_000;

impl Quantity {
    /// The largest number, either side of zero, of which an autoscaler can make
    /// thousandths. It reads anything beyond as zero.
    pub const AUTOSCALER_MAX: Self = Self::from_nanos(9_223_372_036_854_775 * NANOS);

    /// A number of billionths.
    pub const fn from_nanos(nanos: i128) -> Self {
        Self {
            nanos,
            notation: Notation::Decimal,
        }
    }

    /// The number in billionths.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// The number in thousandths, which is how an autoscaler computes; a rest is
    /// rounded away from zero.
    pub const fn millis(self) -> i128 {
        let nanos_in_milli = NANOS / 1000;
        self.nanos / nanos_in_milli + (self.nanos % nanos_in_milli).signum()
    }
}

impl From<i64> for Quantity {
    fn from(number: i64) -> Self {
        Self::from_nanos(i128::from(number) * NANOS)
    }
}

impl TryFrom<f64> for Quantity {
    type Error = InvalidQuantity;

    /// The nearest quantity; a half goes away from zero.
    ///
    /// # Errors
    /// For what is no number, and for numbers beyond
    /// [`Quantity::AUTOSCALER_MAX`], which an autoscaler would take for zero.
    fn try_from(number: f64) -> Result<Self, InvalidQuantity> {
        if !number.is_finite() {
            return Err(InvalidQuantity::NotFinite(number));
        }
        let beyond = InvalidQuantity::BeyondAutoscaler(number);
        // Keeps the arithmetic below in range; the exact bound is checked after it.
        if number.abs() >= 1e16 {
            return Err(beyond);
        }
        let quantity = Self::from_nanos(nearest_nanos(number));
        if quantity.nanos.abs() > Self::AUTOSCALER_MAX.nanos {
            Err(beyond)
        } else {
            Ok(quantity)
        }
    }
}

/// Exact: a float is a whole number times a power of two. Multiplying the float
/// by a billion would round twice.
fn nearest_nanos(number: f64) -> i128 {
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let fraction = i128::from(bits & ((1 << 52) - 1));
    let (whole, power) = if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, exponent - 1075)
    };
    // At most 53 + 30 bits, and two more where the power is positive (below 1e16).
    let scaled = whole * NANOS;
    let magnitude = match power {
        0.. => scaled << power,
        -100..0 => (scaled + (1 << (-power - 1))) >> -power,
        _ => 0, // far below half a billionth
    };
    if number.is_sign_negative() {
        -magnitude
    } else {
        magnitude
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a quantity from text, from a bare number, and zero from `null`.
struct Written;

impl de::Visitor<'_> for Written {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as \"1500m\" or 1.5")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
        Ok(number.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
        Ok(Quantity::from_nanos(i128::from(number) * NANOS))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
        // The digits as they were written, which the float itself may miss.
        self.visit_str(&number.to_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Quantity, E> {
        Ok(Quantity::from_nanos(0))
    }
}

/// Why something is no quantity.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidQuantity {
    /// The part before the suffix is no decimal number.
    #[error("`{0}` is no quantity: it has to start with a decimal number, as `1.5` or `1500m` do")]
    Number(String),
    /// The suffix is none of Kubernetes'.
    #[error(
        "`{0}` is no quantity: the suffix is one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, or an exponent such as e3"
    )]
    Suffix(String),
    /// The number is beyond what a [`Quantity`] can hold.
    #[error("the quantity `{0}` is too large")]
    TooLarge(String),
    /// Not a number, or infinite.
    #[error("{0} cannot be served as a metric: only finite numbers can")]
    NotFinite(f64),
    /// An autoscaler would read the number as zero.
    #[error(
        "{0} cannot be served as a metric: an autoscaler takes numbers beyond ±9223372036854775 for zero"
    )]
    BeyondAutoscaler(f64),
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

    #[test]
    fn thousandths_are_rounded_away_from_zero() {
        for (written, millis) in [
            ("1500m", 1500),
            ("1n", 1),
            ("-1n", -1),
            ("1000001u", 1001),
            ("2", 2000),
        ] {
            assert_eq!(
                written.parse::<Quantity>().map(Quantity::millis),
                Ok(millis),
                "{written}"
            );
        }
    }

    #[test]
    fn json_holds_a_quantity_as_text_a_number_or_null() {
        for (json, written) in [
            ("\"1500m\"", "1500m"),
            ("1.5", "1500m"),
            ("2", "2"),
            ("-2", "-2"),
            ("1e3", "1k"),
            ("null", "0"),
        ] {
            assert_eq!(
                serde_json::from_str::<Quantity>(json).unwrap().to_string(),
                written,
                "{json}"
            );
        }
        assert_eq!(
            serde_json::to_string(&Quantity::from(1000)).unwrap(),
            "\"1k\""
        );
        assert!(serde_json::from_str::<Quantity>("true").is_err());
    }

    proptest! {
        #[test]
        fn a_float_is_met_within_half_a_billionth(number in -9e15..9e15_f64, shift in 0..60) {
            let number = number / f64::from(2).powi(shift);
            let nanos = Quantity::try_from(number).unwrap().nanos();
            // Whole part and rest apart, so that the comparison itself is exact.
            let rest = (number.fract() * 1e9) - (nanos - number.trunc() as i128 * NANOS) as f64;
            prop_assert!(rest.abs() <= 0.5 + 1e-6, "{number} became {nanos} nanos");
        }
    }
}
