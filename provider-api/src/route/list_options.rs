//! The options of a list, which Kubernetes checks for every resource. A metric is read
//! whole and now, so none of them changes what is answered.
//!
//! The rules are those of
//! [ListOptions](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go).

use super::{bad_request, check_timeout};
use crate::{
    Status,
    query::Query,
    status::{Cause, Reason, StatusDetails},
};

/// Whether the options can be read, and go together.
pub(super) fn check(query: &Query<'_>) -> Result<(), Status> {
    check_timeout(query)?;
    for number in ["limit", "timeoutSeconds"] {
        match query.value(number) {
            Some(text) if text.parse::<i64>().is_err() => {
                return Err(bad_request(format!(
                    "the `{number}` of the request is `{text}`, which is no whole number"
                )));
            }
            _ => {}
        }
    }
    if let Some(fields) = query.value("fieldSelector") {
        check_fields(&fields)?;
    }
    let causes = conflicts(query);
    if causes.is_empty() {
        Ok(())
    } else {
        Err(invalid(causes))
    }
}

/// Whether the client wants to hear of changes. A parameter that stands there means
/// yes, if it does not say otherwise.
pub(super) fn is_watch(query: &Query<'_>) -> bool {
    query
        .value("watch")
        .is_some_and(|said| said != "0" && !said.eq_ignore_ascii_case("false"))
}

/// Metrics have no fields to select by. Kubernetes lets the two pass that every
/// object has, and so do we.
fn check_fields(selector: &str) -> Result<(), Status> {
    let comparisons = selector.split(',').filter(|text| !text.is_empty());
    for comparison in comparisons {
        let Some((field, _)) = comparison.split_once('=') else {
            return Err(bad_request(format!(
                "the `fieldSelector` of the request is `{selector}`: `{comparison}` is no comparison such as metadata.name=x"
            )));
        };
        // `!=` compares too.
        let field = field.strip_suffix('!').unwrap_or(field);
        if !matches!(field, "metadata.name" | "metadata.namespace") {
            return Err(bad_request(format!(
                "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )));
        }
    }
    Ok(())
}

/// What contradicts each other, in Kubernetes' words.
fn conflicts(query: &Query<'_>) -> Vec<Cause> {
    let said = |name| query.value(name).filter(|text| !text.is_empty());
    let mut causes = Vec::new();
    if let Some(rule) = said("resourceVersionMatch") {
        let version = said("resourceVersion");
        let mut forbidden = |why: &str| {
            causes.push(Cause::forbidden("resourceVersionMatch", why));
        };
        if version.is_none() {
            forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if said("continue").is_some() {
            forbidden("resourceVersionMatch is forbidden when continue is provided");
        }
        if rule == "Exact" && version.as_deref() == Some("0") {
            forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
        if rule != "Exact" && rule != "NotOlderThan" {
            causes.push(Cause::not_supported(
                "resourceVersionMatch",
                &rule,
                &["Exact", "NotOlderThan", ""],
            ));
        }
    }
    // Even where it is denied.
    if query.value("sendInitialEvents").is_some() {
        causes.push(Cause::forbidden(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for list",
        ));
    }
    causes
}

fn invalid(causes: Vec<Cause>) -> Status {
    let told: Vec<_> = causes
        .iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect();
    let told = match &*told {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    Status {
        details: Some(Box::new(StatusDetails {
            group: "meta.k8s.io".to_owned(),
            kind: "ListOptions".to_owned(),
            causes,
            ..StatusDetails::default()
        })),
        ..Status::new(
            Reason::Invalid,
            format!("ListOptions.meta.k8s.io \"\" is invalid: {told}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    fn told(options: &str) -> Option<(u16, String)> {
        let uri: Uri = format!("/?{options}").parse().unwrap();
        let status = check(&Query::of(&uri)).err()?;
        Some((status.code().as_u16(), status.message))
    }

    #[test]
    fn options_that_go_together_change_nothing() {
        for options in [
            "",
            "limit=500",
            "limit=500&continue=abc",
            "limit=-1",
            "resourceVersionMatch=&continue=&timeout=",
            "resourceVersion=0",
            "resourceVersion=12&resourceVersionMatch=Exact",
            "resourceVersion=0&resourceVersionMatch=NotOlderThan",
            "timeoutSeconds=10&timeout=10s",
            "allowWatchBookmarks=true",
            "fieldSelector=metadata.name%3Dx,metadata.namespace!%3Dy,metadata.name%3D%3Dz",
        ] {
            assert_eq!(told(options), None, "{options}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_bad_request() {
        for (options, message) in [
            (
                "limit=many",
                "the `limit` of the request is `many`, which is no whole number",
            ),
            (
                "limit=",
                "the `limit` of the request is ``, which is no whole number",
            ),
            (
                "fieldSelector=metadata.name%3Dx,foo",
                "the `fieldSelector` of the request is `metadata.name=x,foo`: `foo` is no comparison such as metadata.name=x",
            ),
            (
                "fieldSelector=metadata.name!x",
                "the `fieldSelector` of the request is `metadata.name!x`: `metadata.name!x` is no comparison such as metadata.name=x",
            ),
            (
                "timeoutSeconds=1.5",
                "the `timeoutSeconds` of the request is `1.5`, which is no whole number",
            ),
            (
                "fieldSelector=foo%3Dbar",
                "\"foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            ),
            (
                "timeout=bogus",
                "the `timeout` of the request is `bogus`, which is no duration such as 10s or 1m30s",
            ),
        ] {
            assert_eq!(told(options), Some((400, message.to_owned())), "{options}");
        }
    }

    #[test]
    fn what_contradicts_each_other_is_invalid() {
        let one = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden";
        for (options, causes) in [
            (
                "resourceVersionMatch=Exact",
                format!("{one} unless resourceVersion is provided"),
            ),
            (
                "resourceVersion=1&continue=c&resourceVersionMatch=Exact",
                format!("{one} when continue is provided"),
            ),
            (
                "resourceVersion=0&resourceVersionMatch=Exact",
                "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for \
                 resourceVersion \"0\""
                    .to_owned(),
            ),
            (
                "resourceVersion=1&resourceVersionMatch=Newest",
                "resourceVersionMatch: Unsupported value: \"Newest\": supported values: \"Exact\", \
                 \"NotOlderThan\", \"\""
                    .to_owned(),
            ),
            (
                "sendInitialEvents=false",
                "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list".to_owned(),
            ),
            (
                "sendInitialEvents=true&resourceVersionMatch=Exact",
                format!(
                    "[{one} unless resourceVersion is provided, sendInitialEvents: Forbidden: \
                     sendInitialEvents is forbidden for list]"
                ),
            ),
        ] {
            let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {causes}");
            assert_eq!(told(options), Some((422, message)), "{options}");
        }
    }

    #[test]
    fn a_watch_is_asked_for_by_whatever_does_not_deny_it() {
        for (options, is) in [
            ("", false),
            ("watch=false", false),
            ("watch=0", false),
            ("watch", true),
            ("watch=true", true),
            ("watch=1", true),
            ("watch=yes", true),
        ] {
            let uri: Uri = format!("/?{options}").parse().unwrap();
            assert_eq!(is_watch(&Query::of(&uri)), is, "{options}");
        }
    }
}
