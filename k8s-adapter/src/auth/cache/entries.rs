//! Where answers are found, and which of them have to go.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use time::{Duration, OffsetDateTime};
use tokio::sync::OnceCell;

use super::{HELD_FOR, KEPT_FOR, Question};
use crate::ApiError;

pub(super) type Answer<V> = Result<Given<V>, Arc<ApiError>>;
pub(super) type Cell<V> = Arc<OnceCell<Answer<V>>>;

/// An answer, and when the API server gave it.
#[derive(Clone)]
pub(super) struct Given<V> {
    pub(super) answer: V,
    pub(super) at: OffsetDateTime,
}

/// All entries live equally long, so the oldest is the first to go.
///
/// They are found by the hash of their question, which can be had of one that is lent.
/// Of two questions with one hash, the later is remembered.
pub(super) struct Entries<K, V> {
    by_hash: HashMap<u64, Entry<K, V>>,
    by_age: BTreeSet<(OffsetDateTime, u64)>,
    capacity: usize,
}

struct Entry<K, V> {
    key: K,
    since: OffsetDateTime,
    place: Place<V>,
}

/// Where the answer to a question is, or will be.
#[derive(Clone)]
pub(super) struct Place<V> {
    pub(super) cell: Cell<V>,
    /// What was said to it before.
    pub(super) last: Option<Given<V>>,
}

impl<V: Clone> Place<V> {
    /// The newest that was said to its question.
    fn newest(&self) -> Option<Given<V>> {
        match self.cell.get() {
            Some(answer) => answer.as_ref().ok().cloned(),
            None => self.last.clone(),
        }
    }
}

impl<K, V: Clone> Entries<K, V> {
    pub(super) fn up_to(capacity: usize) -> Self {
        Self {
            by_hash: HashMap::new(),
            by_age: BTreeSet::new(),
            capacity,
        }
    }

    pub(super) fn place(
        &mut self,
        question: &impl Question<K>,
        hash: u64,
        now: OffsetDateTime,
    ) -> Place<V> {
        let own = self
            .by_hash
            .get(&hash)
            .filter(|entry| question.is(&entry.key));
        if let Some(entry) = own
            && within(now, entry.since, KEPT_FOR)
        {
            return entry.place.clone();
        }
        let place = Place {
            cell: Arc::default(),
            last: own.and_then(|entry| entry.place.newest()),
        };
        self.remove(hash);
        while let Some(&(since, oldest)) = self.by_age.first() {
            if within(now, since, HELD_FOR) && self.by_age.len() < self.capacity {
                break;
            }
            self.remove(oldest);
        }
        let entry = Entry {
            key: question.key(),
            since: now,
            place: place.clone(),
        };
        self.by_hash.insert(hash, entry);
        self.by_age.insert((now, hash));
        place
    }

    /// Removes the entry unless it is a newer one already.
    pub(super) fn forget(&mut self, hash: u64, cell: &Cell<V>) {
        let entry = self.by_hash.get(&hash);
        if entry.is_some_and(|own| Arc::ptr_eq(&own.place.cell, cell)) {
            self.remove(hash);
        }
    }

    fn remove(&mut self, hash: u64) {
        if let Some(entry) = self.by_hash.remove(&hash) {
            self.by_age.remove(&(entry.since, hash));
        }
    }
}

/// Whether it was said so recently. A clock that was set back makes a time of the future
/// of it, which is as good as expired.
pub(super) fn within(now: OffsetDateTime, said: OffsetDateTime, span: Duration) -> bool {
    (Duration::ZERO..span).contains(&(now - said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn questions_with_one_hash_have_each_its_own_answer() {
        let mut entries = Entries::<_, ()>::up_to(8);
        let mut cell = |key| entries.place(&key, 7, NOW).cell;
        let (first, same, other) = (cell("a"), cell("a"), cell("b"));
        assert!(Arc::ptr_eq(&first, &same));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut entries = Entries::<_, ()>::up_to(2);
        for (hash, after) in [(1, 0), (2, 0), (1, 10), (3, 11), (2, 12), (2, 311)] {
            entries.place(&hash, hash, NOW + Duration::seconds(after));
            assert_eq!(entries.by_hash.len(), entries.by_age.len());
            assert!(entries.by_hash.len() <= 2);
        }
        assert_eq!(entries.by_hash.keys().copied().collect::<Vec<_>>(), [2]);
    }
}
