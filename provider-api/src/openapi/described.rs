//! What there is to say of an API, in words of either edition.

use serde_json::Value;

/// A version of a group.
pub(super) struct Described {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) reads: Vec<Read>,
    /// Every schema that the reads lead to, by name.
    pub(super) schemas: Vec<(String, Value)>,
}

/// Something that can be read.
pub(super) struct Read {
    /// What follows the group and the version in the path.
    pub(super) path: &'static str,
    /// Unlike any other's in the cluster.
    pub(super) id: String,
    pub(super) description: &'static str,
    /// Kubernetes' word for it.
    pub(super) verb: &'static str,
    /// What comes: its kind, and the name of its schema.
    pub(super) kind: &'static str,
    pub(super) schema: String,
    pub(super) parameters: &'static [Parameter],
}

/// A text that the client chooses.
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// And so it cannot be left out.
    Path,
    Query,
}

impl Described {
    /// Where the API is, as the index of OpenAPI version 3 names it.
    pub(super) fn path(&self) -> String {
        format!("apis/{}/{}", self.group, self.version)
    }
}

impl Parameter {
    pub(super) const PRETTY: Self = Self::query("pretty", "If `true`, JSON is indented.");
    pub(super) const TIMEOUT: Self = Self::query(
        "timeout",
        "How long an answer is waited for, such as `10s`.",
    );

    pub(super) const fn path(name: &'static str, description: &'static str) -> Self {
        Self {
            place: Place::Path,
            name,
            description,
        }
    }

    pub(super) const fn query(name: &'static str, description: &'static str) -> Self {
        Self {
            place: Place::Query,
            name,
            description,
        }
    }
}
