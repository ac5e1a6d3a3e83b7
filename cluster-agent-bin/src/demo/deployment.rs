//! A Deployment without a cluster.

use k8s_adapter::Scale;
use time::{Duration, OffsetDateTime};

/// How long a new pod takes to become ready.
const START: Duration = Duration::seconds(10);

/// As many pods as somebody wants, each ready a while after it was made.
pub(crate) struct Deployment {
    /// When each pod was made.
    pods: Vec<OffsetDateTime>,
}

impl Deployment {
    /// A Deployment whose pods have been there for long.
    pub(crate) fn settled(replicas: i32, now: OffsetDateTime) -> Self {
        Self {
            pods: vec![now - START; usize::try_from(replicas).unwrap_or(0)],
        }
    }

    /// Makes pods, or ends the youngest ones.
    pub(crate) fn scale(&mut self, replicas: i32, now: OffsetDateTime) {
        self.pods
            .resize(usize::try_from(replicas).unwrap_or(0), now);
    }

    /// How it is at `now`.
    pub(crate) fn at(&self, now: OffsetDateTime) -> Scale {
        let count = |pods: usize| i32::try_from(pods).unwrap_or(i32::MAX);
        let replicas = count(self.pods.len());
        let ready = self
            .pods
            .iter()
            .filter(|made| now - **made >= START)
            .count();
        Scale {
            spec: replicas,
            status: replicas,
            ready: count(ready),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_new_pod_counts_at_once_and_is_ready_a_while_later() {
        let start = datetime!(2026-01-02 03:00 UTC);
        let mut deployment = Deployment::settled(1, start);
        assert_eq!(
            deployment.at(start),
            Scale {
                spec: 1,
                status: 1,
                ready: 1
            }
        );
        deployment.scale(3, start);
        assert_eq!(
            deployment.at(start),
            Scale {
                spec: 3,
                status: 3,
                ready: 1
            }
        );
        assert_eq!(
            deployment.at(start + START),
            Scale {
                spec: 3,
                status: 3,
                ready: 3
            }
        );
        deployment.scale(1, start + START);
        assert_eq!(
            deployment.at(start + START),
            Scale {
                spec: 1,
                status: 1,
                ready: 1
            }
        );
    }
}
