//! How the cluster says who may speak for others: its authentication ConfigMap.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Authorities;

pub(super) const NAME: &str = "extension-apiserver-authentication";

/// The ConfigMap. Its version grows with each change.
pub(super) struct Config {
    pub(super) version: usize,
    client_ca: String,
    front_proxy_ca: String,
    /// The names that the front proxy may have.
    allowed: Vec<String>,
    /// What some keys hold in place of what belongs there; a null is no such key.
    changed: BTreeMap<String, Value>,
}

impl Config {
    pub(super) fn new(authorities: &Authorities) -> Self {
        Self {
            version: 1,
            client_ca: authorities.client_ca(),
            front_proxy_ca: authorities.front_proxy_ca(),
            allowed: vec!["front-proxy-client".to_owned()],
            changed: BTreeMap::new(),
        }
    }

    pub(super) fn allow(&mut self, name: String) {
        self.allowed.push(name);
        self.version += 1;
    }

    /// Changes these keys, and changes back whatever was changed before.
    pub(super) fn change(&mut self, keys: BTreeMap<String, Value>) {
        self.changed = keys;
        self.version += 1;
    }

    pub(super) fn map(&self) -> Value {
        let mut data = json!({
            "client-ca-file": self.client_ca,
            "requestheader-client-ca-file": self.front_proxy_ca,
            "requestheader-allowed-names": json!(self.allowed).to_string(),
            "requestheader-username-headers": "[\"X-Remote-User\"]",
            "requestheader-uid-headers": "[\"X-Remote-Uid\"]",
            "requestheader-group-headers": "[\"X-Remote-Group\"]",
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
        });
        for (key, value) in &self.changed {
            data[key] = value.clone();
        }
        if let Some(data) = data.as_object_mut() {
            data.retain(|_, value| !value.is_null());
        }
        json!({
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {
                "namespace": "kube-system",
                "name": NAME,
                "uid": "1",
                "resourceVersion": self.version.to_string(),
            },
            "data": data,
        })
    }
}
