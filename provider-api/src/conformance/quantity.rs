//! Numbers, as a metric's values write them.

use super::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
    subject::named,
};

/// A value as its source has it, and as it is served.
macro_rules! row {
    ($name:literal, $given:literal => $served:literal, $why:literal) => {
        Case {
            name: concat!("quantity/", $name),
            promise: concat!("`", $given, "` is served as `", $served, "`"),
            relied_on: $why,
            check: |subject| Box::pin(served(subject, $given, $served)),
        }
    };
}

pub(super) const CASES: &[Case] = &[
    row!("fraction", "1.5" => "1500m", "there are no fractional digits in a quantity"),
    row!("small-fraction", "0.1m" => "100u", "the largest suffix that keeps all digits"),
    row!("thousand", "1000" => "1k", "lower case: there is no K"),
    row!("not-quite-a-million", "1200000" => "1200k", "the largest suffix that keeps all digits"),
    row!("digits", "12345" => "12345", "no suffix keeps all digits"),
    row!("negative-fraction", "-1.5" => "-1500m", "the sign is part of the number"),
    row!("thousand-milli", "1000m" => "1", "people compare what they read with what they wrote"),
    row!("tenth-of-a-nano", "0.1n" => "1n", "what is finer than nano is rounded away from zero"),
    row!("eleven-tenths-of-a-nano", "0.0000000011" => "2n", "what is finer than nano is rounded away from zero"),
    row!("long-fraction", "1.23456789012345" => "1234567891n", "what is finer than nano is rounded away from zero"),
    row!("binary-fraction", "1.5Gi" => "1536Mi", "a binary quantity stays binary"),
    row!("binary-kibi", "1024Ki" => "1Mi", "the largest suffix that keeps all digits"),
    row!("half-a-kibi", "0.5Ki" => "512", "below 1024 there is no binary suffix"),
    row!("binary", "512Ki" => "512Ki", "a binary quantity stays binary"),
    row!("exponent", "1e19" => "10e18", "an exponent stays one, a multiple of three"),
    row!("negative-exponent", "1e-10" => "1e-9", "an exponent too is rounded away from zero"),
    row!("minus-zero", "-0" => "0", "zero has no sign"),
    Case {
        name: "quantity/no-number",
        promise: "NaN and the infinities are refused with a message, and never a number",
        relied_on: "the autoscaler would scale by whatever stands there",
        check: |subject| Box::pin(no_number(subject)),
    },
    Case {
        name: "quantity/negative",
        promise: "a negative value is served as it is, or refused with a message; it is not another number",
        relied_on: "the autoscaler takes a negative sum with averageValue for an overflow, and scales to the most replicas",
        check: |subject| Box::pin(negative(subject)),
    },
    Case {
        name: "quantity/stale",
        promise: "a value that is too old is refused with a message, or an empty list; never a 200 with the old value",
        relied_on: "the autoscaler does not look at the time",
        check: |subject| Box::pin(stale(subject)),
    },
];

async fn served(subject: &Subject, given: &str, expected: &str) -> Verdict {
    let prefix = named(&subject.surroundings.echo_value, "echo-value")?;
    let path = subject.path_of(&format!("{prefix}{given}"));
    let list = subject.get(&path).send().await?.document()?;
    equal("value", &list["items"][0]["value"], expected)
}

async fn no_number(subject: &Subject) -> Verdict {
    if subject.surroundings.no_number.is_empty() {
        return Err(Miss::Skipped("needs --no-number".to_owned()));
    }
    for name in &subject.surroundings.no_number {
        told_no(subject, name).await?;
    }
    Ok(())
}

/// That a metric is refused in words.
async fn told_no(subject: &Subject, name: &str) -> Verdict {
    let answer = subject.get(&subject.path_of(name)).send().await?;
    let refused = answer.code.is_client_error() || answer.code.is_server_error();
    holds(refused, format!("{name}: 4xx or 5xx"), answer.shown())?;
    let status = answer.json()?;
    equal("kind", &status["kind"], "Status")?;
    let told = status["message"].as_str().unwrap_or_default();
    holds(!told.is_empty(), "a message for a person", &status)
}

async fn negative(subject: &Subject) -> Verdict {
    let name = named(&subject.surroundings.negative, "negative")?;
    let answer = subject.get(&subject.path_of(name)).send().await?;
    if answer.code != 200 {
        return told_no(subject, name).await;
    }
    let list = answer.json()?;
    let value = list["items"][0]["value"].as_str().unwrap_or_default();
    holds(value.starts_with('-'), "value: below zero", &list)
}

async fn stale(subject: &Subject) -> Verdict {
    let name = named(&subject.surroundings.stale, "stale")?;
    let answer = subject.get(&subject.path_of(name)).send().await?;
    if answer.code != 200 {
        return told_no(subject, name).await;
    }
    let list = answer.json()?;
    let items = list["items"].as_array().map_or(1, Vec::len);
    holds(items == 0, "a refusal, or no items", &list)
}
