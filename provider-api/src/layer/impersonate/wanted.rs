//! Whom a request wants to be.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::{AUTHENTICATED, Action, Refusal, Status, Target, UNAUTHENTICATED, User};

/// How every header begins that says as whom.
const PREFIX: &str = "impersonate-";
const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// How the name of a ServiceAccount's user begins.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The user whom a request names in its headers, as it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted(User);

impl Wanted {
    /// Whether a request names anybody.
    pub(super) fn is_in(headers: &HeaderMap) -> bool {
        headers.keys().any(is_meant)
    }

    /// Takes the headers out of a request, so that nobody below reads them.
    ///
    /// # Errors
    /// 400 where they are no text, or name no user.
    pub(super) fn take(headers: &mut HeaderMap) -> Result<Self, Status> {
        let names = headers.keys().filter(|name| is_meant(name));
        let names: Vec<HeaderName> = names.cloned().collect();
        let mut user = User::default();
        for name in names {
            let values = headers.get_all(&name).iter();
            let values = values.map(text).collect::<Result<Vec<_>, _>>()?;
            headers.remove(&name);
            let mut first = values.first().cloned().filter(|value| !value.is_empty());
            match name.as_str() {
                USER => user.name = first.take().unwrap_or_default(),
                UID => user.uid = first,
                GROUP => user.groups = values,
                extra => {
                    // A byte that no header's name can hold is percent-encoded.
                    let key = extra.strip_prefix(EXTRA).unwrap_or(extra);
                    let key = percent_decode_str(key).decode_utf8_lossy();
                    let key = key.to_lowercase();
                    user.extra.entry(key).or_default().extend(values);
                }
            }
        }
        if user.name.is_empty() {
            return Err(bad_request(
                "the request wants to act as somebody and does not say as whom: Impersonate-User is missing",
            ));
        }
        Ok(Self(user))
    }

    /// Everything that the sender has to be allowed.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> + '_ {
        let User {
            name,
            uid,
            groups,
            extra,
        } = &self.0;
        let user = match service_account(name) {
            Some((namespace, account)) => {
                impersonate("", namespace, "serviceaccounts", "", account)
            }
            None => impersonate("", "", "users", "", name),
        };
        let identity = "authentication.k8s.io";
        let groups = groups
            .iter()
            .map(|group| impersonate("", "", "groups", "", group));
        let uid = uid
            .iter()
            .map(move |uid| impersonate(identity, "", "uids", "", uid));
        let extra = extra.iter().flat_map(move |(key, values)| {
            values
                .iter()
                .map(move |value| impersonate(identity, "", "userextras", key, value))
        });
        std::iter::once(user).chain(groups).chain(uid).chain(extra)
    }

    /// The user, with the groups that come with being one.
    pub(super) fn into_user(self) -> User {
        let Self(mut user) = self;
        if user.groups.is_empty()
            && let Some((namespace, _)) = service_account(&user.name)
        {
            user.groups = vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ];
        }
        if !user.is_in(AUTHENTICATED) && !user.is_in(UNAUTHENTICATED) {
            let group = if user.name == User::anonymous().name {
                UNAUTHENTICATED
            } else {
                AUTHENTICATED
            };
            user.groups.push(group.to_owned());
        }
        user
    }
}

fn is_meant(name: &HeaderName) -> bool {
    let name = name.as_str();
    // Nearly no header begins so.
    name.starts_with(PREFIX) && (matches!(name, USER | GROUP | UID) || name.starts_with(EXTRA))
}

/// Namespace and name of the ServiceAccount whose user this is.
fn service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

fn impersonate(
    group: &'static str,
    namespace: &str,
    resource: &str,
    subresource: &str,
    name: &str,
) -> Action {
    Action {
        verb: "impersonate".to_owned(),
        target: Target::Resource {
            namespace: namespace.to_owned(),
            group,
            version: "v1",
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name: name.to_owned(),
        },
    }
}

fn text(value: &HeaderValue) -> Result<String, Status> {
    let text = std::str::from_utf8(value.as_bytes());
    text.map(str::to_owned).map_err(|_| {
        bad_request("a header that says whom the request wants to act as is not UTF-8")
    })
}

fn bad_request(message: &str) -> Status {
    Status::from(&Refusal::BadRequest(message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn wanted(pairs: &[(&'static str, &'static str)]) -> Wanted {
        Wanted::take(&mut headers(pairs)).unwrap()
    }

    #[test]
    fn all_that_is_named_has_to_be_allowed() {
        let wanted = wanted(&[
            (EXTRA_SCOPES, "read"),
            (EXTRA_SCOPES, "write"),
            (GROUP, "dev"),
            (GROUP, "ops"),
            (UID, "7"),
            (USER, "alice"),
        ]);
        let identity = "authentication.k8s.io";
        assert_eq!(
            wanted.actions().collect::<Vec<_>>(),
            [
                impersonate("", "", "users", "", "alice"),
                impersonate("", "", "groups", "", "dev"),
                impersonate("", "", "groups", "", "ops"),
                impersonate(identity, "", "uids", "", "7"),
                impersonate(identity, "", "userextras", "example.com/scopes", "read"),
                impersonate(identity, "", "userextras", "example.com/scopes", "write"),
            ]
        );
        assert_eq!(
            wanted.into_user(),
            User {
                name: "alice".to_owned(),
                uid: Some("7".to_owned()),
                groups: ["dev", "ops", AUTHENTICATED].map(str::to_owned).to_vec(),
                extra: [(
                    "example.com/scopes".to_owned(),
                    vec!["read".to_owned(), "write".to_owned()]
                )]
                .into(),
            }
        );
    }

    const EXTRA_SCOPES: &str = "impersonate-extra-example.com%2fscopes";

    #[test]
    fn a_service_account_is_asked_for_as_one_and_has_its_groups() {
        let wanted = wanted(&[(USER, "system:serviceaccount:shop:web")]);
        assert_eq!(
            wanted.actions().collect::<Vec<_>>(),
            [impersonate("", "shop", "serviceaccounts", "", "web")]
        );
        assert_eq!(
            wanted.into_user().groups,
            [
                "system:serviceaccounts",
                "system:serviceaccounts:shop",
                AUTHENTICATED
            ]
        );
    }

    #[test]
    fn nobody_becomes_authenticated_by_being_called_anonymous() {
        for (pairs, groups) in [
            (&[(USER, "system:anonymous")][..], &[UNAUTHENTICATED][..]),
            (
                &[(USER, "alice"), (GROUP, UNAUTHENTICATED)],
                &[UNAUTHENTICATED],
            ),
            (&[(USER, "alice"), (GROUP, AUTHENTICATED)], &[AUTHENTICATED]),
        ] {
            assert_eq!(wanted(pairs).into_user().groups, groups, "{pairs:?}");
        }
    }

    #[test]
    fn headers_that_name_no_user_are_refused_and_others_are_not_touched() {
        for pairs in [
            &[(GROUP, "dev")][..],
            &[(UID, "7")],
            &[(EXTRA_SCOPES, "read")],
            &[(USER, "")],
        ] {
            assert!(Wanted::take(&mut headers(pairs)).is_err(), "{pairs:?}");
        }
        let others = [
            ("accept", "*/*"),
            ("impersonate", "alice"),
            ("impersonate-all", ""),
        ];
        assert!(!Wanted::is_in(&headers(&others)));
        let all = [("accept", "*/*"), (USER, "alice"), ("impersonate-all", "")];
        let mut left = headers(&all);
        assert!(Wanted::is_in(&left) && Wanted::take(&mut left).is_ok());
        assert_eq!(left, headers(&[all[0], all[2]]));

        let mut bytes = HeaderMap::new();
        bytes.append(USER, HeaderValue::from_bytes(&[0xff]).unwrap());
        assert!(Wanted::take(&mut bytes).is_err());
    }
}
