//! What the other side said when it did not answer.

use serde_json::{Map, Value};

use crate::keys::Keys;

/// A message is one line in a condition or a log: it is cut here.
const LONGEST: usize = 300;

/// The text of an answer that is not a success, fit to be shown: one line, not
/// long, without the keys.
///
/// Datadog and the proxies before it have many ways to put it: `errors` with
/// texts or objects, `error` as a text, list or object, a page of HTML, or
/// nothing.
pub(crate) fn said(body: &[u8], keys: &Keys) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(Value::Object(refusal)) => refusal_text(&refusal),
        _ => None,
    };
    let text = text.unwrap_or_else(|| plain(&String::from_utf8_lossy(body)));
    one_line(&keys.scrub(&text))
}

/// White space and control characters become single blanks, and what is too
/// long is cut.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(LONGEST - 1) {
        Some((end, last)) if end + last.len_utf8() < line.len() => format!("{}…", &line[..end]),
        _ => line,
    }
}

/// The first of the known places that holds a text.
fn refusal_text(refusal: &Map<String, Value>) -> Option<String> {
    ["errors", "error", "message", "title"]
        .iter()
        .filter_map(|field| refusal.get(*field))
        .map(words)
        .find(|text| !text.is_empty())
}

/// The words of an error in any of its JSON forms.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(errors) => errors
            .iter()
            .map(words)
            .filter(|w| !w.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        Value::Object(error) => ["title", "detail", "message"]
            .iter()
            .filter_map(|field| error.get(*field)?.as_str())
            .collect::<Vec<_>>()
            .join(": "),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

/// The title of a page, or the text itself.
fn plain(text: &str) -> String {
    let title = text
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    match title {
        Some((title, _)) => title.to_owned(),
        None if text.trim_start().starts_with('<') => "a page of HTML".to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> Keys {
        Keys::new(&"api-key-0123456789".into(), &"app-key-0123456789".into()).unwrap()
    }

    /// Each after a recorded or reported answer of Datadog or its proxies.
    #[test]
    fn every_known_form_of_refusal_is_understood() {
        for (body, text) in [
            (
                r#"{"errors":["Forbidden","Failed permission authorization checks"]}"#,
                "Forbidden, Failed permission authorization checks",
            ),
            (
                r#"{"status":"error","code":403,"errors":["Forbidden"],"email":"a@b"}"#,
                "Forbidden",
            ),
            (
                r#"{"errors":[{"status":"500","title":"Internal Server Error"}]}"#,
                "Internal Server Error",
            ),
            (
                r#"{"errors":[{"title":"Generic Error","detail":"cannot switch"}]}"#,
                "Generic Error: cannot switch",
            ),
            (
                r#"{"errors":[{"detail":"limit of [300] characters"}]}"#,
                "limit of [300] characters",
            ),
            (
                r#"{"errors":[{"status":"404"}]}"#,
                r#"{"errors":[{"status":"404"}]}"#,
            ),
            (
                r#"{"error":{"code":"NotFound","message":"No such index"}}"#,
                "No such index",
            ),
            (r#"{"error":["one","two"]}"#, "one, two"),
            (
                r#"{"status":"error","error":"Query timed out","series":[]}"#,
                "Query timed out",
            ),
            (
                r#"{"message":"gone","code":"404 Not Found","title":"Not Found"}"#,
                "gone",
            ),
            (r#"{"status":"404","title":"Not Found"}"#, "Not Found"),
            (
                "<html>\n<head><title>502 Bad Gateway</title></head>",
                "502 Bad Gateway",
            ),
            ("\n<html><body>no</body></html>", "a page of HTML"),
            ("upstream\n  connect error\t", "upstream connect error"),
            ("[]", "[]"),
            ("", ""),
        ] {
            assert_eq!(said(body.as_bytes(), &keys()), text, "{body}");
        }
    }

    #[test]
    fn an_echoed_key_is_not_repeated() {
        let body = r#"{"errors":["invalid key api-key-0123456789"]}"#;
        assert_eq!(said(body.as_bytes(), &keys()), "invalid key [key]");
    }

    proptest! {
        #[test]
        fn any_body_becomes_one_short_line(body in prop::collection::vec(any::<u8>(), 0..2000)) {
            let text = said(&body, &keys());
            prop_assert!(text.chars().count() <= LONGEST);
            prop_assert!(!text.contains(char::is_control));
        }
    }
}
