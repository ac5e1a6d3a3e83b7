//! Wrong about numbers.

use serde_json::json;

use super::{Fault, answering, external::claims};

pub(super) const FAULTS: &[Fault] = &[
    answering(
        "values as they came",
        |asked, reply| {
            if let Some((_, written)) = asked.uri.path().split_once("echo.") {
                reply.each("items", |item| item["value"] = json!(written));
            }
        },
        &[
            "quantity/fraction",
            "quantity/small-fraction",
            "quantity/thousand",
            "quantity/not-quite-a-million",
            "quantity/negative-fraction",
            "quantity/thousand-milli",
            "quantity/tenth-of-a-nano",
            "quantity/eleven-tenths-of-a-nano",
            "quantity/long-fraction",
            "quantity/binary-fraction",
            "quantity/binary-kibi",
            "quantity/half-a-kibi",
            "quantity/exponent",
            "quantity/negative-exponent",
            "quantity/minus-zero",
        ],
    ),
    answering(
        "an exponent after digits",
        |_, reply| {
            reply.each("items", |item| {
                let value = item["value"].as_str().unwrap_or_default();
                if value.ends_with(|last: char| last.is_ascii_digit()) && !value.contains('e') {
                    item["value"] = json!(format!("{value}e0"));
                }
            });
        },
        &[
            "quantity/digits",
            "quantity/thousand-milli",
            "quantity/half-a-kibi",
            "quantity/minus-zero",
        ],
    ),
    answering(
        "binary as decimal",
        |_, reply| {
            reply.each("items", |item| {
                let value = item["value"].as_str().unwrap_or_default();
                item["value"] = json!(value.trim_end_matches('i'));
            });
        },
        &[
            "quantity/binary-fraction",
            "quantity/binary-kibi",
            "quantity/binary",
        ],
    ),
    answering(
        "NaN is a number",
        |asked, reply| {
            if asked.uri.path().ends_with("/nan") {
                claims(reply, "-9223372036854775808");
            }
        },
        &["quantity/no-number"],
    ),
    answering(
        "no sign",
        |asked, reply| {
            if asked.uri.path().ends_with("/below") {
                reply.each("items", |item| item["value"] = json!("3"));
            }
        },
        &["quantity/negative"],
    ),
    answering(
        "old values for ever",
        |asked, reply| {
            if asked.uri.path().ends_with("/old") {
                claims(reply, "7");
            }
        },
        &["quantity/stale"],
    ),
];
