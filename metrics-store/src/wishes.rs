//! What an object wishes for its metrics, in its annotations.

use std::str::FromStr;

use provider_api::{InvalidQuantity, Quantity, duration};
use time::Duration;

/// What one object wishes otherwise than the usual policy, for the metrics that it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The age up to which a value counts.
    pub max_age: Option<Duration>,
    /// How long it is held after that while Datadog cannot be asked.
    pub hold: Option<Duration>,
    /// What is served when that is over.
    pub on_error: Option<Otherwise>,
    /// What is served when Datadog has no data.
    pub on_no_data: Option<Otherwise>,
    /// What is served when Datadog has no data, and whoever asks has no replicas that could
    /// send some.
    pub at_zero: Option<Otherwise>,
    /// Whether the object has no replicas now.
    pub is_at_zero: bool,
}

/// What is served in place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// A refusal that says why.
    Refuse,
    /// This number.
    Value(Quantity),
}

/// An annotation that means nothing. It is as if it were not there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the annotation {prefix}{name}: {why}", prefix = Wishes::PREFIX)]
pub struct InvalidWish {
    /// Its name, without the prefix.
    pub name: String,
    /// What is wrong with it.
    pub why: Unwishable,
}

/// Why an annotation means nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unwishable {
    /// Nobody knows it.
    #[error("there is none of this name: {} are known", Wishes::NAMES.join(", "))]
    Name,
    /// Not a span of time.
    #[error("it is `{0}`: write a span of time such as 90s or 10m, a day at most")]
    Time(String),
    /// Neither a refusal nor a number.
    #[error("it is `{text}`: write `refuse`, or the number that is served: {why}")]
    Value {
        /// What is there.
        text: String,
        /// Why it is no number.
        why: InvalidQuantity,
    },
}

impl Wishes {
    /// What the names of the annotations begin with.
    pub const PREFIX: &str = "external-metrics.datadoghq.com/";

    const NAMES: [&str; 5] = ["max-age", "hold", "on-error", "on-no-data", "at-zero"];

    /// Reads an object's annotations of this prefix, which is left out of their names.
    /// What cannot be read is told, and the rest counts all the same.
    pub fn read<'a>(
        annotations: impl IntoIterator<Item = (&'a String, &'a String)>,
        is_at_zero: bool,
    ) -> (Self, Vec<InvalidWish>) {
        let mut wishes = Self {
            is_at_zero,
            ..Self::default()
        };
        let mut invalid = Vec::new();
        for (name, text) in annotations {
            let text = text.trim();
            let read = match name.as_str() {
                "max-age" => time(text).map(|age| wishes.max_age = Some(age)),
                "hold" => time(text).map(|hold| wishes.hold = Some(hold)),
                "on-error" => text.parse().map(|value| wishes.on_error = Some(value)),
                "on-no-data" => text.parse().map(|value| wishes.on_no_data = Some(value)),
                "at-zero" => text.parse().map(|value| wishes.at_zero = Some(value)),
                // Datadog's own, of another object.
                "always-active" => Ok(()),
                _ => Err(Unwishable::Name),
            };
            if let Err(why) = read {
                let name = name.clone();
                invalid.push(InvalidWish { name, why });
            }
        }
        (wishes, invalid)
    }

    /// What an object wishes that asks for a metric whose definition wishes `general` things:
    /// its own count first.
    pub(crate) fn over(&self, general: &Self) -> Self {
        Self {
            max_age: self.max_age.or(general.max_age),
            hold: self.hold.or(general.hold),
            on_error: self.on_error.or(general.on_error),
            on_no_data: self.on_no_data.or(general.on_no_data),
            at_zero: self.at_zero.or(general.at_zero),
            is_at_zero: self.is_at_zero,
        }
    }
}

fn time(text: &str) -> Result<Duration, Unwishable> {
    let span = duration(text).and_then(|span| Duration::try_from(span).ok());
    span.filter(|span| *span <= Duration::DAY)
        .ok_or_else(|| Unwishable::Time(text.to_owned()))
}

impl FromStr for Otherwise {
    type Err = Unwishable;

    fn from_str(text: &str) -> Result<Self, Unwishable> {
        if text == "refuse" {
            return Ok(Self::Refuse);
        }
        let value: Result<Quantity, _> = text.parse();
        let value = value.and_then(|value| {
            // One that an autoscaler would misread is none.
            let read = -Quantity::AUTOSCALER_MAX.nanos()..=Quantity::AUTOSCALER_MAX.nanos();
            let is_read = read.contains(&value.nanos());
            is_read
                .then_some(value)
                .ok_or_else(|| InvalidQuantity::TooLarge(text.to_owned()))
        });
        value.map(Self::Value).map_err(|why| Unwishable::Value {
            text: text.to_owned(),
            why,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(annotations: &[(&str, &str)]) -> (Wishes, Vec<String>) {
        let annotations: BTreeMap<_, _> = annotations
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let (wishes, invalid) = Wishes::read(&annotations, false);
        (wishes, invalid.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_wish_has_an_annotation() {
        let (wishes, invalid) = read(&[
            ("max-age", "15m"),
            ("hold", "1h30m"),
            ("on-error", "refuse"),
            ("on-no-data", "0"),
            ("at-zero", " 1500m "),
        ]);
        assert_eq!(invalid, [""; 0]);
        assert_eq!(
            wishes,
            Wishes {
                max_age: Some(Duration::minutes(15)),
                hold: Some(Duration::minutes(90)),
                on_error: Some(Otherwise::Refuse),
                on_no_data: Some(Otherwise::Value(0.into())),
                at_zero: Some(Otherwise::Value("1.5".parse().unwrap())),
                is_at_zero: false,
            }
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_and_spoils_nothing_else() {
        let (wishes, invalid) = read(&[
            ("hold", "10"),
            ("max-age", "2m"),
            ("on-eror", "1"),
            ("on-no-data", "none"),
        ]);
        let expected = Wishes {
            max_age: Some(Duration::minutes(2)),
            ..Wishes::default()
        };
        assert_eq!(wishes, expected);
        assert_eq!(
            invalid,
            [
                "the annotation external-metrics.datadoghq.com/hold: it is `10`: write a span of time such as 90s or \
                 10m, a day at most",
                "the annotation external-metrics.datadoghq.com/on-eror: there is none of this name: max-age, hold, \
                 on-error, on-no-data, at-zero are known",
                "the annotation external-metrics.datadoghq.com/on-no-data: it is `none`: write `refuse`, or the \
                 number that is served: `none` is no quantity: it has to start with a decimal number, as `1.5` or \
                 `1500m` do",
            ]
        );
    }
}
