//! Who leads, decided from what was seen of the Lease, and when.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::SignedDuration,
};
use tokio::time::Instant;

use super::{Timing, timing::LONGEST};

/// One replica's view of the election. It never compares a time that another replica has
/// written with a time of its own: a holder is alive as long as what it writes changes.
///
/// Why two never lead. Whoever takes the Lease over has seen it unchanged for its whole
/// duration, and changes just this version of it. The former holder wrote this version
/// before it was seen, and has counted its shorter deadline from before it wrote.
pub(super) struct Candidate {
    identity: String,
    timing: Timing,
    /// The Lease as it was last seen, also when it has been deleted since: its holder may
    /// still lead.
    seen: Option<Seen>,
    leads_until: Option<Instant>,
}

struct Seen {
    spec: LeaseSpec,
    /// It has been seen to be like this from here on.
    since: Instant,
}

/// What to do about the Lease.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Another replica holds it.
    Follow {
        leader: String,
        /// Should nothing change until then, it holds it no longer.
        until: Instant,
    },
    /// Write this, into the very version that was seen.
    Claim(LeaseSpec),
}

/// How the last look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The Lease is written.
    Wrote,
    /// Another holds the Lease.
    Followed { until: Instant },
    /// Somebody else wrote into the Lease first.
    Raced,
    /// The API server did not do what it was asked for.
    Failed,
}

impl Candidate {
    pub(super) fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            seen: None,
            leads_until: None,
        }
    }

    /// What follows from the Lease, of which the API server just said, at `now`, that it
    /// is like this. `time` is what to write into it as the present.
    pub(super) fn look(
        &mut self,
        found: Option<LeaseSpec>,
        now: Instant,
        time: &MicroTime,
    ) -> Step {
        if let Some(found) = found
            && self.seen.as_ref().is_none_or(|seen| seen.spec != found)
        {
            self.seen = Some(Seen {
                spec: found,
                since: now,
            });
        }
        if let Some(seen) = &self.seen
            && let Some(holder) = holder(&seen.spec)
            && holder != self.identity
        {
            self.leads_until = None;
            let until = seen.since + self.good_for(&seen.spec);
            if now < until {
                return Step::Follow {
                    leader: holder.to_owned(),
                    until,
                };
            }
        }
        Step::Claim(self.claim(time))
    }

    /// The API server has accepted a claim, and the Lease is now like this. The claim was
    /// sent after `sent`; nobody can have seen it earlier.
    pub(super) fn wrote(&mut self, spec: LeaseSpec, sent: Instant) {
        self.leads_until = Some(sent + self.timing.renew_deadline);
        self.seen = Some(Seen { spec, since: sent });
    }

    /// The Lease without a holder, if it is this replica's.
    pub(super) fn release(
        &mut self,
        found: Option<LeaseSpec>,
        time: &MicroTime,
    ) -> Option<LeaseSpec> {
        self.leads_until = None;
        let found = found.filter(|spec| holder(spec) == Some(&self.identity))?;
        Some(LeaseSpec {
            // Empty and not absent, as Kubernetes' own client leaves it.
            holder_identity: Some(String::new()),
            renew_time: Some(time.clone()),
            ..found
        })
    }

    pub(super) fn leads_at(&self, now: Instant) -> bool {
        self.leads_until.is_some_and(|until| now < until)
    }

    /// When a look that begins now is given up. A leader does not wait beyond the end of
    /// its time for an answer.
    pub(super) fn gives_up(&self, now: Instant) -> Instant {
        self.no_later_than_leading_ends(now, now + self.timing.patience())
    }

    /// When to look again.
    pub(super) fn looks_again(&self, now: Instant, last: Look) -> Instant {
        let Timing { retry_period, .. } = self.timing;
        let next = match last {
            Look::Wrote => now + retry_period,
            Look::Followed { until } => until.min(now + retry_period),
            Look::Raced => now + self.timing.soon(),
            Look::Failed if self.leads_at(now) => now + self.timing.soon(),
            Look::Failed => now + retry_period,
        };
        self.no_later_than_leading_ends(now, next)
    }

    fn no_later_than_leading_ends(&self, now: Instant, then: Instant) -> Instant {
        match self.leads_until {
            Some(until) if now < until => then.min(until),
            _ => then,
        }
    }

    /// The Lease as this replica's.
    fn claim(&self, time: &MicroTime) -> LeaseSpec {
        let before = self.seen.as_ref().map(|seen| seen.spec.clone());
        let (mine, transitions) = match &before {
            Some(spec) if holder(spec) == Some(&self.identity) => (true, spec.lease_transitions),
            Some(spec) => (
                false,
                Some(spec.lease_transitions.unwrap_or(0).saturating_add(1)),
            ),
            None => (false, Some(0)),
        };
        let before = before.unwrap_or_default();
        let acquired = before.acquire_time.clone().filter(|_| mine);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.duration.as_secs()).ok(),
            acquire_time: acquired.or_else(|| Some(time.clone())),
            renew_time: Some(unlike(before.renew_time.as_ref(), time)),
            lease_transitions: transitions.map(|transitions| transitions.max(0)),
            ..before
        }
    }

    /// For how long the Lease is good without being renewed. What cannot be meant is read
    /// as what this replica would write.
    fn good_for(&self, spec: &LeaseSpec) -> Duration {
        let seconds = spec.lease_duration_seconds.unwrap_or(0);
        let written = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        match written.is_zero() || written > LONGEST {
            true => self.timing.duration,
            false => written,
        }
    }
}

/// Who holds the Lease, if anybody.
pub(super) fn holder(spec: &LeaseSpec) -> Option<&str> {
    spec.holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty())
}

/// The present, and not the time that was written before: by a clock that stands still
/// a living holder would look like a dead one.
fn unlike(before: Option<&MicroTime>, time: &MicroTime) -> MicroTime {
    if before != Some(time) {
        return time.clone();
    }
    let step = SignedDuration::from_micros(1);
    MicroTime(time.0.checked_add(step).unwrap_or_else(|_| time.0 - step))
}
