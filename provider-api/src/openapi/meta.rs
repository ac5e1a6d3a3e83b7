//! The schemas that all groups of Kubernetes share, under the names by which
//! generators of clients know them.
//!
//! In the cluster's own document of version 2 ours are set beside those of the
//! same name, as `ListMeta_v2`, because the descriptions are not the same.

use serde_json::{Value, json};

use super::edition::Edition;

pub(super) const LABEL_SELECTOR: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector";
const LABEL_SELECTOR_REQUIREMENT: &str =
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement";
pub(super) const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
pub(super) const OBJECT_REFERENCE: &str = "io.k8s.api.core.v1.ObjectReference";
pub(super) const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
pub(super) const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";

pub(super) fn list_meta() -> (String, Value) {
    let schema = json!({
        "description": "What there is to say of a list. Lists of metrics leave it empty.",
        "type": "object",
        "properties": {
            "continue": text("Where the list goes on, if it was cut."),
            "remainingItemCount": {
                "description": "How many items follow, if the list was cut.",
                "type": "integer",
                "format": "int64",
            },
            "resourceVersion": text("The state of the server that the list shows."),
            "selfLink": text("No longer used."),
        },
    });
    (LIST_META.to_owned(), schema)
}

pub(super) fn quantity(edition: Edition) -> (String, Value) {
    let description = "A number in decimal, with a suffix for its magnitude: `1500m` is 1.5, `2k` \
                       is 2000, `1Ki` is 1024.";
    (QUANTITY.to_owned(), edition.text_or_number(description))
}

pub(super) fn time() -> (String, Value) {
    let schema = json!({
        "description": "An instant in RFC 3339, in UTC and whole seconds.",
        "type": "string",
        "format": "date-time",
    });
    (TIME.to_owned(), schema)
}

pub(super) fn object_reference() -> (String, Value) {
    let schema = json!({
        "description": "A Kubernetes object.",
        "type": "object",
        "properties": {
            "apiVersion": text("The group and version of the object's API."),
            "fieldPath": text("The part of the object that is meant, if it is not the whole."),
            "kind": text("The kind of the object."),
            "name": text("The name of the object."),
            "namespace": text("The namespace of the object, if it lies in one."),
            "resourceVersion": text("The state of the object that is meant."),
            "uid": text("What tells the object from others of its name, before and after."),
        },
        "x-kubernetes-map-type": "atomic",
    });
    (OBJECT_REFERENCE.to_owned(), schema)
}

pub(super) fn label_selector(edition: Edition) -> (String, Value) {
    let schema = json!({
        "description": "A choice by labels. All of its requirements have to be met.",
        "type": "object",
        "properties": {
            "matchExpressions": {
                "description": "Requirements in words.",
                "type": "array",
                "items": edition.reference(LABEL_SELECTOR_REQUIREMENT),
                "x-kubernetes-list-type": "atomic",
            },
            "matchLabels": {
                "description": "Labels and the values that they have to have.",
                "type": "object",
                "additionalProperties": { "type": "string" },
            },
        },
        "x-kubernetes-map-type": "atomic",
    });
    (LABEL_SELECTOR.to_owned(), schema)
}

pub(super) fn label_selector_requirement() -> (String, Value) {
    let schema = json!({
        "description": "A requirement on one label.",
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": text("The label."),
            "operator": text("`In`, `NotIn`, `Exists` or `DoesNotExist`."),
            "values": {
                "description": "The values for `In` and `NotIn`.",
                "type": "array",
                "items": { "type": "string" },
                "x-kubernetes-list-type": "atomic",
            },
        },
    });
    (LABEL_SELECTOR_REQUIREMENT.to_owned(), schema)
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string" })
}
