//! Which of several replicas asks Datadog, and what they tell each other.

use std::{num::NonZeroU32, time::Duration};

use k8s_adapter::{InvalidKeptPlace, KeptPlace, KeptPolicy, LeaseName, Timing};

use super::{NAMESPACE, Reader};

/// How several replicas are one.
#[derive(Debug)]
pub(crate) struct Replicas {
    /// Where the Lease and the ConfigMaps are.
    pub(crate) namespace: String,
    /// The name of this replica, where it is told.
    pub(crate) identity: Option<String>,
    /// How it is found out who asks Datadog; nothing, where each replica does.
    pub(crate) election: Option<Election>,
    /// Where what is known of each metric is kept,
    pub(crate) kept: KeptPlace,
    /// and when it is written again.
    pub(crate) kept_policy: KeptPolicy,
}

/// The Lease that the leader holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Election {
    pub(crate) lease: LeaseName,
    pub(crate) timing: Timing,
    pub(crate) release: bool,
}

/// A quarter of that of Datadog's cluster agent: until a leader's death is noticed, no value
/// grows newer.
const LEASE_DURATION: NonZeroU32 = NonZeroU32::new(15).expect("not zero");

/// By which part of itself a value may move before the other replicas hear of it.
const TOLERANCE: f64 = 0.01;

pub(super) fn replicas(
    read: &mut Reader<'_>,
    namespace: &str,
    max_age: time::Duration,
) -> Replicas {
    const CONFIG_MAP: &str = "DD_HPA_CONFIGMAP_NAME";
    let place = |namespace: &str, name: &str| {
        KeptPlace::new(namespace, name, "custom-metrics.datadoghq.com")
    };
    let name = read.value(CONFIG_MAP).unwrap_or("datadog-hpa");
    let kept = place(namespace, name).unwrap_or_else(|why| {
        let wrong = match why {
            InvalidKeptPlace::Namespace(_) => NAMESPACE,
            _ => CONFIG_MAP,
        };
        read.mistake(format!("{wrong}: {why}"));
        place("default", "datadog-hpa").expect("this is a place for metrics")
    });
    let election = election(read);
    Replicas {
        namespace: namespace.to_owned(),
        identity: read
            .first(&["DD_POD_NAME", "HOSTNAME"])
            .map(|(_, name)| name.to_owned()),
        election: read.is_on("DD_LEADER_ELECTION", true).then_some(election),
        kept,
        kept_policy: KeptPolicy {
            tolerance: TOLERANCE,
            // What the others serve has to be there before it is too old.
            refresh_age: max_age / 2,
        },
    }
}

fn election(read: &mut Reader<'_>) -> Election {
    const DURATION: &str = "DD_LEADER_LEASE_DURATION";
    let default = "datadog-leader-election".parse();
    let lease = read.parsed(
        "DD_LEADER_LEASE_NAME",
        "the name of a Lease: small letters, digits, hyphens and dots, 253 at most",
        default.expect("this is a name for a Lease"),
    );
    let duration = read.parsed(
        DURATION,
        "a whole number of seconds above 0",
        LEASE_DURATION,
    );
    let timing = Timing::of(Duration::from_secs(duration.get().into())).unwrap_or_else(|why| {
        read.mistake(format!("{DURATION}: {why}"));
        Timing::default()
    });
    Election {
        lease,
        timing,
        release: read.is_on("DD_LEADER_ELECTION_RELEASE_ON_SHUTDOWN", true),
    }
}
