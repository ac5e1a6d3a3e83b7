//! The catalogue between two changes. Each API server probes a group by five requests
//! at once, every 30 seconds, and gives four of them up: what they read is made once.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use time::{Duration, OffsetDateTime};

use super::{Catalogue, Listing};
use crate::Clock;

/// How long a provider's listing counts as the present one.
const FRESH: Duration = Duration::SECOND;

/// The newest catalogue.
#[derive(Default)]
pub(crate) struct Kept {
    clock: Option<Arc<dyn Clock>>,
    newest: Mutex<Edition>,
}

/// A catalogue that whoever needs it first makes, and all others wait for.
#[derive(Default)]
struct Edition {
    began: Option<OffsetDateTime>,
    catalogue: Arc<OnceLock<Arc<Catalogue>>>,
}

impl Kept {
    /// Asks a provider for its metrics once a second, by this clock. Without one it is
    /// asked each time.
    pub(crate) fn by(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..Self::default()
        }
    }

    /// The same without a catalogue.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            clock: self.clock.clone(),
            ..Self::default()
        }
    }

    /// The catalogue of what `list` says, or said just now. One that says the same as the
    /// last is the last.
    pub(crate) fn catalogue(&self, list: impl FnOnce() -> Vec<Listing>) -> Arc<Catalogue> {
        let now = self.clock.as_ref().map(|clock| clock.now());
        let (edition, last) = self.edition(now);
        let make = || {
            let listings = list();
            let unchanged = last.filter(|last| last.listings == listings);
            unchanged.unwrap_or_else(|| Arc::new(Catalogue::of(listings)))
        };
        // Not under the lock: the provider is asked here.
        Arc::clone(edition.get_or_init(make))
    }

    /// The edition of this time, and the catalogue before it where it is a new one.
    fn edition(
        &self,
        now: Option<OffsetDateTime>,
    ) -> (Arc<OnceLock<Arc<Catalogue>>>, Option<Arc<Catalogue>>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.counts_at(now) {
            return (Arc::clone(&newest.catalogue), None);
        }
        let last = newest.catalogue.get().cloned();
        *newest = Edition {
            began: now,
            ..Edition::default()
        };
        (Arc::clone(&newest.catalogue), last)
    }
}

impl Edition {
    /// A clock that was set back makes it an old one too.
    fn counts_at(&self, now: Option<OffsetDateTime>) -> bool {
        let age = now.zip(self.began).map(|(now, began)| now - began);
        age.is_some_and(|age| (Duration::ZERO..FRESH).contains(&age))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicI64, AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    fn listing(name: &str) -> Vec<Listing> {
        vec![Listing::external([name.parse().unwrap()])]
    }

    fn kept(seconds: &Arc<AtomicI64>) -> Kept {
        let seconds = Arc::clone(seconds);
        Kept::by(Arc::new(move || {
            OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds.load(Ordering::Relaxed))
        }))
    }

    #[test]
    fn parallel_probes_ask_the_provider_once() {
        let kept = kept(&Arc::default());
        let (start, asked) = (Barrier::new(5), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| {
                    start.wait();
                    kept.catalogue(|| {
                        asked.fetch_add(1, Ordering::Relaxed);
                        listing("a")
                    })
                });
            }
        });
        assert_eq!(asked.into_inner(), 1);
    }

    #[test]
    fn the_provider_is_asked_again_once_a_second_and_when_the_clock_is_set_back() {
        let seconds = Arc::<AtomicI64>::default();
        let kept = kept(&seconds);
        let asked = |at| {
            seconds.store(at, Ordering::Relaxed);
            let mut asked = false;
            kept.catalogue(|| {
                asked = true;
                listing("a")
            });
            asked
        };
        assert_eq!(
            [0, 0, 1, 1, -5, -5].map(asked),
            [true, false, true, false, true, false]
        );
    }

    #[test]
    fn what_has_not_changed_is_not_written_again() {
        let kept = Kept::default();
        let [first, same, other] = ["a", "a", "b"].map(|name| kept.catalogue(|| listing(name)));
        assert!(Arc::ptr_eq(&first, &same));
        assert!(!Arc::ptr_eq(&same, &other));
    }

    #[test]
    fn a_provider_that_panics_is_asked_again() {
        let kept = kept(&Arc::default());
        thread::scope(|scope| {
            let broken = scope.spawn(|| kept.catalogue(|| panic!("as told")));
            assert!(broken.join().is_err());
        });
        assert!(kept.catalogue(|| listing("a")).listings == listing("a"));
    }
}
