//! A DatadogMetric and its query.

use datadog_query::{Query, parse};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{Document, Finding, Told, named};

/// Where the query stands.
#[derive(Deserialize)]
struct Outline {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    query: Spanned<String>,
}

pub(super) fn check(document: &Document<'_>, object: &Value) -> Vec<Finding> {
    let named = named(object);
    let finding = |place, told| Finding {
        place,
        object: named.clone(),
        told,
    };
    if object.pointer("/spec/query").is_none() {
        let missing = Told::Mistake("spec.query is missing".to_owned());
        return vec![finding(document.begin(), missing)];
    }
    let Spanned {
        value: text,
        referenced: at,
        ..
    } = match document.read() {
        Ok(Outline { spec }) => spec.query,
        Err((place, why)) => {
            return vec![finding(place, Told::Mistake(format!("spec.query: {why}")))];
        }
    };
    let parsed = match parse(text.trim_end()) {
        Ok(parsed) => parsed,
        Err(mistake) => {
            let place = document.place_within(at, mistake.place);
            return vec![finding(place, Told::Mistake(mistake.to_string()))];
        }
    };
    let warnings = parsed.warnings.into_iter().map(|warning| {
        finding(
            document.place_within(at, warning.place),
            Told::Warning(warning.message),
        )
    });
    let asks = match Query::written(&text) {
        Ok(query) => Told::Asks(query),
        Err(why) => Told::Mistake(why.to_string()),
    };
    warnings
        .chain([finding(document.place(at), asks)])
        .collect()
}
