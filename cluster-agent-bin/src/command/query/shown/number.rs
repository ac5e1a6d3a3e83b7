//! A number that a person reads.

/// A number in at most so many characters that columns hold: six decimals, or a power of
/// ten where that says more.
pub(super) fn number(value: f64) -> String {
    // Zero has no sign.
    let value = value + 0.0;
    let plain = format!("{value:.6}");
    let plain = plain.trim_end_matches('0').trim_end_matches('.');
    let tiny = value != 0.0 && value.abs() < 1e-6;
    if tiny || value.abs() >= 1e15 {
        format!("{value:.6e}")
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_fits_into_a_column_and_none_reads_as_zero() {
        for (value, written) in [
            (0.0, "0"),
            (-0.0, "0"),
            (90.0, "90"),
            (-1.25, "-1.25"),
            (100.0 / 3.0, "33.333333"),
            (1_000_000.0, "1000000"),
            (0.000_000_2, "2.000000e-7"),
            (f64::MAX, "1.797693e308"),
        ] {
            assert_eq!(number(value), written);
        }
    }
}
