//! What a metric of an object is worth.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;
use time::OffsetDateTime;

use crate::{Namespace, ObjectName, Quantity, encode::Message};

/// The value of a custom metric for one object.
///
/// On the wire it is an item of
/// [Kubernetes' list](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/metrics/pkg/apis/custom_metrics/v1beta2/types.go). The metric's
/// name and selector are served as they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomMetricValue {
    /// The object that has this value.
    pub object: DescribedObject,
    /// The instant that the value describes, served in whole seconds. The
    /// autoscaler does not look at it.
    pub timestamp: OffsetDateTime,
    /// The span that the value was computed over, where it has one; served in
    /// whole seconds.
    pub window: Option<Duration>,
    /// The number itself, in whatever unit the target of the autoscaler is in.
    pub value: Quantity,
}

impl CustomMetricValue {
    /// A value without a window.
    pub fn new(object: DescribedObject, value: Quantity, timestamp: OffsetDateTime) -> Self {
        Self {
            object,
            timestamp,
            window: None,
            value,
        }
    }
}

/// A Kubernetes object, named as its manifest names it. The autoscaler finds pods
/// by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedObject {
    /// The kind: `Pod`.
    pub kind: Cow<'static, str>,
    /// The namespace; none for an object that lies in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The object's own name.
    pub name: ObjectName,
    /// The version of the kind's API: `v1`, `apps/v1`.
    pub api_version: Cow<'static, str>,
}

impl DescribedObject {
    pub(super) fn protobuf(&self, message: &mut Message) {
        let namespace = self.namespace.as_ref().map_or("", Namespace::as_str);
        message
            .text(1, &self.kind)
            .text(2, namespace)
            .text(3, self.name.as_str())
            .text(4, "")
            .text(5, &self.api_version)
            .text(6, "")
            .text(7, "");
    }
}
