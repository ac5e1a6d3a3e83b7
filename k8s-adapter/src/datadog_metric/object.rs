//! A `DatadogMetric` as it is read.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use kube_core::DynamicObject;
use provider_api::{ObjectReference, duration};
use serde_json::Value;

use super::status::without_answer;
use crate::{
    demand::{reference_to, wishes},
    kind::DATADOG_METRIC,
};

/// What a `DatadogMetric` defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    /// The object.
    pub metric: ObjectReference,
    /// What tells it from an earlier or later object of its name.
    pub uid: Option<Arc<str>>,
    /// The query, as it is written; empty where there is none.
    pub query: Arc<str>,
    /// The plain name of the metric that it was generated for.
    pub generated_for: Option<Arc<str>>,
    /// How old a value may be.
    pub max_age: Option<Duration>,
    /// How far back the query looks.
    pub time_window: Option<Duration>,
    /// Whether it is asked for though no autoscaler refers to it.
    pub is_always_active: bool,
    /// Its annotations of some prefix, without it.
    pub annotations: Arc<BTreeMap<String, String>>,
}

/// A part of a `DatadogMetric` that means nothing. It is as if it were not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{metric}: {field} is {written}, and should be {wanted}")]
pub struct DefinitionProblem {
    /// The object.
    pub metric: ObjectReference,
    /// The field.
    pub field: &'static str,
    /// What stands there.
    pub written: String,
    /// What should.
    pub wanted: &'static str,
}

/// An object of the cluster, and what is read of it.
pub(super) struct Object {
    pub(super) written: DynamicObject,
    pub(super) defined: Defined,
    pub(super) problems: Vec<DefinitionProblem>,
    /// Whether its query has changed since its status was written.
    is_redefined: bool,
}

const ALWAYS_ACTIVE: &str = "always-active";

impl Object {
    pub(super) fn read(mut written: DynamicObject, prefix: &str) -> Self {
        // The larger part of an object, which the API server keeps by itself.
        written.metadata.managed_fields = None;
        let metric = reference_to(DATADOG_METRIC.name, &written.metadata);
        let mut problems = Vec::new();
        let mut cannot = |field, written: String, wanted| {
            problems.push(DefinitionProblem {
                metric: metric.clone(),
                field,
                written,
                wanted,
            });
        };
        let spec = |name: &str| {
            let value = written.data.get("spec").and_then(|spec| spec.get(name));
            value.filter(|value| !value.is_null())
        };
        let mut text = |field, name| match spec(name) {
            None => None,
            Some(Value::String(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
            Some(other) => {
                cannot(field, other.to_string(), "a text");
                None
            }
        };
        let query = text("spec.query", "query").unwrap_or_default().into();
        let generated_for = text("spec.externalMetricName", "externalMetricName").map(Into::into);
        let times = [
            ("spec.maxAge", text("spec.maxAge", "maxAge")),
            ("spec.timeWindow", text("spec.timeWindow", "timeWindow")),
        ];
        let [max_age, time_window] = times.map(|(field, text)| {
            let text = text?;
            match duration(text) {
                // Datadog's agent writes it so where there is none.
                Some(span) => Some(span).filter(|span| !span.is_zero()),
                None => {
                    let wanted = "a span of time such as 90s or 10m";
                    cannot(field, format!("`{text}`"), wanted);
                    None
                }
            }
        });
        let mut annotations = wishes(&written.metadata, prefix);
        let is_always_active = annotations.remove(ALWAYS_ACTIVE).and_then(|word| {
            let read = truth(&word);
            if read.is_none() {
                cannot(
                    "the annotation always-active",
                    format!("`{word}`"),
                    "true or false",
                );
            }
            read
        });
        let defined = Defined {
            uid: written.metadata.uid.as_deref().map(Into::into),
            query,
            generated_for,
            max_age,
            time_window,
            is_always_active: is_always_active.unwrap_or(false),
            annotations: Arc::new(annotations),
            metric,
        };
        Self {
            written,
            defined,
            problems,
            is_redefined: false,
        }
    }

    /// The object, which was like this before.
    pub(super) fn after(mut self, before: Option<&Self>) -> Self {
        self.is_redefined = before.is_some_and(|before| {
            let is_written = before.written.data.get("status") != self.written.data.get("status");
            before.defined.query != self.defined.query || (before.is_redefined && !is_written)
        });
        self
    }

    /// Its status is written now, and the object is like this.
    pub(super) fn wrote(&mut self, written: DynamicObject) {
        self.written.metadata.resource_version = written.metadata.resource_version;
        self.written.data = written.data;
        self.is_redefined = false;
    }

    /// What its status says of the query that it has now.
    pub(super) fn status(&self) -> Cow<'_, Value> {
        let status = self.written.data.get("status").unwrap_or(&Value::Null);
        match self.is_redefined {
            true => Cow::Owned(without_answer(status)),
            false => Cow::Borrowed(status),
        }
    }
}

/// As Go reads one.
fn truth(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
