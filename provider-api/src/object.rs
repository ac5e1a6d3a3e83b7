//! Names of Kubernetes objects.

use std::{fmt, sync::Arc};

/// A Kubernetes object, named as a person names it: kind, namespace and name.
///
/// It prints as `HorizontalPodAutoscaler shop/nginxext`, and without the
/// namespace for objects that live in none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectReference {
    /// The kind, as in a manifest: `HorizontalPodAutoscaler`.
    pub kind: Arc<str>,
    /// The namespace; empty for an object that lives in none.
    pub namespace: Arc<str>,
    /// The object's own name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            namespace,
            name,
        } = self;
        match namespace.as_ref() {
            "" => write!(f, "{kind} {name}"),
            _ => write!(f, "{kind} {namespace}/{name}"),
        }
    }
}
