//! A DatadogMetric and its query.

use std::collections::BTreeSet;

use datadog_query::{QueryTemplate, parse};
use serde_json::Value;

use super::{Document, Finding, Object, Told, named};
use crate::{
    chain,
    config::{NoVariable, Variables},
};

pub(super) fn check(
    document: &Document<'_>,
    object: &Object,
    variables: &Variables,
) -> Vec<Finding> {
    let named = named(&object.value);
    let begin = object.query().map(|at| document.place(at));
    let begin = begin.unwrap_or(object.begin);
    let finding = |place, told| Finding {
        place,
        object: named.clone(),
        told,
    };
    let mistake = |why: &str| vec![finding(begin, Told::Mistake(why.to_owned()))];
    let text = match object.value.pointer("/spec/query") {
        None | Some(Value::Null) => return mistake("spec.query is missing"),
        Some(Value::String(text)) => text.trim(),
        Some(_) => return mistake("spec.query is no text: put it in quotes"),
    };
    let place = |character: Option<usize>| match (object.query(), character) {
        (Some(at), Some(character)) => document.place_within(at, text, character),
        _ => begin,
    };
    told(text, variables)
        .into_iter()
        .map(|(character, told)| finding(place(character), told))
        .collect()
}

/// What there is to tell of a query, with the character that it is about, where it is not
/// about all of them.
fn told(text: &str, variables: &Variables) -> Vec<(Option<usize>, Told)> {
    let template = QueryTemplate::written(text);
    if let Err(wrong) = &template
        && let Some(place) = wrong.place()
    {
        return vec![(Some(place), Told::Mistake(wrong.to_string()))];
    }
    let parsed = match parse(text) {
        Ok(parsed) => parsed,
        Err(wrong) => return vec![(Some(wrong.place), Told::Mistake(wrong.to_string()))],
    };
    let warnings = parsed
        .warnings
        .into_iter()
        .map(|warning| (Some(warning.place), Told::Warning(warning.message)));
    let asks = match template {
        Ok(template) => asks(&template, variables),
        Err(wrong) => vec![(None, Told::Mistake(wrong.to_string()))],
    };
    warnings.chain(asks).collect()
}

/// What is asked with the variables that are at hand. Others are set where the agent runs.
fn asks(template: &QueryTemplate, variables: &Variables) -> Vec<(Option<usize>, Told)> {
    let mut unset = BTreeSet::new();
    let query = template.resolve(|variable| match variables.of_query(variable) {
        Err(NoVariable::NotSet(name)) => {
            unset.insert(name);
            Ok("x")
        }
        known => known,
    });
    let query = match query {
        Ok(query) => query,
        Err(why) => return vec![(Some(why.place()), Told::Mistake(chain(&why)))],
    };
    if !unset.is_empty() {
        let text = template.text().to_owned();
        return vec![(None, Told::AsksOnceSet { text, unset })];
    }
    if template.variables().next().is_none() {
        return vec![(None, Told::Asks(query))];
    }
    // What was put in is judged only now.
    let mut told = match parse(query.text()) {
        Ok(parsed) => parsed
            .warnings
            .into_iter()
            .map(|warning| (None, Told::Warning(warning.message)))
            .collect(),
        Err(wrong) => vec![(None, Told::Mistake(format!("{query}: {wrong}")))],
    };
    told.push((None, Told::Asks(query)));
    told
}
