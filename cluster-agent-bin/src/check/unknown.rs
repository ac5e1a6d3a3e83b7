//! Fields that an autoscaler does not have.

use serde_json::Value;

/// The paths of what is written and was not read. Whatever is `null` counts as not written.
pub(super) fn unknown(written: &Value, read: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(written, read, "", &mut found);
    found
}

fn compare(written: &Value, read: &Value, at: &str, found: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (name, written) in written.iter().filter(|(_, written)| !written.is_null()) {
                let dot = if at.is_empty() { "" } else { "." };
                let at = format!("{at}{dot}{name}");
                match read.get(name) {
                    Some(read) => compare(written, read, &at, found),
                    None => found.push(at),
                }
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            for (index, (written, read)) in written.iter().zip(read).enumerate() {
                compare(written, read, &format!("{at}[{index}]"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_lost_is_unknown() {
        let written = json!({ "a": 1, "b": null, "c": [{ "d": 1 }, { "e": 1, "f": {} }] });
        let read = json!({ "a": 1, "added": 1, "c": [{ "d": 1 }, { "e": 1 }] });
        assert_eq!(unknown(&written, &read), ["c[1].f"]);
        assert!(unknown(&written, &written).is_empty());
    }
}
