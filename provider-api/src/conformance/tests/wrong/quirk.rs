//! Faults that no answer could be spoilt for: what is wrong lies deeper.

use serde_json::{Value, json};

use crate::{Action, Target};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Quirk {
    None,
    // Who asks.
    TrustsHeaders,
    AnyAuthority,
    AnyName,
    AnyPurpose,
    ProxyIsAUser,
    NameAlone,
    EverybodyAuthenticated,
    HeadersOverCertificate,
    TokensForgotten,
    FailuresRemembered,
    BadTokenIsNobody,
    NoMasters,
    ImpersonationUnasked,
    // What the cluster says of that.
    ConfigReadOnce,
    FormerAuthority,
    BadConfigTaken,
    UidAlways,
    // Whether they may.
    EverythingAllowed,
    UnknownPathsAllowed,
    DecisionsForgotten,
    UndecidedIsNo,
    ReasonDropped,
    VerbAlwaysGet,
    PathsTrimmed,
    SubresourceForgotten,
    NameForgotten,
    // How it greets.
    OldTlsSpoken,
    NewTlsAlone,
    OldTlsAlone,
    Http1Alone,
    OtherName,
    // How much it takes.
    OneAtATime,
    Patient,
    BigHeads,
    NoLimit,
    MastersLimited,
    // How it ends.
    CertificateKept,
    CutsOff,
    Lingers,
    StillThere,
    Fails,
    OneSignalAlone,
}

impl Quirk {
    /// What the cluster is asked about an action.
    pub(in super::super) fn attributes(self, action: &Action) -> (&'static str, Value) {
        let verb = match self {
            Self::VerbAlwaysGet => "get",
            _ => &action.verb,
        };
        match &action.target {
            Target::Path(path) => {
                let path = match self {
                    Self::PathsTrimmed => path.trim_end_matches('/'),
                    _ => path,
                };
                (
                    "nonResourceAttributes",
                    json!({ "path": path, "verb": verb }),
                )
            }
            Target::Resource {
                namespace,
                group,
                version,
                resource,
                subresource,
                name,
            } => {
                let mut all = json!({
                    "verb": verb, "namespace": namespace, "group": group, "version": version,
                    "resource": resource, "subresource": subresource, "name": name,
                });
                if self == Self::SubresourceForgotten {
                    all["subresource"] = json!("");
                }
                if self == Self::NameForgotten {
                    all["name"] = json!("");
                }
                all.as_object_mut().unwrap().retain(|_, value| value != "");
                ("resourceAttributes", all)
            }
        }
    }
}
