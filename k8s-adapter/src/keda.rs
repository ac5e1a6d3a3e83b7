//! Metrics that KEDA serves, in clusters where it stands beside this server.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// [KEDA](https://keda.sh) puts this label into the selector of every metric that it has an
/// autoscaler ask for.
const SCALED_OBJECT: &str = "scaledobject.keda.sh/name";

/// Whether a metric of this selector is KEDA's to serve. No other adapter knows a value
/// for it.
pub fn is_of_keda(selector: &LabelSelector) -> bool {
    let labels = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    labels
        .map(|(key, _)| key)
        .chain(expressions.map(|expression| &expression.key))
        .any(|key| key == SCALED_OBJECT)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_selector_that_names_a_scaled_object_is_of_keda_in_either_form() {
        let is_of_keda = |selector: Value| is_of_keda(&serde_json::from_value(selector).unwrap());
        assert!(is_of_keda(
            json!({"matchLabels": {"a": "b", "scaledobject.keda.sh/name": "web"}})
        ));
        assert!(is_of_keda(json!({"matchExpressions": [
            {"key": "scaledobject.keda.sh/name", "operator": "In", "values": ["web"]},
        ]})));
        assert!(!is_of_keda(json!({})));
        assert!(!is_of_keda(
            json!({"matchLabels": {"name": "scaledobject.keda.sh"}})
        ));
    }
}
