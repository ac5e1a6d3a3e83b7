//! The canonical text of a quantity: no fraction, and the largest suffix that
//! keeps every digit.

use std::fmt;

use super::{NANOS, Notation, Quantity};

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        match self.notation {
            Notation::Decimal => self.decimal(f),
            Notation::Exponent => match self.shortened(i32::MAX) {
                (digits, 0) => write!(f, "{digits}"),
                (digits, exponent) => write!(f, "{digits}e{exponent}"),
            },
            Notation::Binary => self.binary(f),
        }
    }
}

impl Quantity {
    fn decimal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is no suffix beyond E; larger numbers have more digits.
        let (digits, exponent) = self.shortened(18);
        let suffix = match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            0 => "",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            _ => "E",
        };
        write!(f, "{digits}{suffix}")
    }

    /// Kubernetes writes what is below 1024 or no whole number in decimal.
    fn binary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos.unsigned_abs() < 1024 * NANOS.unsigned_abs() || self.nanos % NANOS != 0 {
            return self.decimal(f);
        }
        let mut digits = self.nanos / NANOS;
        let mut suffix = "";
        for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
            if digits % 1024 != 0 {
                break;
            }
            digits /= 1024;
            suffix = larger;
        }
        write!(f, "{digits}{suffix}")
    }

    /// The digits without zeros in threes at the end, and the power of ten that
    /// stands for those, up to `most`.
    fn shortened(&self, most: i32) -> (i128, i32) {
        let mut digits = self.nanos;
        let mut exponent = -9;
        while digits % 1000 == 0 && exponent < most {
            digits /= 1000;
            exponent += 3;
        }
        (digits, exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<Quantity>().expect(text).to_string()
    }

    #[test]
    fn the_canonical_form_is_that_of_kubernetes() {
        for (text, canonical) in [
            ("1.5", "1500m"),
            ("0.1m", "100u"),
            ("1000", "1k"),
            ("1200000", "1200k"),
            ("12345", "12345"),
            ("-1.5", "-1500m"),
            ("1000m", "1"),
            ("0.1n", "1n"),
            ("1.5Gi", "1536Mi"),
            ("1024Ki", "1Mi"),
            ("0.5Ki", "512"),      // below 1024: decimal
            ("0.9765625Ki", "1k"), // and so has decimal suffixes
            ("512Ki", "512Ki"),
            ("1.953125Ki", "2000"), // no decimal suffix among the binary ones
            ("0.0001Ki", "102400u"),
            ("1e19", "10e18"),
            ("1e-10", "1e-9"),
            ("1.5e3", "1500"),
            ("1.23456789012345", "1234567891n"),
            ("0.0000000011", "2n"),
            ("9223372036854775808", "9223372036854775808"),
            ("16Ei", "9223372036854775807"),
            ("-0", "0"),
            ("0Ki", "0"),
            ("1000000000E", "1000000000E"), // there is nothing beyond E
            ("+5", "5"),
            ("007", "7"),
        ] {
            assert_eq!(printed(text), canonical, "{text}");
            assert_eq!(canonical.parse::<Quantity>(), text.parse(), "{text}");
        }
    }

    fn notation() -> impl Strategy<Value = Notation> {
        prop_oneof![
            Just(Notation::Decimal),
            Just(Notation::Exponent),
            Just(Notation::Binary)
        ]
    }

    proptest! {
        #[test]
        fn what_is_read_is_the_same_number_when_it_is_printed(
            text in "[-+]?[0-9]{0,12}\\.?[0-9]{0,12}([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,2})?"
        ) {
            if let Ok(quantity) = text.parse::<Quantity>() {
                prop_assert_eq!(quantity.to_string().parse(), Ok(quantity), "{}", quantity);
            }
        }

        #[test]
        fn every_quantity_reads_back_from_its_print(nanos in -(i128::MAX)..i128::MAX, shift in 0..127, notation in notation()) {
            let mut nanos = nanos >> shift;
            if notation == Notation::Binary {
                // Whatever was read with a binary suffix is held to 64 bits.
                nanos %= i128::from(i64::MAX) * NANOS;
            }
            let quantity = Quantity { nanos, notation };
            let text = quantity.to_string();
            let read: Quantity = text.parse().unwrap();
            prop_assert_eq!(read, quantity, "{}", text);
            if notation != Notation::Binary {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
