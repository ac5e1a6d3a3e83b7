//! An autoscaler as the watch reads it.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::{ApiResource, DynamicResourceScope, Resource};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

/// An autoscaler of any kind and version, without what nobody here reads.
///
/// Most of an autoscaler is who has managed which field, and a status that changes every few
/// seconds in each of thousands: passed over, a list takes half the time. What is read is read in
/// whichever form it has, so that one strange object is no end of a list.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Object {
    #[serde(deserialize_with = "metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    pub(crate) spec: Value,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    Known {
        #[serde(rename = "currentReplicas")]
        current_replicas: Option<Value>,
    },
    Other(IgnoredAny),
}

impl Object {
    /// Whether it may have no replicas, and has none now.
    pub(crate) fn is_at_zero(&self) -> bool {
        let now = match &self.status {
            Status::Known { current_replicas } => current_replicas.as_ref(),
            Status::Other(_) => None,
        };
        [self.spec.get("minReplicas"), now]
            .iter()
            .all(|replicas| replicas.and_then(Value::as_i64) == Some(0))
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        labels: Option<BTreeMap<String, String>>,
        annotations: Option<BTreeMap<String, String>>,
    }
    let read = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        labels: read.labels,
        annotations: read.annotations,
        ..ObjectMeta::default()
    })
}

impl Resource for Object {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        (&resource.kind).into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        (&resource.group).into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        (&resource.version).into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        (&resource.plural).into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &Value, status: &Value) -> Object {
        let metadata = json!({"name": "web", "managedFields": [{"manager": "kubectl"}]});
        let object = json!({"metadata": metadata, "spec": spec, "status": status});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn an_object_is_at_zero_when_it_may_be_and_is() {
        let is_at_zero = |spec, status| object(&spec, &status).is_at_zero();
        let (none, some) = (json!({"minReplicas": 0}), json!({"minReplicas": 1}));
        let status = |replicas: i64| json!({"conditions": [], "currentReplicas": replicas});
        assert!(is_at_zero(none.clone(), status(0)));
        assert!(!is_at_zero(none.clone(), status(1)));
        assert!(!is_at_zero(some, status(0)));
        assert!(!is_at_zero(json!({}), status(0)));
        assert!(!is_at_zero(none, json!({})));
    }

    #[test]
    fn a_strange_object_can_be_read() {
        for strange in [
            Value::Null,
            json!(7),
            json!("x"),
            json!([{}]),
            json!({"currentReplicas": "0"}),
        ] {
            let read = object(&strange, &strange);
            assert_eq!((read.is_at_zero(), read.spec), (false, strange));
        }
    }

    #[test]
    fn what_nobody_reads_is_not_kept() {
        let read = object(&json!({}), &json!({}));
        let named = ObjectMeta {
            name: Some("web".to_owned()),
            ..ObjectMeta::default()
        };
        assert_eq!(read.metadata, named);
    }
}
