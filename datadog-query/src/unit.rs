//! What a series counts.

use std::fmt;

use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::said::one_line;

/// What a series counts, as its metric is described at Datadog: `request/second`.
///
/// It is told and never reckoned with. Datadog's graphs draw 2 GiB where the value is
/// 2 147 483 648; whoever writes an autoscaler's target writes it in this unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The unit itself, such as `request` or `byte`; a mere count has none.
    pub name: Option<String>,
    /// Of what it is counted for each one: `second`, for a rate.
    pub per: Option<String>,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("1"))?;
        match &self.per {
            Some(per) => write!(f, "/{per}"),
            None => Ok(()),
        }
    }
}

/// Reads the field `unit` of a series: two units, each possibly null. Any other form is a
/// unit that is not known, since no value may be lost over it.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Unit>, D::Error> {
    let Loose::Known(pair) = Loose::<Vec<Loose<Named>>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let mut names = pair.into_iter().map(|one| match one {
        Loose::Known(named) => named.name.map(|name| one_line(&name)),
        Loose::Other(_) => None,
    });
    let (name, per) = (names.next().flatten(), names.next().flatten());
    Ok((name.is_some() || per.is_some()).then_some(Unit { name, per }))
}

/// What is read where it has the form that is known, and passed over where it has not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose<T> {
    Known(T),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unit(name: Option<&str>, per: Option<&str>) -> Option<Unit> {
        Some(Unit {
            name: name.map(str::to_owned),
            per: per.map(str::to_owned),
        })
    }

    #[test]
    fn a_unit_is_read_in_every_form_and_none_is_an_error() {
        let percent = json!({ "family": "percentage", "name": "percent", "plural": "percent",
            "scale_factor": 1.0, "short_name": "%", "id": 17 });
        let second = json!({ "name": "second", "scale_factor": 1.0 });
        for (sent, expected) in [
            // Both recorded.
            (json!([percent, null]), unit(Some("percent"), None)),
            (json!(null), None),
            // A rate.
            (
                json!([percent, second]),
                unit(Some("percent"), Some("second")),
            ),
            (json!([null, second]), unit(None, Some("second"))),
            // As others republish them.
            (json!([percent]), unit(Some("percent"), None)),
            (json!([{}, {}]), None),
            (json!([]), None),
            // Nobody sends these.
            (json!("percent"), None),
            (json!({ "name": "percent" }), None),
            (json!(["percent", { "name": 7 }]), None),
        ] {
            assert_eq!(read(&sent).unwrap(), expected, "{sent}");
        }
    }

    #[test]
    fn a_unit_is_written_as_people_write_it() {
        for (unit, written) in [
            (unit(Some("byte"), None), "byte"),
            (unit(Some("request"), Some("second")), "request/second"),
            (unit(None, Some("second")), "1/second"),
        ] {
            assert_eq!(unit.unwrap().to_string(), written);
        }
    }
}
