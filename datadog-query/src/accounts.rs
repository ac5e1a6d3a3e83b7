//! Several accounts in order, and which of them is asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use crate::{
    account::Account,
    endpoint::Endpoint,
    error::Error,
    health::{Failure, Health},
};

/// Where an endpoint stands among the others.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Calls go to it.
    InUse {
        /// Since when; nothing before the first call.
        since: Option<OffsetDateTime>,
    },
    /// One before it is in use, and nothing is known against it.
    Spare,
    /// It is left alone.
    Failing {
        /// Since when it fails.
        since: OffsetDateTime,
        /// Why it failed the last time.
        cause: Arc<Error>,
        /// When one call tries it again.
        retry_at: OffsetDateTime,
    },
}

/// Calls go elsewhere than before. It happens only where there are several endpoints.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// The one that was in use has failed, and another one is asked.
    Over {
        /// The one that has failed.
        from: Endpoint,
        /// Why.
        cause: Arc<Error>,
        /// When one call tries it again.
        retry_at: OffsetDateTime,
        /// The one that is asked from now on.
        to: Endpoint,
    },
    /// One that failed answers again, and is asked from now on.
    Back {
        /// The one that answers again.
        to: Endpoint,
    },
}

/// Accounts in the order in which they are to be asked, at least one, and what is known of each.
///
/// An account fails where another one answers the same call. So there is always one that does not
/// fail, and a call that fails everywhere, be it for its heavy query or for a cable, turns nothing.
#[derive(Debug)]
pub(crate) struct Accounts {
    accounts: Vec<Account>,
    health: Mutex<Vec<Health>>,
}

impl Accounts {
    pub(crate) fn of(first: Account) -> Self {
        Self::untried(vec![first])
    }

    /// The same accounts and one more, of which nothing is known yet.
    pub(crate) fn and(&self, next: Account) -> Self {
        let mut accounts = self.accounts.clone();
        accounts.push(next);
        Self::untried(accounts)
    }

    fn untried(accounts: Vec<Account>) -> Self {
        let health = vec![Health::default(); accounts.len()];
        Self {
            accounts,
            health: Mutex::new(health),
        }
    }

    pub(crate) fn all(&self) -> &[Account] {
        &self.accounts
    }

    /// The account that calls go to: the first one that does not fail.
    pub(crate) fn in_use(&self) -> &Account {
        &self.accounts[in_use(&self.health())]
    }

    /// When one before the one in use is tried again.
    pub(crate) fn retry_at(&self) -> Option<OffsetDateTime> {
        let health = self.health();
        let before = health.iter().map_while(Health::failure);
        before.map(Failure::retry_at).min()
    }

    /// The account that a call goes to which has failed with these in vain: the first one that
    /// may be asked, and then those that fail, so that no call is given up before it has asked
    /// everyone.
    pub(crate) fn next(
        &self,
        failed: &BTreeMap<usize, Error>,
        now: OffsetDateTime,
    ) -> Option<(usize, &Account)> {
        let mut health = self.health();
        let left = || (0..self.accounts.len()).filter(|index| !failed.contains_key(index));
        let next = left()
            .find(|index| health[*index].admits(now))
            .or_else(|| left().next())?;
        Some((next, &self.accounts[next]))
    }

    /// Notes that an account has answered a call which began at `now`, if only to refuse a query,
    /// after these have failed.
    pub(crate) fn answered(
        &self,
        index: usize,
        failed: BTreeMap<usize, Error>,
        now: OffsetDateTime,
    ) -> Option<Turn> {
        let mut health = self.health();
        let before = in_use(&health);
        let mut away = None;
        health[index].answered(now);
        for (failed, error) in failed {
            let cause = Arc::new(error);
            let retry_at = health[failed].failed(Arc::clone(&cause), now);
            if failed == before {
                away = Some((cause, retry_at));
            }
        }
        let after = in_use(&health);
        let endpoint = |index: usize| self.accounts[index].endpoint.clone();
        (after != before).then(|| match away {
            Some((cause, retry_at)) => Turn::Over {
                from: endpoint(before),
                cause,
                retry_at,
                to: endpoint(after),
            },
            None => Turn::Back {
                to: endpoint(after),
            },
        })
    }

    /// Where each stands, in their order.
    pub(crate) fn standings(&self) -> Vec<(Endpoint, Standing)> {
        let health = self.health();
        let in_use = in_use(&health);
        let standing = |(index, account): (usize, &Account)| {
            let standing = match health[index].failure() {
                Some(failure) => Standing::Failing {
                    since: failure.since,
                    cause: Arc::clone(&failure.cause),
                    retry_at: failure.retry_at(),
                },
                None if in_use == index => Standing::InUse {
                    since: health[..=index].iter().filter_map(Health::since).max(),
                },
                None => Standing::Spare,
            };
            (account.endpoint.clone(), standing)
        };
        self.accounts.iter().enumerate().map(standing).collect()
    }

    fn health(&self) -> MutexGuard<'_, Vec<Health>> {
        // A panic leaves nothing half-changed: each change is one assignment.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_use(health: &[Health]) -> usize {
    let good = health.iter().position(|health| health.failure().is_none());
    good.unwrap_or(0)
}
