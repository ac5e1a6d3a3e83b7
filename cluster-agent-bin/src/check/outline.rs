//! Where the parts of an object stand in a document.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, map::Entry};
use serde_saphyr::{Location, Spanned};

use super::{Document, Place};

/// An object of a document, and where its parts stand.
pub(super) struct Object {
    pub(super) value: Value,
    pub(super) begin: Place,
    outline: Outline,
}

#[derive(Default, Deserialize)]
struct Outline {
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    metrics: Option<Vec<Metric>>,
    query: Option<Spanned<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Metric {
    external: Option<External>,
}

#[derive(Deserialize)]
struct External {
    metric: Option<Identifier>,
    /// Where a WatermarkPodAutoscaler has it.
    #[serde(rename = "metricName")]
    metric_name: Option<Spanned<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Identifier {
    name: Option<Spanned<IgnoredAny>>,
}

/// What `kubectl get -o yaml` prints of several objects.
#[derive(Deserialize)]
struct List {
    items: Vec<Spanned<Outline>>,
}

/// The objects of a document: those of a list, or the one that it is. One whose parts are
/// not found is told of where the document begins.
pub(super) fn objects(document: &Document<'_>, mut value: Value) -> Vec<Object> {
    let Some(kind) = list_of(&value) else {
        return vec![Object {
            value,
            begin: document.begin(),
            outline: document.read().unwrap_or_default(),
        }];
    };
    let items = value.get_mut("items").map(Value::take);
    let Some(Value::Array(items)) = items else {
        return Vec::new();
    };
    let places = document.read::<List>().map(|list| list.items);
    let mut places = places.unwrap_or_default().into_iter();
    let object = |item| {
        let (begin, outline) = match places.next() {
            Some(part) => (document.place(part.referenced), part.value),
            None => (document.begin(), Outline::default()),
        };
        Object {
            value: typed(item, &kind, value.get("apiVersion")),
            begin,
            outline,
        }
    };
    items.into_iter().map(object).collect()
}

/// Of which kind the items are: of any, where it is empty.
fn list_of(value: &Value) -> Option<String> {
    let kind = value.get("kind")?.as_str()?.strip_suffix("List")?;
    value.get("items")?.is_array().then(|| kind.to_owned())
}

/// An API server does not repeat in each item what the list has said.
fn typed(mut item: Value, kind: &str, version: Option<&Value>) -> Value {
    if let Some(fields) = item.as_object_mut().filter(|_| !kind.is_empty()) {
        if let Entry::Vacant(unsaid) = fields.entry("kind") {
            unsaid.insert(kind.into());
        }
        if let (Entry::Vacant(unsaid), Some(version)) = (fields.entry("apiVersion"), version) {
            unsaid.insert(version.clone());
        }
    }
    item
}

impl Object {
    /// Where the query of a DatadogMetric stands.
    pub(super) fn query(&self) -> Option<Location> {
        let query = self.outline.spec.as_ref()?.query.as_ref()?;
        Some(query.referenced)
    }

    /// Where the name of the external metric at an index of `spec.metrics` stands.
    pub(super) fn metric(&self, document: &Document<'_>, index: usize) -> Place {
        let name = || {
            let metric = self.outline.spec.as_ref()?.metrics.as_ref()?.get(index)?;
            let external = metric.external.as_ref()?;
            let name = || external.metric.as_ref()?.name.as_ref();
            let name = name().or(external.metric_name.as_ref())?;
            Some(document.place(name.referenced))
        };
        name().unwrap_or(self.begin)
    }
}
