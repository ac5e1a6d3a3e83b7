//! The little of protobuf that reads an answer back. It is written apart from the
//! encoder on purpose, so that the two do not share a mistake.

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The document in an answer: `apiVersion`, `kind` and the bytes.
pub(super) fn envelope(body: &[u8]) -> Option<(String, String, Vec<u8>)> {
    let unknown = Fields::of(body.strip_prefix(b"k8s\0")?)?;
    let meta = Fields::of(unknown.bytes(1)?)?;
    Some((meta.text(1)?, meta.text(2)?, unknown.bytes(2)?.to_vec()))
}

/// A list of external metric values, as JSON has them.
pub(super) fn external_items(list: &[u8]) -> Option<Value> {
    let list = Fields::of(list)?;
    list.bytes(1)?;
    list.all(2).map(external_item).collect()
}

fn external_item(item: &[u8]) -> Option<Value> {
    let item = Fields::of(item)?;
    let labels: Option<Map<String, Value>> = item
        .all(2)
        .map(|entry| {
            let entry = Fields::of(entry)?;
            Some((entry.text(1)?, entry.text(2)?.into()))
        })
        .collect();
    let timestamp = match Fields::of(item.bytes(3)?)?.number(1) {
        None => Value::Null,
        Some(seconds) => {
            let at = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
            at.format(&Rfc3339).ok()?.into()
        }
    };
    let mut value = json!({
        "metricName": item.text(1)?,
        "metricLabels": labels?,
        "timestamp": timestamp,
        "value": Fields::of(item.bytes(5)?)?.text(1)?,
    });
    if let Some(seconds) = item.number(4) {
        value["window"] = seconds.into();
    }
    Some(value)
}

/// Object and value of each entry of a list of custom metric values, in either version.
pub(super) fn custom_values(list: &[u8]) -> Option<Value> {
    let list = Fields::of(list)?;
    list.bytes(1)?;
    list.all(2)
        .map(|item| {
            let item = Fields::of(item)?;
            let object = Fields::of(item.bytes(1)?)?;
            Some(
                json!({ "object": object.text(3)?, "value": Fields::of(item.bytes(5)?)?.text(1)? }),
            )
        })
        .collect()
}

/// The fields of a message in their order. Fixed-width fields do not occur in ours.
struct Fields<'a>(Vec<(u64, Field<'a>)>);

enum Field<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn of(mut rest: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let tag = varint(&mut rest)?;
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut rest)?.cast_signed()),
                2 => {
                    let length = usize::try_from(varint(&mut rest)?).ok()?;
                    let (bytes, after) = rest.split_at_checked(length)?;
                    rest = after;
                    Field::Bytes(bytes)
                }
                _ => return None,
            };
            fields.push((tag >> 3, field));
        }
        Some(Self(fields))
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter_map(move |(of, field)| match field {
            Field::Bytes(bytes) if *of == number => Some(*bytes),
            Field::Bytes(_) | Field::Number(_) => None,
        })
    }

    fn bytes(&self, number: u64) -> Option<&'a [u8]> {
        self.all(number).last()
    }

    fn text(&self, number: u64) -> Option<String> {
        String::from_utf8(self.bytes(number)?.to_vec()).ok()
    }

    fn number(&self, number: u64) -> Option<i64> {
        self.0.iter().rev().find_map(|(of, field)| match field {
            Field::Number(value) if *of == number => Some(*value),
            Field::Number(_) | Field::Bytes(_) => None,
        })
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes' own library writes for one value.
    const GOLDEN: &[u8] = b"k8s\0\x0a\x3a\x0a\x1fexternal.metrics.k8s.io/v1beta1\x12\x17ExternalMetricValueList\x12\x2a\x0a\x06\x0a\x00\x12\x00\x1a\x00\x12\x20\x0a\x03foo\x12\x06\x0a\x01k\x12\x01v\x1a\x08\x08\x85\xb3\xdc\xca\x06\x10\x00\x2a\x07\x0a\x051500m\x1a\x00\x22\x00";

    #[test]
    fn what_kubernetes_writes_reads_as_its_json() {
        let (api_version, kind, list) = envelope(GOLDEN).unwrap();
        assert_eq!(
            (api_version.as_str(), kind.as_str()),
            ("external.metrics.k8s.io/v1beta1", "ExternalMetricValueList")
        );
        let expected = json!([{
            "metricName": "foo", "metricLabels": { "k": "v" }, "timestamp": "2026-01-02T01:04:05Z", "value": "1500m",
        }]);
        assert_eq!(external_items(&list), Some(expected));
    }

    #[test]
    fn what_is_cut_off_reads_as_nothing() {
        for end in 0..GOLDEN.len() - 4 {
            let read = envelope(&GOLDEN[..end]);
            assert!(read.is_none(), "{end} bytes");
        }
    }
}
