//! Chains that an authority was found to vouch for, so that it is found out once for each
//! client and not for each of its requests.

use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc};

use parking_lot::RwLock;
use time::OffsetDateTime;

use super::ca_bundle::Subject;

/// A cluster's API servers show a few certificates, and exchange them a few times a year.
const CAPACITY: usize = 16;

/// The newest of the chains that were verified. Whether a chain leads to an authority does
/// not change with time, only whether it is good now does: so that is asked each time.
#[derive(Default)]
pub(super) struct Verified(RwLock<VecDeque<Chain>>);

struct Chain {
    certificates: Vec<Vec<u8>>,
    /// When all of them are good.
    good: RangeInclusive<OffsetDateTime>,
    subject: Arc<Subject>,
}

impl Verified {
    /// The subject of a chain that was verified before, and is good at `now`.
    pub(super) fn subject(&self, chain: &[Vec<u8>], now: OffsetDateTime) -> Option<Arc<Subject>> {
        let chains = self.0.read();
        let mut known = chains.iter().filter(|known| known.good.contains(&now));
        let known = known.find(|known| known.certificates == chain)?;
        Some(Arc::clone(&known.subject))
    }

    /// Remembers a chain that was verified, in place of the oldest one.
    pub(super) fn insert(
        &self,
        chain: &[Vec<u8>],
        good: RangeInclusive<OffsetDateTime>,
        subject: Arc<Subject>,
    ) {
        let mut chains = self.0.write();
        if chains.len() == CAPACITY {
            chains.pop_front();
        }
        chains.push_back(Chain {
            certificates: chain.to_vec(),
            good,
            subject,
        });
    }
}
