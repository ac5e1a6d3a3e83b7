//! A quantity in JSON is text; Kubernetes also reads bare numbers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{NANOS, Quantity};

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

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn nothing_else_is_a_quantity() {
        for json in ["true", "[]", "{}", "\"1K\"", "1e99"] {
            assert!(serde_json::from_str::<Quantity>(json).is_err(), "{json}");
        }
    }
}
