//! YAML, for a person who prefers it.

use serde_json::Value;

/// Block style with sorted keys. Text is always quoted, as in JSON, whose quoted
/// text is YAML too: so no text is taken for a number or a date.
pub(super) fn written(value: &Value) -> String {
    let mut yaml = String::new();
    write(&mut yaml, value, 0);
    yaml
}

/// Writes a value and the end of its line. The line has begun, and what follows
/// it stands `depth` steps to the right.
fn write(yaml: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (place, (key, field)) in fields.iter().enumerate() {
                begin(yaml, place, depth);
                yaml.push_str(&Value::from(key.as_str()).to_string());
                yaml.push(':');
                // A block stands below its key, anything else beside it.
                if is_block(field) {
                    yaml.push('\n');
                    indent(yaml, depth + 1);
                } else {
                    yaml.push(' ');
                }
                write(yaml, field, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (place, item) in items.iter().enumerate() {
                begin(yaml, place, depth);
                yaml.push_str("- ");
                write(yaml, item, depth + 1);
            }
        }
        plain => {
            yaml.push_str(&plain.to_string());
            yaml.push('\n');
        }
    }
}

/// The first line of a block has begun already, the others start here.
fn begin(yaml: &mut String, place: usize, depth: usize) {
    if place > 0 {
        indent(yaml, depth);
    }
}

fn indent(yaml: &mut String, depth: usize) {
    yaml.extend(std::iter::repeat_n("  ", depth));
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_reads_as_a_person_writes_it() {
        let document = json!({"kind": "List", "items": [{"name": "a", "n": 1, "at": ["x", []]}, {"name": "b"}], "metadata": {}});
        let yaml = r#""items":
  - "at":
      - "x"
      - []
    "n": 1
    "name": "a"
  - "name": "b"
"kind": "List"
"metadata": {}
"#;
        assert_eq!(written(&document), yaml);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,8}",
            "[a-zäß\n\t\"\\\\:#-]{0,6}",
            "2026-01-02|yes|null|~|1e3"
        ]
    }

    proptest! {
        #[test]
        fn every_document_reads_back(document in value()) {
            let yaml = written(&document);
            let read: Value = serde_saphyr::from_str(&yaml).unwrap();
            prop_assert_eq!(read, document, "{}", yaml);
        }
    }
}
