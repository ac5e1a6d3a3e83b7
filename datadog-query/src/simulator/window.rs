//! The times of a call.

/// The seconds that a call asks for, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// When the scenario began, and what time it is, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) start: i64,
    pub(super) now: i64,
}

impl Window {
    /// Reads `from` and `to`, or says what is wrong with them.
    pub(super) fn of(from: Option<&str>, to: Option<&str>) -> Result<Self, String> {
        let from = seconds("from", from)?;
        let to = seconds("to", to)?;
        if to <= from {
            return Err(EMPTY.to_owned());
        }
        Ok(Self { from, to })
    }

    /// The seconds that begin in these milliseconds, the last of which is left out.
    pub(super) fn of_milliseconds(from: i64, to: i64) -> Result<Self, String> {
        if to <= from {
            return Err(EMPTY.to_owned());
        }
        let first = from.div_euclid(1000) + i64::from(from.rem_euclid(1000) > 0);
        let last = (to - 1).div_euclid(1000);
        Ok(Self {
            from: known("from", first)?,
            to: known("to", last)?,
        })
    }
}

const EMPTY: &str = "query end is not after query start";

/// Seconds since the epoch, cut to whole ones.
fn seconds(name: &str, text: Option<&str>) -> Result<i64, String> {
    let text = text.ok_or_else(|| format!("The parameter '{name}' is required"))?;
    let whole = text.split('.').next().and_then(|whole| whole.parse().ok());
    known(name, whole.unwrap_or(-1))
}

/// A second up to the year 9999.
fn known(name: &str, second: i64) -> Result<i64, String> {
    let known = (0..253_402_300_800).contains(&second).then_some(second);
    known.ok_or_else(|| format!("The value provided for parameter '{name}' is invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_up_to_the_last_year_are_read() {
        let read = ["0", "1700000000", "1700000000.9", "253402300799"]
            .map(|text| seconds("to", Some(text)));
        assert_eq!(
            read,
            [0, 1_700_000_000, 1_700_000_000, 253_402_300_799].map(Ok)
        );
    }

    #[test]
    fn what_is_no_time_is_refused_by_its_name() {
        let invalid = Err("The value provided for parameter 'to' is invalid".to_owned());
        for text in ["", "-1", "now", "253402300800", "99999999999999999999"] {
            assert_eq!(seconds("to", Some(text)), invalid, "{text}");
        }
        assert_eq!(
            seconds("to", None),
            Err("The parameter 'to' is required".to_owned())
        );
    }
}
