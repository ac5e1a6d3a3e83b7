//! Answers of the API server, kept for a short while.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use time::{Duration, OffsetDateTime};
use tokio::sync::OnceCell;

/// Keeps each answer for [`Cache::KEPT_FOR`], and lets those who ask the same
/// at the same time share one question.
pub(super) struct Cache<K, V, E> {
    capacity: usize,
    hasher: RandomState,
    entries: Mutex<Entries<K, Cell<V, E>>>,
}

type Cell<V, E> = Arc<OnceCell<Result<V, E>>>;

/// What is asked, lent. Only a question that is new is copied into its key.
pub(super) trait Question<K>: Hash {
    /// Whether this is the question of that key.
    fn is(&self, key: &K) -> bool;
    /// The key to remember it by.
    fn key(&self) -> K;
}

impl<K: Clone + Eq + Hash> Question<K> for K {
    fn is(&self, key: &K) -> bool {
        self == key
    }

    fn key(&self) -> K {
        self.clone()
    }
}

impl<K, V: Clone, E: Clone> Cache<K, V, E> {
    /// What Kubernetes' own servers keep the API server's answers for.
    pub(super) const KEPT_FOR: Duration = Duration::seconds(10);

    pub(super) fn of(capacity: usize) -> Self {
        Self {
            capacity,
            hasher: RandomState::default(),
            entries: Mutex::new(Entries {
                by_hash: HashMap::new(),
                by_age: VecDeque::new(),
            }),
        }
    }

    /// The answer to `question`, from memory or by asking. An error reaches all who
    /// wait for the same answer, and is not kept.
    pub(super) async fn get<F>(
        &self,
        question: &impl Question<K>,
        now: OffsetDateTime,
        ask: impl FnOnce() -> F,
    ) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let hash = self.hasher.hash_one(question);
        let cell = self
            .entries
            .lock()
            .cell(question, hash, now, Self::KEPT_FOR, self.capacity);
        // A caller who goes away hands the question to the next who waits.
        let answer = cell.get_or_init(ask).await.clone();
        if answer.is_err() {
            self.entries.lock().forget(hash, &cell);
        }
        answer
    }
}

/// All entries live equally long, so the oldest is the first to go.
///
/// They are found by the hash of their question, which can be had of one that is lent.
/// Of two questions with one hash, the later is remembered.
struct Entries<K, C> {
    by_hash: HashMap<u64, Entry<K, C>>,
    by_age: VecDeque<(OffsetDateTime, u64)>,
}

struct Entry<K, C> {
    key: K,
    since: OffsetDateTime,
    cell: C,
}

impl<K, V> Entries<K, Arc<V>> {
    fn cell(
        &mut self,
        question: &impl Question<K>,
        hash: u64,
        now: OffsetDateTime,
        kept_for: Duration,
        capacity: usize,
    ) -> Arc<V>
    where
        V: Default,
    {
        // A clock that was set back makes an entry from the future; it is as good as expired.
        let is_fresh = |since: OffsetDateTime| (Duration::ZERO..kept_for).contains(&(now - since));
        if let Some(entry) = self.by_hash.get(&hash)
            && question.is(&entry.key)
            && is_fresh(entry.since)
        {
            return Arc::clone(&entry.cell);
        }
        while let Some((since, oldest)) = self.by_age.front() {
            if is_fresh(*since) && self.by_age.len() < capacity {
                break;
            }
            if self
                .by_hash
                .get(oldest)
                .is_some_and(|own| own.since == *since)
            {
                self.by_hash.remove(oldest);
            }
            self.by_age.pop_front();
        }
        let cell = Arc::<V>::default();
        let entry = Entry {
            key: question.key(),
            since: now,
            cell: Arc::clone(&cell),
        };
        self.by_hash.insert(hash, entry);
        self.by_age.push_back((now, hash));
        cell
    }

    /// Removes the entry unless it is a newer one already.
    fn forget(&mut self, hash: u64, cell: &Arc<V>) {
        let entry = self.by_hash.get(&hash);
        if entry.is_some_and(|own| Arc::ptr_eq(&own.cell, cell)) {
            self.by_hash.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join;

    use super::*;
    use crate::testing::NOW;

    /// A source that numbers its answers.
    struct Source {
        cache: Cache<&'static str, u32, &'static str>,
        questions: AtomicU32,
    }

    fn source(capacity: usize) -> Source {
        Source {
            cache: Cache::of(capacity),
            questions: AtomicU32::new(0),
        }
    }

    impl Source {
        async fn get(&self, key: &'static str, after: i64) -> Result<u32, &'static str> {
            self.asked(key, after, Ok(())).await
        }

        async fn asked(
            &self,
            key: &'static str,
            after: i64,
            outcome: Result<(), &'static str>,
        ) -> Result<u32, &'static str> {
            let now = NOW + Duration::seconds(after);
            let ask = || async {
                tokio::task::yield_now().await;
                outcome.map(|()| self.questions.fetch_add(1, Ordering::Relaxed) + 1)
            };
            self.cache.get(&key, now, ask).await
        }
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_ten_seconds() {
        let source = source(8);
        for (after, answer) in [(0, 1), (9, 1), (10, 2), (19, 2), (20, 3)] {
            assert_eq!(source.get("a", after).await, Ok(answer), "after {after} s");
        }
    }

    #[tokio::test]
    async fn an_error_is_not_kept() {
        let source = source(8);
        assert_eq!(source.asked("a", 0, Err("down")).await, Err("down"));
        assert_eq!(source.get("a", 0).await, Ok(1));
    }

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_a_question_and_its_error() {
        let source = source(8);
        assert_eq!(
            join(source.get("a", 0), source.get("a", 0)).await,
            (Ok(1), Ok(1))
        );
        let failing = join(
            source.asked("b", 0, Err("down")),
            source.asked("b", 0, Err("not asked")),
        );
        assert_eq!(failing.await, (Err("down"), Err("down")));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_the_question_to_the_next() {
        let source = source(8);
        let mut first = Box::pin(source.get("a", 0));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        assert_eq!(source.get("a", 1).await, Ok(1));
    }

    #[tokio::test]
    async fn the_oldest_answer_makes_room_for_a_new_one() {
        let source = source(2);
        for key in ["a", "b", "c"] {
            source.get(key, 0).await.unwrap();
        }
        assert_eq!(source.get("b", 0).await, Ok(2));
        assert_eq!(source.get("a", 0).await, Ok(4));
        let entries = source.cache.entries.lock();
        assert_eq!((entries.by_hash.len(), entries.by_age.len()), (2, 2));
    }

    #[test]
    fn questions_with_one_hash_have_each_its_own_answer() {
        let cache = source(8).cache;
        let mut entries = cache.entries.lock();
        let mut cell = |key| entries.cell(&key, 7, NOW, Duration::SECOND, 8);
        let (first, same, other) = (cell("a"), cell("a"), cell("b"));
        assert!(Arc::ptr_eq(&first, &same));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[tokio::test]
    async fn an_answer_from_the_future_is_asked_for_again() {
        let source = source(8);
        assert_eq!(source.get("a", 3600).await, Ok(1));
        assert_eq!(source.get("a", 0).await, Ok(2));
    }
}
