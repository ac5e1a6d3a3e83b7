//! The errors that the API itself knows, in the words that Kubernetes uses, so
//! that tools recognise them.

use std::{fmt, time::Duration};

use super::{Cause, Reason, Status, StatusDetails};
use crate::{Action, ExternalMetric, Target, User};

const NOT_FOUND: &str = "the server could not find the requested resource";

impl Cause {
    /// The part may not be there.
    pub(crate) fn forbidden(field: &str, why: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {why}"),
            field: field.to_owned(),
        }
    }

    /// The part may be one of these, and is not.
    pub(crate) fn not_supported(field: &str, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<_> = supported.iter().map(|one| format!("{one:?}")).collect();
        Self {
            reason: "FieldValueNotSupported",
            message: format!(
                "Unsupported value: {value:?}: supported values: {}",
                supported.join(", ")
            ),
            field: field.to_owned(),
        }
    }
}

impl Status {
    /// Nothing has this path.
    pub fn not_found() -> Self {
        Self::of_route(Reason::NotFound, NOT_FOUND)
    }

    /// Nothing has this path, and this is what could be there.
    pub(crate) fn not_found_since(why: impl fmt::Display) -> Self {
        Self::of_route(Reason::NotFound, format!("{NOT_FOUND}: {why}"))
    }

    /// Something has this path, and another method.
    pub fn method_not_allowed() -> Self {
        Self::of_route(
            Reason::MethodNotAllowed,
            "the server does not allow this method on the requested resource",
        )
    }

    /// Metrics are not watched.
    pub(crate) fn not_watchable() -> Self {
        let group = ExternalMetric::GROUP;
        Self {
            details: Some(Box::new(StatusDetails {
                group: group.to_owned(),
                kind: "*".to_owned(),
                ..StatusDetails::default()
            })),
            ..Self::new(
                Reason::MethodNotAllowed,
                format!("watch is not supported on resources of kind \"*.{group}\""),
            )
        }
    }

    /// The client accepts none of the media types that there are.
    pub(crate) fn not_acceptable(offered: impl IntoIterator<Item = &'static str>) -> Self {
        let offered: Vec<_> = offered.into_iter().collect();
        let message = format!(
            "only the following media types are accepted: {}",
            offered.join(", ")
        );
        Self::of_route(Reason::NotAcceptable, message)
    }

    /// The client has presented something that proves nothing.
    pub fn unauthorized() -> Self {
        Self::new(Reason::Unauthorized, "Unauthorized")
    }

    /// The user may not do this; the reason may be empty.
    pub fn forbidden(user: &User, action: &Action, reason: &str) -> Self {
        let Action { verb, target } = action;
        let name = &user.name;
        let (mut message, details) = match target {
            Target::Path(path) => (
                format!("forbidden: User \"{name}\" cannot {verb} path \"{path}\""),
                StatusDetails::default(),
            ),
            Target::Resource {
                namespace,
                group,
                resource,
                subresource,
                name: object,
                ..
            } => {
                let object_quoted = if object.is_empty() {
                    String::new()
                } else {
                    format!(" \"{object}\"")
                };
                let sub = if subresource.is_empty() {
                    String::new()
                } else {
                    format!("/{subresource}")
                };
                let scope = match namespace.as_str() {
                    "" => "at the cluster scope".to_owned(),
                    _ => format!("in the namespace \"{namespace}\""),
                };
                // The group of what Kubernetes had first has no name.
                let dot = if group.is_empty() { "" } else { "." };
                let message = format!(
                    "{resource}{dot}{group}{object_quoted} is forbidden: User \"{name}\" cannot {verb} resource \"{resource}{sub}\" in API group \"{group}\" {scope}"
                );
                let details = StatusDetails {
                    name: object.clone(),
                    group: (*group).to_owned(),
                    kind: resource.clone(),
                    ..StatusDetails::default()
                };
                (message, details)
            }
        };
        if !reason.is_empty() {
            message = format!("{message}: {reason}");
        }
        Self {
            details: Some(Box::new(details)),
            ..Self::new(Reason::Forbidden, message)
        }
    }

    /// The server has more to do than it can.
    pub fn too_many_requests() -> Self {
        Self::throttled(
            "too many requests, please try again later".to_owned(),
            Duration::from_secs(1),
        )
    }

    /// The answer was not there in time.
    pub fn timeout() -> Self {
        Self::new(
            Reason::Timeout,
            "Timeout: request did not complete within the allotted timeout",
        )
    }

    /// Something is wrong in the server or where it looks.
    pub fn internal(error: impl fmt::Display) -> Self {
        Self::new(
            Reason::InternalError,
            format!("Internal error occurred: {error}"),
        )
    }

    fn of_route(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            details: Some(Box::default()),
            ..Self::new(reason, message)
        }
    }

    pub(super) fn throttled(message: String, retry_after: Duration) -> Self {
        let seconds = retry_after
            .as_secs()
            .saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        let details = StatusDetails {
            retry_after_seconds: Some(seconds.try_into().unwrap_or(i32::MAX)),
            ..StatusDetails::default()
        };
        Self {
            details: Some(Box::new(details)),
            ..Self::new(Reason::TooManyRequests, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(namespace: &str) -> Action {
        let target = Target::Resource {
            namespace: namespace.to_owned(),
            group: ExternalMetric::GROUP,
            version: ExternalMetric::VERSION,
            resource: "foo".to_owned(),
            subresource: String::new(),
            name: String::new(),
        };
        Action {
            verb: "list".to_owned(),
            target,
        }
    }

    fn bob() -> User {
        User {
            name: "bob".to_owned(),
            ..User::default()
        }
    }

    #[test]
    fn who_may_not_read_a_metric_is_told_in_the_words_of_kubernetes() {
        let details = StatusDetails {
            group: ExternalMetric::GROUP.to_owned(),
            kind: "foo".to_owned(),
            ..StatusDetails::default()
        };
        assert_eq!(
            Status::forbidden(&bob(), &listing("default"), "no rule"),
            Status {
                reason: Reason::Forbidden,
                message: "foo.external.metrics.k8s.io is forbidden: User \"bob\" cannot list resource \"foo\" in API group \"external.metrics.k8s.io\" in the namespace \"default\": no rule".to_owned(),
                details: Some(Box::new(details)),
            }
        );
        assert!(
            Status::forbidden(&bob(), &listing(""), "")
                .message
                .ends_with(" at the cluster scope")
        );
    }

    #[test]
    fn an_object_and_a_subresource_are_named_too() {
        let target = Target::Resource {
            namespace: "default".to_owned(),
            group: "custom.metrics.k8s.io",
            version: "v1beta2",
            resource: "pods".to_owned(),
            subresource: "bar".to_owned(),
            name: "*".to_owned(),
        };
        assert_eq!(
            Status::forbidden(
                &bob(),
                &Action {
                    verb: "get".to_owned(),
                    target
                },
                ""
            )
            .message,
            "pods.custom.metrics.k8s.io \"*\" is forbidden: User \"bob\" cannot get resource \"pods/bar\" in API group \"custom.metrics.k8s.io\" in the namespace \"default\""
        );
    }

    #[test]
    fn who_may_not_read_a_path_is_told_the_path() {
        let action = Action {
            verb: "get".to_owned(),
            target: Target::Path("/x".to_owned()),
        };
        assert_eq!(
            Status::forbidden(&bob(), &action, ""),
            Status::of_route(
                Reason::Forbidden,
                "forbidden: User \"bob\" cannot get path \"/x\""
            )
        );
    }
}
