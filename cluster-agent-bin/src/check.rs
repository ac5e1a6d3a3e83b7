//! What is wrong with the manifests of those who ask for metrics, told before a cluster or
//! Datadog has to.

mod asks;
mod datadog_metric;
mod document;
mod hpa;
mod outline;
mod unknown;
mod watermark;

use std::{collections::BTreeSet, fmt};

use datadog_query::Query;
use metrics_store::Template;
use serde_json::Value;

use self::{
    document::{Document, documents},
    outline::{Object, objects},
};
use crate::config::Variables;

/// Something to tell of one place in a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    /// `HorizontalPodAutoscaler shop/web`
    pub(crate) object: String,
    pub(crate) told: Told,
}

/// A line and a column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// Datadog is asked this.
    Asks(Query),
    /// Datadog is asked this once these variables are set.
    AsksOnceSet {
        text: String,
        unset: BTreeSet<String>,
    },
    /// It may be wrong, and Datadog has the last word.
    Warning(String),
    /// It does not work.
    Mistake(String),
}

/// Everything that there is to tell of a file's text, in its order. Objects of kinds that
/// ask for no metrics are passed over; lists are gone through.
pub(crate) fn check(text: &str, template: Template, variables: &Variables) -> Vec<Finding> {
    documents(text)
        .flat_map(|document| check_document(&document, template, variables))
        .collect()
}

fn check_document(
    document: &Document<'_>,
    template: Template,
    variables: &Variables,
) -> Vec<Finding> {
    let object: Value = match document.read() {
        Ok(object) => object,
        Err((place, why)) => {
            return vec![Finding {
                place,
                object: "the document".to_owned(),
                told: Told::Mistake(why),
            }];
        }
    };
    objects(document, object)
        .iter()
        .flat_map(|object| check_object(document, object, template, variables))
        .collect()
}

fn check_object(
    document: &Document<'_>,
    object: &Object,
    template: Template,
    variables: &Variables,
) -> Vec<Finding> {
    let word = |name: &str| object.value.get(name).and_then(Value::as_str);
    let version = word("apiVersion").unwrap_or_default();
    match (word("kind").unwrap_or_default(), version) {
        ("HorizontalPodAutoscaler", "autoscaling/v2") => hpa::check(document, object, template),
        ("HorizontalPodAutoscaler", version) => hpa::of_another_version(object, version),
        ("WatermarkPodAutoscaler", _) => watermark::check(document, object, template),
        ("DatadogMetric", _) => datadog_metric::check(document, object, variables),
        _ => Vec::new(),
    }
}

/// As people name an object. Without a namespace it is put into `default`.
fn named(object: &Value) -> String {
    let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    format!(
        "{} {}/{}",
        word("/kind").unwrap_or_default(),
        word("/metadata/namespace").unwrap_or("default"),
        word("/metadata/name").unwrap_or("(without a name)")
    )
}

impl Finding {
    pub(crate) fn is_mistake(&self) -> bool {
        matches!(self.told, Told::Mistake(_))
    }
}

/// As compilers print it, behind the file's name.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            object,
            told,
        } = self;
        let (word, text) = match told {
            Told::Asks(query) => ("ok", query.to_string()),
            Told::AsksOnceSet { text, unset } => {
                let unset = Vec::from_iter(unset.iter().map(String::as_str)).join(", ");
                ("ok", format!("{text} (not set here: {unset})"))
            }
            Told::Warning(text) => ("warning", text.clone()),
            Told::Mistake(text) => ("mistake", text.clone()),
        };
        // The names in a manifest are not to steer the terminal.
        let told = format!("{word}: {object}: {text}").replace(char::is_control, " ");
        write!(f, "{}:{}: {told}", place.line, place.column)
    }
}

#[cfg(test)]
mod tests;
