//! The text form of a quantity: a decimal number and a suffix.

use std::str::FromStr;

use super::{InvalidQuantity, NANOS, Notation, Quantity};

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let number =
            Decimal::parse(number).ok_or_else(|| InvalidQuantity::Number(text.to_owned()))?;
        let scale = Scale::parse(suffix).ok_or_else(|| InvalidQuantity::Suffix(text.to_owned()))?;
        let (nanos, notation) = match scale {
            Scale::Decimal(exponent) => (number.nanos_times_ten_to(exponent), Notation::Decimal),
            Scale::Exponent(exponent) => (number.nanos_times_ten_to(exponent), Notation::Exponent),
            Scale::Binary(bits) => (number.nanos_times_two_to(bits).map(cap), Notation::Binary),
        };
        let nanos = nanos.ok_or_else(|| InvalidQuantity::TooLarge(text.to_owned()))?;
        Ok(Self {
            nanos: if negative { -nanos } else { nanos },
            notation,
        })
    }
}

/// Kubernetes holds numbers with a binary suffix to 64 bits.
fn cap(nanos: i128) -> i128 {
    nanos.min(i128::from(i64::MAX) * NANOS)
}

/// The factor that a suffix stands for.
enum Scale {
    Decimal(i64),
    Exponent(i64),
    Binary(u32),
}

impl Scale {
    fn parse(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "n" => Self::Decimal(-9),
            "u" => Self::Decimal(-6),
            "m" => Self::Decimal(-3),
            "" => Self::Decimal(0),
            "k" => Self::Decimal(3),
            "M" => Self::Decimal(6),
            "G" => Self::Decimal(9),
            "T" => Self::Decimal(12),
            "P" => Self::Decimal(15),
            "E" => Self::Decimal(18),
            "Ki" => Self::Binary(10),
            "Mi" => Self::Binary(20),
            "Gi" => Self::Binary(30),
            "Ti" => Self::Binary(40),
            "Pi" => Self::Binary(50),
            "Ei" => Self::Binary(60),
            _ => Self::Exponent(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
        })
    }
}

/// The digits of a number without its sign, around the point.
struct Decimal<'a> {
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// From digits and at most one point, with a digit on one side of it.
    fn parse(text: &'a str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let some = !(whole.is_empty() && fraction.is_empty());
        (some && !fraction.contains('.')).then_some(Self { whole, fraction })
    }

    fn digits(&self) -> impl Iterator<Item = i128> + use<'a> {
        let Self { whole, fraction } = *self;
        whole
            .bytes()
            .chain(fraction.bytes())
            .map(|digit| i128::from(digit - b'0'))
    }

    /// Moves the point. What falls behind the last billionth rounds up, as sign
    /// is not here: away from zero. `None` where the number is too large.
    fn nanos_times_ten_to(&self, exponent: i64) -> Option<i128> {
        let places = i64::try_from(self.whole.len())
            .ok()?
            .saturating_add(exponent)
            .saturating_add(9);
        let mut nanos = 0_i128;
        let mut place = 0_i64;
        let mut rest = false;
        for digit in self.digits() {
            if place < places {
                nanos = nanos.checked_mul(10)?.checked_add(digit)?;
            } else {
                rest |= digit != 0;
            }
            place += 1;
        }
        // Zeros up to the last billionth; of nothing, any number of them is nothing.
        while place < places && nanos != 0 {
            nanos = nanos.checked_mul(10)?;
            place += 1;
        }
        nanos.checked_add(i128::from(rest))
    }

    /// Multiplies exactly: the fraction is a sum of tenths of tenths, computed
    /// from its last digit on.
    fn nanos_times_two_to(&self, bits: u32) -> Option<i128> {
        let unit = NANOS << bits;
        let whole = self.whole.bytes().try_fold(0_i128, |sum, digit| {
            sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        })?;
        let mut fraction = 0;
        let mut rest = false;
        for digit in self.fraction.bytes().rev() {
            let tenths = i128::from(digit - b'0') * unit + fraction;
            rest |= tenths % 10 != 0;
            fraction = tenths / 10;
        }
        whole
            .checked_mul(unit)?
            .checked_add(fraction)?
            .checked_add(i128::from(rest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> Result<i128, InvalidQuantity> {
        text.parse::<Quantity>().map(Quantity::nanos)
    }

    #[test]
    fn every_legal_form_is_read() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("+5", 5 * NANOS),
            ("5.", 5 * NANOS),
            (".5", NANOS / 2),
            ("007", 7 * NANOS),
            ("1.23456789012345", 1_234_567_891), // finer than nano: away from zero
            ("-0.0000000011", -2),
            ("0.1n", 1),
            ("1e-400", 1),
            ("0e400", 0),
            ("1E", NANOS * 1_000_000_000_000_000_000), // exa, not an exponent
            ("1E3", 1000 * NANOS),
            ("1e+3", 1000 * NANOS),
            ("1.5Gi", NANOS * 1_610_612_736),
            ("0.5Ki", 512 * NANOS),
            ("0.0000000000001Ki", 1),
            ("16Ei", NANOS * i128::from(i64::MAX)), // held to 64 bits
            ("-16Ei", -NANOS * i128::from(i64::MAX)),
            ("9223372036854775808", NANOS * 9_223_372_036_854_775_808), // not held
        ] {
            assert_eq!(nanos(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_says_what_is_wrong() {
        for text in ["", ".", "-", "--1", "m", "1.2.3", "1.2.", "e3", " 1", "NaN"] {
            assert_eq!(
                nanos(text),
                Err(InvalidQuantity::Number(text.to_owned())),
                "{text}"
            );
        }
        for text in [
            "1K",
            "1ki",
            "1e",
            "1e1.5",
            "1Ee3",
            "1 ",
            "1mm",
            "1e9223372036854775808",
        ] {
            assert_eq!(
                nanos(text),
                Err(InvalidQuantity::Suffix(text.to_owned())),
                "{text}"
            );
        }
        for text in ["1e30", "1e400", "999999999999999999999999999999"] {
            assert_eq!(
                nanos(text),
                Err(InvalidQuantity::TooLarge(text.to_owned())),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9.eEinumkKMGTP ]{0,50}") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn a_binary_fraction_is_exact(thousandths in 0..100_000_i128, bits in 1..7_usize) {
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][bits];
            let text = format!("{}.{:03}{suffix}", thousandths / 1000, thousandths % 1000);
            // A thousandth of a unit is a million billionths of it: nothing to round.
            let exact = (thousandths * (NANOS / 1000)) << (10 * bits);
            prop_assert_eq!(nanos(&text), Ok(cap(exact)));
        }
    }
}
