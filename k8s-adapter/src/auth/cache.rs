//! Answers of the API server, kept for a short while, and held while it is silent.

mod entries;

use std::{
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use time::{Duration, OffsetDateTime};

use self::entries::{Answer, Entries, Given, within};
use crate::{ApiError, api_error::chain};

/// What Kubernetes' own servers keep the API server's answers for.
const KEPT_FOR: Duration = Duration::seconds(10);
/// How old a yes may be that holds while the API server is silent: what it keeps the yes
/// of a webhook for itself.
const HELD_FOR: Duration = Duration::minutes(5);
/// How long an answer is waited for where a yes can stand in.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// Keeps each answer for [`KEPT_FOR`], and lets those who ask the same
/// at the same time share one question.
///
/// While the API server says nothing, a yes that it gave holds for [`HELD_FOR`]:
/// its restart, or a network between that fails, costs nobody a value whom it let in before.
pub(super) struct Cache<K, V> {
    /// Who is silent, and of what, for the log.
    what: &'static str,
    is_yes: fn(&V) -> bool,
    hasher: RandomState,
    entries: Mutex<Entries<K, V>>,
    silent_since: Mutex<Option<OffsetDateTime>>,
}

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

impl<K, V: Clone> Cache<K, V> {
    pub(super) fn of(what: &'static str, capacity: usize, is_yes: fn(&V) -> bool) -> Self {
        Self {
            what,
            is_yes,
            hasher: RandomState::default(),
            entries: Mutex::new(Entries::up_to(capacity)),
            silent_since: Mutex::default(),
        }
    }

    /// The answer to `question`, from memory or by asking. An error reaches all who
    /// wait for the same answer, and is not kept.
    pub(super) async fn get<F>(
        &self,
        question: &impl Question<K>,
        now: OffsetDateTime,
        ask: impl FnOnce() -> F,
    ) -> Result<V, Arc<ApiError>>
    where
        F: Future<Output = Result<V, ApiError>>,
    {
        let hash = self.hasher.hash_one(question);
        let place = self.entries.lock().place(question, hash, now);
        // A caller who goes away hands the question to the next who waits.
        let answer = place
            .cell
            .get_or_init(|| self.asked(now, place.last, ask))
            .await
            .clone();
        if answer.is_err() {
            self.entries.lock().forget(hash, &place.cell);
        }
        answer.map(|given| given.answer)
    }

    /// What the API server says to it, or what it said last if that may stand in.
    async fn asked<F>(
        &self,
        now: OffsetDateTime,
        last: Option<Given<V>>,
        ask: impl FnOnce() -> F,
    ) -> Answer<V>
    where
        F: Future<Output = Result<V, ApiError>>,
    {
        let yes = last.filter(|last| (self.is_yes)(&last.answer) && within(now, last.at, HELD_FOR));
        let answer = match yes {
            None => ask().await,
            Some(yes) if self.is_silent(now) => return Ok(yes),
            Some(yes) => {
                let asked = tokio::time::timeout(PATIENCE, ask()).await;
                match asked.unwrap_or(Err(ApiError::TimedOut(PATIENCE))) {
                    Err(error) if error.is_transient() => {
                        self.fell_silent(now, &error);
                        return Ok(yes);
                    }
                    answer => answer,
                }
            }
        };
        if answer.is_ok() {
            self.answered();
        }
        answer
            .map(|answer| Given { answer, at: now })
            .map_err(Arc::new)
    }

    /// For a while, others whose yes can stand in need not wait as well.
    fn is_silent(&self, now: OffsetDateTime) -> bool {
        let since = *self.silent_since.lock();
        since.is_some_and(|since| within(now, since, KEPT_FOR))
    }

    fn fell_silent(&self, now: OffsetDateTime, error: &ApiError) {
        if self.silent_since.lock().replace(now).is_none() {
            let (what, held) = (self.what, HELD_FOR.whole_minutes());
            tracing::warn!(
                "{what}: {}: whom the API server let in within {held} minutes is let in all the same",
                chain(error)
            );
        }
    }

    fn answered(&self) {
        if self.silent_since.lock().take().is_some() {
            tracing::info!("{}: the API server answers again", self.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join;

    use super::*;
    use crate::testing::NOW;

    /// A source that numbers its answers. Even ones are a no.
    struct Source {
        cache: Cache<&'static str, u32>,
        questions: AtomicU32,
    }

    fn source(capacity: usize) -> Source {
        Source {
            cache: Cache::of("test", capacity, |answer| answer % 2 == 1),
            questions: AtomicU32::new(0),
        }
    }

    /// What the API server does with a question.
    #[derive(Clone, Copy)]
    enum Api {
        Answers,
        Is(u16),
        SaysNothing,
    }

    impl Source {
        async fn get(&self, key: &'static str, after: i64) -> Result<u32, String> {
            self.asked(key, after, Api::Answers).await
        }

        async fn asked(&self, key: &'static str, after: i64, api: Api) -> Result<u32, String> {
            let now = NOW + Duration::seconds(after);
            let ask = || async {
                tokio::task::yield_now().await;
                match api {
                    Api::Answers => Ok(self.questions.fetch_add(1, Ordering::Relaxed) + 1),
                    Api::Is(403) => Err(ApiError::Forbidden {
                        message: "no".to_owned(),
                        permission: "grant it",
                    }),
                    Api::Is(code) => Err(ApiError::Refused {
                        code,
                        message: "no".to_owned(),
                    }),
                    Api::SaysNothing => {
                        let long = std::time::Duration::from_secs(60);
                        tokio::time::sleep(long).await;
                        Err(ApiError::TimedOut(long))
                    }
                }
            };
            let answer = self.cache.get(&key, now, ask).await;
            answer.map_err(|error| error.to_string())
        }
    }

    fn refused(code: u16) -> Result<u32, String> {
        Err(format!("the API server answers {code}: no"))
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
        assert_eq!(source.asked("a", 0, Api::Is(500)).await, refused(500));
        assert_eq!(source.get("a", 0).await, Ok(1));
    }

    #[tokio::test]
    async fn a_yes_holds_for_five_minutes_while_the_api_server_fails() {
        let source = source(8);
        assert_eq!(source.get("a", 0).await, Ok(1));
        for after in [10, 30, 299] {
            assert_eq!(source.asked("a", after, Api::Is(500)).await, Ok(1));
        }
        assert_eq!(source.asked("a", 310, Api::Is(500)).await, refused(500));
        assert_eq!(source.asked("a", 311, Api::Is(500)).await, refused(500));
    }

    #[tokio::test]
    async fn neither_a_no_nor_a_yes_to_another_question_stands_in() {
        let source = source(8);
        assert_eq!(source.get("a", 0).await, Ok(1));
        assert_eq!(source.get("b", 0).await, Ok(2));
        assert_eq!(source.asked("b", 10, Api::Is(500)).await, refused(500));
        assert_eq!(source.asked("c", 10, Api::Is(500)).await, refused(500));
    }

    #[tokio::test]
    async fn a_yes_does_not_hold_against_an_answer() {
        let source = source(8);
        assert_eq!(source.get("a", 0).await, Ok(1));
        let forbidden = source.asked("a", 10, Api::Is(403)).await.unwrap_err();
        assert!(forbidden.contains("forbids"), "{forbidden}");
        assert_eq!(source.asked("a", 11, Api::Is(500)).await, refused(500));
        assert_eq!(source.get("a", 12).await, Ok(2));
        assert_eq!(source.asked("a", 22, Api::Is(500)).await, refused(500));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_alone_waits_for_an_api_server_that_says_nothing() {
        let source = source(8);
        for (key, answer) in [("a", 1), ("x", 2), ("b", 3)] {
            assert_eq!(source.get(key, 0).await, Ok(answer));
        }
        let begin = tokio::time::Instant::now();
        for (key, after, answer, waited) in [
            ("a", 20, 1, 1),
            ("b", 21, 3, 1),
            ("a", 29, 1, 1),
            ("a", 30, 1, 2),
            ("b", 31, 3, 2),
        ] {
            let asked = source.asked(key, after, Api::SaysNothing).await;
            assert_eq!((asked, begin.elapsed().as_secs()), (Ok(answer), waited));
        }
        assert_eq!(source.get("c", 32).await, Ok(4));
        assert_eq!(source.get("a", 40).await, Ok(5), "it speaks again");
    }

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_a_question_and_its_error() {
        let source = source(8);
        assert_eq!(
            join(source.get("a", 0), source.get("a", 0)).await,
            (Ok(1), Ok(1))
        );
        let failing = join(
            source.asked("b", 0, Api::Is(500)),
            source.asked("b", 0, Api::Is(501)),
        );
        assert_eq!(failing.await, (refused(500), refused(500)));
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
    async fn a_caller_who_goes_away_takes_no_yes_along() {
        let source = source(8);
        assert_eq!(source.get("a", 0).await, Ok(1));
        for after in [10, 20] {
            let mut gone = Box::pin(source.asked("a", after, Api::SaysNothing));
            assert!(futures_util::poll!(&mut gone).is_pending());
        }
        assert_eq!(source.asked("a", 30, Api::Is(500)).await, Ok(1));
    }

    #[tokio::test]
    async fn the_oldest_answer_makes_room_for_a_new_one() {
        let source = source(2);
        for (key, after) in [("a", 0), ("b", 0), ("a", 10), ("c", 11)] {
            source.get(key, after).await.unwrap();
        }
        assert_eq!(source.get("a", 12).await, Ok(3));
        assert_eq!(source.get("b", 12).await, Ok(5));
    }

    #[tokio::test]
    async fn an_answer_from_the_future_is_asked_for_again() {
        let source = source(8);
        assert_eq!(source.get("a", 3600).await, Ok(1));
        assert_eq!(source.get("a", 0).await, Ok(2));
    }
}
