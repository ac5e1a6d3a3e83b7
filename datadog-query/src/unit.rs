//! What a series counts.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess},
};

use crate::{
    loose::{Form, Loose},
    said::one_line,
};

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
    let Loose(Pair { name, per }) = Loose::deserialize(deserializer)?;
    Ok((name.is_some() || per.is_some()).then_some(Unit { name, per }))
}

#[derive(Default)]
struct Pair {
    name: Option<String>,
    per: Option<String>,
}

impl Form for Pair {
    fn of_list<'de, A: SeqAccess<'de>>(list: &mut A) -> Result<Self, A::Error> {
        let mut name = || {
            let one = list.next_element::<Loose<Named>>()?;
            Ok(one.and_then(|Loose(named)| named.0))
        };
        Ok(Self {
            name: name()?,
            per: name()?,
        })
    }
}

/// What the field `name` of an object says.
#[derive(Default)]
struct Named(Option<String>);

impl Form for Named {
    fn of_fields<'de, A: MapAccess<'de>>(fields: &mut A) -> Result<Self, A::Error> {
        while let Some(Loose(IsName(found))) = fields.next_key()? {
            if found {
                let Loose(Text(name)) = fields.next_value()?;
                return Ok(Self(name));
            }
            fields.next_value::<IgnoredAny>()?;
        }
        Ok(Self(None))
    }
}

/// Whether a field is the one that is looked for.
#[derive(Default)]
struct IsName(bool);

impl Form for IsName {
    fn of_text(text: &str) -> Self {
        Self(text == "name")
    }
}

#[derive(Default)]
struct Text(Option<String>);

impl Form for Text {
    fn of_text(text: &str) -> Self {
        Self(Some(one_line(text)))
    }
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
