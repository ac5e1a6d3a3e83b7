//! Wrong about who asks, and whether they may.

use super::{Fault, Quirk, answering, asking, within};

pub(super) const FAULTS: &[Fault] = &[
    within(
        "everybody may do everything",
        Quirk::EverythingAllowed,
        &[
            "custom/access-to-one",
            "custom/access-to-all",
            "custom/access-to-root-scoped",
            "custom/access-to-namespace-metric",
            "custom/denied",
            "authentication/nobody",
            "authentication/headers-alone",
            "authentication/front-proxy",
            "authentication/front-proxy-anonymous",
            "authentication/client-certificate",
            "authentication/token",
            "impersonation/user",
            "impersonation/asked",
            "impersonation/denied",
            "authorization/metric",
            "authorization/create",
            "authorization/paths",
            "authorization/denied",
            "authorization/denied-path",
            "authorization/denied-first",
            "authorization/remembered",
            "authorization/undecided",
            "serving/health-check-is-guarded",
        ],
    ),
    within(
        "headers are believed",
        Quirk::TrustsHeaders,
        &[
            "authentication/headers-alone",
            "authentication/front-proxy-of-another-name",
            "authentication/front-proxy-for-servers",
            "authentication/stranger",
            "authentication/client-certificate",
        ],
    ),
    within(
        "any authority is trusted",
        Quirk::AnyAuthority,
        &[
            "authentication/front-proxy-for-servers",
            "authentication/stranger",
        ],
    ),
    within(
        "any name may speak for others",
        Quirk::AnyName,
        &["authentication/front-proxy-of-another-name"],
    ),
    within(
        "a server's certificate speaks for others",
        Quirk::AnyPurpose,
        &["authentication/front-proxy-for-servers"],
    ),
    within(
        "the front proxy is a user",
        Quirk::ProxyIsAUser,
        &[
            "authentication/front-proxy-without-a-user",
            "authentication/front-proxy-of-another-name",
        ],
    ),
    within(
        "users have no groups",
        Quirk::NameAlone,
        &[
            "authentication/front-proxy",
            "authentication/front-proxy-anonymous",
        ],
    ),
    within(
        "everybody is authenticated",
        Quirk::EverybodyAuthenticated,
        &[
            "authentication/front-proxy",
            "authentication/front-proxy-anonymous",
        ],
    ),
    within(
        "headers win over a certificate",
        Quirk::HeadersOverCertificate,
        &[
            "authentication/front-proxy-of-another-name",
            "authentication/front-proxy-for-servers",
            "authentication/stranger",
            "authentication/client-certificate",
        ],
    ),
    within(
        "tokens are forgotten",
        Quirk::TokensForgotten,
        &["authentication/token"],
    ),
    within(
        "failures are remembered",
        Quirk::FailuresRemembered,
        &["authentication/token-undecided"],
    ),
    within(
        "a bad token is nobody",
        Quirk::BadTokenIsNobody,
        &["authentication/bad-token", "authentication/token-undecided"],
    ),
    within(
        "the configuration is read once",
        Quirk::ConfigReadOnce,
        &[
            "authentication/config-followed",
            "config/authority",
            "config/headers",
            "config/any-name",
            "config/no-uid-header",
        ],
    ),
    within(
        "the former authority is trusted",
        Quirk::FormerAuthority,
        &["config/authority"],
    ),
    within(
        "bad configuration is taken",
        Quirk::BadConfigTaken,
        &["config/bad-is-not-taken"],
    ),
    within(
        "a uid is always believed",
        Quirk::UidAlways,
        &["config/no-uid-header"],
    ),
    within(
        "anybody acts as anybody",
        Quirk::ImpersonationUnasked,
        &["impersonation/asked", "impersonation/denied"],
    ),
    asking(
        "a group without a user is none",
        |asked| {
            if !asked.headers.contains_key("impersonate-user") {
                asked.headers.remove("impersonate-group");
            }
        },
        &["impersonation/without-a-user"],
    ),
    within(
        "masters are asked about",
        Quirk::NoMasters,
        &["impersonation/user", "authorization/masters"],
    ),
    within(
        "metrics are got",
        Quirk::VerbAlwaysGet,
        &["authorization/metric", "authorization/create"],
    ),
    within(
        "paths without their slash",
        Quirk::PathsTrimmed,
        &["authorization/paths"],
    ),
    within(
        "no reasons",
        Quirk::ReasonDropped,
        &[
            "custom/denied",
            "authorization/denied",
            "authorization/denied-path",
        ],
    ),
    within(
        "what there is not is anybody's",
        Quirk::UnknownPathsAllowed,
        &["authorization/denied-first"],
    ),
    within(
        "decisions are forgotten",
        Quirk::DecisionsForgotten,
        &["authorization/remembered"],
    ),
    within(
        "no answer is a no",
        Quirk::UndecidedIsNo,
        &["authorization/undecided"],
    ),
    answering(
        "health is guarded",
        |asked, reply| {
            let user = asked
                .headers
                .get("x-remote-user")
                .and_then(|user| user.to_str().ok());
            if user.is_some_and(|user| user.starts_with("denied")) && asked.uri.path() == "/livez" {
                reply.coded(403);
            }
        },
        &["authorization/health-is-open"],
    ),
];
