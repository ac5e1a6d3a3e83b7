//! The schemas that all groups of Kubernetes share, under the names by which
//! generators of clients know them.
//!
//! In the cluster's own document of version 2 ours are set beside those of the
//! same name, as `ListMeta_v2`, because the descriptions are not the same.

use serde_json::{Value, json};

use super::edition::Edition;

pub(super) const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
pub(super) const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
pub(super) const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";

pub(super) fn list_meta() -> (&'static str, Value) {
    let text = |description: &str| json!({ "description": description, "type": "string" });
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
    (LIST_META, schema)
}

pub(super) fn quantity(edition: Edition) -> (&'static str, Value) {
    let description = "A number in decimal, with a suffix for its magnitude: `1500m` is 1.5, `2k` \
                       is 2000, `1Ki` is 1024.";
    (QUANTITY, edition.text_or_number(description))
}

pub(super) fn time() -> (&'static str, Value) {
    let schema = json!({
        "description": "An instant in RFC 3339, in UTC and whole seconds.",
        "type": "string",
        "format": "date-time",
    });
    (TIME, schema)
}
