//! The authentication ConfigMap, read.

use std::collections::BTreeMap;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{User, conformance::tests::wrong::Quirk};

#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) client_ca: String,
    pub(super) front_proxy_ca: String,
    pub(super) allowed_names: Vec<String>,
    username_headers: Vec<String>,
    uid_headers: Vec<String>,
    group_headers: Vec<String>,
    extra_prefixes: Vec<String>,
}

impl Config {
    /// Nothing, when some of it is not what it should be.
    pub(super) fn read(data: &Value) -> Option<Self> {
        let certificates = |key: &str| {
            let text = data[key].as_str()?;
            text.starts_with("-----BEGIN").then(|| text.to_owned())
        };
        let words = |key: &str| serde_json::from_str(data[key].as_str().unwrap_or("[]")).ok();
        Some(Self {
            client_ca: certificates("client-ca-file")?,
            front_proxy_ca: certificates("requestheader-client-ca-file")?,
            allowed_names: words("requestheader-allowed-names")?,
            username_headers: words("requestheader-username-headers")?,
            uid_headers: words("requestheader-uid-headers")?,
            group_headers: words("requestheader-group-headers")?,
            extra_prefixes: words("requestheader-extra-headers-prefix")?,
        })
    }

    /// The user that the headers name.
    pub(super) fn user(&self, headers: &HeaderMap, quirk: Quirk) -> Option<User> {
        let first = |names: &[String]| {
            let value = names.iter().find_map(|name| headers.get(name))?;
            Some(value.to_str().ok()?.to_owned())
        };
        let uid = match quirk {
            Quirk::UidAlways => first(&["x-remote-uid".to_owned()]),
            _ => first(&self.uid_headers),
        };
        let name = first(&self.username_headers)?;
        let mut user = User {
            name,
            uid,
            ..User::default()
        };
        if quirk == Quirk::NameAlone {
            return Some(user);
        }
        for name in &self.group_headers {
            let groups = headers
                .get_all(name)
                .iter()
                .filter_map(|group| group.to_str().ok());
            user.groups.extend(groups.map(str::to_owned));
        }
        user.extra = self.extra(headers);
        Some(user)
    }

    fn extra(&self, headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
        let mut extra = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in headers {
            let prefixes = self
                .extra_prefixes
                .iter()
                .map(|prefix| prefix.to_lowercase());
            for key in prefixes.filter_map(|prefix| name.as_str().strip_prefix(&prefix)) {
                let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
                let value = value.to_str().unwrap().to_owned();
                extra.entry(key).or_default().push(value);
            }
        }
        extra
    }
}
