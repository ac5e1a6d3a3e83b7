//! Chains that an authority was found to vouch for, so that it is found out once for each
//! client and not for each of its requests.

use std::{ops::RangeInclusive, sync::Arc};

use time::OffsetDateTime;

use super::{ca_bundle::Subject, newest::Newest};

/// The newest of the chains that were verified: a cluster's API servers show a few
/// certificates, and exchange them a few times a year. Whether a chain leads to an authority does
/// not change with time, only whether it is good now does: so that is asked each time.
#[derive(Default)]
pub(super) struct Verified(Newest<Chain>);

struct Chain {
    certificates: Vec<Vec<u8>>,
    /// When all of them are good.
    good: RangeInclusive<OffsetDateTime>,
    subject: Arc<Subject>,
}

impl Verified {
    /// The subject of a chain that was verified before, and is good at `now`.
    pub(super) fn subject(&self, chain: &[Vec<u8>], now: OffsetDateTime) -> Option<Arc<Subject>> {
        self.0.find(|known| {
            let is_this = known.good.contains(&now) && known.certificates == chain;
            is_this.then(|| Arc::clone(&known.subject))
        })
    }

    /// Remembers a chain that was verified.
    pub(super) fn insert(
        &self,
        chain: &[Vec<u8>],
        good: RangeInclusive<OffsetDateTime>,
        subject: Arc<Subject>,
    ) {
        self.0.insert(Chain {
            certificates: chain.to_vec(),
            good,
            subject,
        });
    }
}
