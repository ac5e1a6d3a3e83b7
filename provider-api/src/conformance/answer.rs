//! An answer, and what can be expected of it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde_json::Value;

use super::case::{Miss, Verdict};

/// As much of a body as a report shows.
const SHOWN: usize = 300;

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The answer, if it has this code.
    pub(super) fn coded(self, code: u16) -> Result<Self, Miss> {
        if self.code == code {
            Ok(self)
        } else {
            Err(Miss::fault(format!("HTTP {code}"), self.shown()))
        }
    }

    /// The JSON of a 200.
    pub(super) fn document(self) -> Result<Value, Miss> {
        let answer = self.coded(200)?;
        answer.media_type("application/json")?;
        answer.json()
    }

    /// The body as JSON, whatever the code.
    pub(super) fn json(&self) -> Result<Value, Miss> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Miss::fault("JSON", format!("{error}: {}", self.shown())))
    }

    /// The `Status` that says no with this code and reason.
    pub(super) fn refusal(self, code: u16, reason: &str) -> Result<Value, Miss> {
        let answer = self.coded(code)?;
        answer.media_type("application/json")?;
        let status = answer.json()?;
        equal("kind", &status["kind"], "Status")?;
        equal("apiVersion", &status["apiVersion"], "v1")?;
        equal("status", &status["status"], "Failure")?;
        equal("code", &status["code"], code)?;
        equal("reason", &status["reason"], reason)?;
        let told = status["message"].as_str().unwrap_or_default();
        holds(!told.is_empty(), "a message for a person", &status)?;
        Ok(status)
    }

    /// A header's text; empty when there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// That a header is there and contains `part`, whatever the case.
    pub(super) fn header_has(&self, name: &str, part: &str) -> Verdict {
        let seen = self.header(name);
        holds(
            seen.to_ascii_lowercase()
                .contains(&part.to_ascii_lowercase()),
            format!("{name} with `{part}` in it"),
            format!("{name}: {seen}"),
        )
    }

    /// That the body is of this media type, whatever its parameters.
    pub(super) fn media_type(&self, expected: &str) -> Verdict {
        let seen = self.header("content-type");
        let essence = seen.split(';').next().unwrap_or_default().trim();
        holds(
            essence.eq_ignore_ascii_case(expected),
            format!("Content-Type: {expected}"),
            format!("Content-Type: {seen}"),
        )
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer as a report shows it.
    pub(super) fn shown(&self) -> String {
        let text = self.text();
        let start: String = text.trim().chars().take(SHOWN).collect();
        format!("HTTP {} {}", self.code.as_u16(), start)
    }
}

/// That a field has this value.
pub(super) fn equal(what: &str, seen: &Value, expected: impl Into<Value>) -> Verdict {
    let expected = expected.into();
    holds(
        *seen == expected,
        format!("{what}: {expected}"),
        format!("{what}: {seen}"),
    )
}

/// That something is so.
pub(super) fn holds(
    is_so: bool,
    expected: impl std::fmt::Display,
    seen: impl std::fmt::Display,
) -> Verdict {
    if is_so {
        Ok(())
    } else {
        Err(Miss::fault(expected, seen))
    }
}
