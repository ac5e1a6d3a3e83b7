//! Kubernetes' number type.

mod float;
mod json;
mod parse;
mod print;

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

/// A decimal number as Kubernetes writes it.
///
/// `1500m` is 1.5, `1Gi` is 1024³, `12e6` is twelve million: see
/// [Quantity](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
/// It is exact to a billionth (`1n`) and reaches to about ±1.7e29, far beyond
/// what an autoscaler can compute with. What is written more finely is rounded
/// away from zero, so that a little never becomes nothing. It remembers the
/// notation it was written in and prints its canonical form; two quantities are
/// equal when the numbers are, however written.
///
/// Make one from a float by `try_into`, which checks that an autoscaler can read it, from
/// a whole number by `into`, from text by `parse`; the last two check only that it is a
/// quantity. The rules are those of
/// [`resource.Quantity`](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go).
///
/// ```
/// use provider_api::{InvalidQuantity, Quantity};
///
/// assert_eq!(Quantity::try_from(1.5)?.to_string(), "1500m");
/// assert_eq!("0.5Gi".parse::<Quantity>()?, Quantity::from(536_870_912));
/// assert_eq!("0.1m".parse::<Quantity>()?.millis(), 1);
/// assert!(Quantity::try_from(f64::NAN).is_err());
/// # Ok::<(), InvalidQuantity>(())
/// ```
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
    /// thousandths in 64 bits, 9 223 372 036 854 775. It reads anything beyond
    /// [as zero](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/api/resource/amount.go),
    /// and scales down.
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
    /// This number, also where it is beyond [`Quantity::AUTOSCALER_MAX`].
    fn from(number: i64) -> Self {
        Self::from_nanos(i128::from(number) * NANOS)
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
    use super::*;

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
    fn quantities_are_equal_when_the_numbers_are() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(quantity("1Ki"), quantity("1024"));
        assert_eq!(quantity("1e3"), quantity("1k"));
        assert!(quantity("999m") < quantity("1"));
    }
}
