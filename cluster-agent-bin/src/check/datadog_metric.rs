//! A DatadogMetric and its query.

use datadog_query::{Query, parse};
use serde_json::Value;

use super::{Document, Finding, Object, Told, named};

pub(super) fn check(document: &Document<'_>, object: &Object) -> Vec<Finding> {
    let named = named(&object.value);
    let finding = |place, told| Finding {
        place,
        object: named.clone(),
        told,
    };
    let begin = object.query().map(|at| document.place(at));
    let begin = begin.unwrap_or(object.begin);
    let mistake = |why: &str| vec![finding(begin, Told::Mistake(why.to_owned()))];
    let text = match object.value.pointer("/spec/query") {
        None | Some(Value::Null) => return mistake("spec.query is missing"),
        Some(Value::String(text)) => text,
        Some(_) => return mistake("spec.query is no text: put it in quotes"),
    };
    let place = |character| match object.query() {
        Some(at) => document.place_within(at, text, character),
        None => begin,
    };
    let parsed = match parse(text.trim_end()) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            let told = Told::Mistake(wrong.to_string());
            return vec![finding(place(wrong.place), told)];
        }
    };
    let warnings = parsed
        .warnings
        .into_iter()
        .map(|warning| finding(place(warning.place), Told::Warning(warning.message)));
    let asks = match Query::written(text) {
        Ok(query) => Told::Asks(query),
        Err(why) => Told::Mistake(why.to_string()),
    };
    warnings.chain([finding(begin, asks)]).collect()
}
