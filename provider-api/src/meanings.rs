//! What texts were found to mean. An autoscaler says the same every 15 seconds, so it is
//! read once and not each time.

use std::{cell::RefCell, hash::BuildHasher, thread::LocalKey};

use foldhash::quality::RandomState;

/// How many texts are kept, at most. With those that are longest, that is a few megabytes.
const TEXTS: usize = 512;
/// A longer text is read each time: memory is not for others to fill.
const LONGEST: usize = 512;

/// The meanings of the newest texts, each in the one place that its hash gives it.
///
/// It is for readers that know nothing but the text, so that a meaning never changes. Each
/// thread has its own: what all share would be waited for longer than reading takes.
pub(crate) struct Meanings<M> {
    hasher: RandomState,
    places: Box<[Option<Known<M>>]>,
}

struct Known<M> {
    text: Box<[u8]>,
    meaning: M,
}

impl<M: Clone> Meanings<M> {
    pub(crate) fn none_yet() -> RefCell<Self> {
        RefCell::new(Self {
            hasher: RandomState::default(),
            places: (0..TEXTS).map(|_| None).collect(),
        })
    }

    /// What `text` means, remembered or found out by `read`.
    pub(crate) fn of(
        known: &'static LocalKey<RefCell<Self>>,
        text: &[u8],
        read: impl FnOnce() -> M,
    ) -> M {
        if text.len() > LONGEST {
            return read();
        }
        let place = match known.with_borrow(|known| known.look(text)) {
            Ok(meaning) => return meaning,
            Err(place) => place,
        };
        let meaning = read();
        known.with_borrow_mut(|known| {
            known.places[place] = Some(Known {
                text: text.into(),
                meaning: meaning.clone(),
            });
        });
        meaning
    }

    /// The meaning, or the place where it belongs.
    fn look(&self, text: &[u8]) -> Result<M, usize> {
        let place = self.hasher.hash_one(text) as usize % TEXTS;
        match &self.places[place] {
            Some(known) if *known.text == *text => Ok(known.meaning.clone()),
            _ => Err(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static LENGTHS: RefCell<Meanings<usize>> = Meanings::none_yet();
        static READ: Cell<usize> = const { Cell::new(0) };
    }

    /// What the text means, and how many were read for it.
    fn length(text: &[u8]) -> (usize, usize) {
        let before = READ.get();
        let meaning = Meanings::of(&LENGTHS, text, || {
            READ.set(READ.get() + 1);
            text.len()
        });
        (meaning, READ.get() - before)
    }

    #[test]
    fn a_text_is_read_once() {
        assert_eq!([length(b"abc"), length(b"abc")], [(3, 1), (3, 0)]);
        assert_eq!([length(b""), length(b"")], [(0, 1), (0, 0)]);
    }

    #[test]
    fn whatever_else_was_read_each_text_means_its_own() {
        let texts: Vec<_> = (0..4 * TEXTS).map(|n| vec![b'x'; n % LONGEST]).collect();
        for text in texts.iter().chain(texts.iter().rev()) {
            assert_eq!(length(text).0, text.len());
        }
        let kept = LENGTHS.with_borrow(|known| known.places.iter().flatten().count());
        assert!((1..=TEXTS).contains(&kept), "{kept}");
    }

    #[test]
    fn a_long_text_is_read_each_time() {
        let (longest, longer) = (vec![b'x'; LONGEST], vec![b'x'; LONGEST + 1]);
        assert_eq!([length(&longest).1, length(&longest).1], [1, 0]);
        assert_eq!([length(&longer).1, length(&longer).1], [1, 1]);
    }
}
