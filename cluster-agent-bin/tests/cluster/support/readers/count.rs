//! What readers have seen.

use std::{
    collections::BTreeMap,
    fmt, mem,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::truth::Flaw;

/// How many flaws a failing test shows in full.
const EXAMPLES: usize = 5;

/// What one reader has seen.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) reads: u32,
    pub(crate) wrong: u32,
    pub(crate) stale: u32,
    /// By what was said in place of a value; digits are hidden, for times differ.
    pub(crate) failed: BTreeMap<String, u32>,
    /// The longest time without a good answer.
    pub(crate) longest_gap: Duration,
    examples: Vec<String>,
    /// When the last good answer came, or the first was waited for.
    good: Instant,
}

impl Count {
    pub(super) fn since(start: Instant) -> Self {
        Self {
            reads: 0,
            wrong: 0,
            stale: 0,
            failed: BTreeMap::new(),
            longest_gap: Duration::ZERO,
            examples: Vec::new(),
            good: start,
        }
    }

    /// Takes in what was read: what is said of a value, or why there was none.
    pub(super) fn note(&mut self, read: Result<Result<(), Flaw>, String>, at: Instant) {
        self.reads += 1;
        let flaw = match read {
            Ok(Ok(())) => {
                self.longest_gap = self.longest_gap.max(at - self.good);
                self.good = at;
                return;
            }
            Ok(Err(Flaw::Wrong(told))) => {
                self.wrong += 1;
                told
            }
            Ok(Err(Flaw::Stale(told))) => {
                self.stale += 1;
                told
            }
            Err(why) => {
                let alike = told(&why).replace(|c: char| c.is_ascii_digit(), "#");
                *self.failed.entry(alike).or_default() += 1;
                return;
            }
        };
        if self.examples.len() < EXAMPLES {
            self.examples.push(flaw);
        }
    }

    /// What was seen so far. A gap that has not ended counts, and goes on.
    pub(super) fn take(&mut self, at: Instant) -> Self {
        let next = Self::since(self.good);
        let mut taken = mem::replace(self, next);
        taken.longest_gap = taken.longest_gap.max(at - taken.good);
        taken
    }

    /// How many reads had no answer.
    pub(crate) fn failures(&self) -> u32 {
        self.failed.values().sum()
    }
}

/// The message of a Status with its code, or the words as they are.
fn told(why: &str) -> String {
    let message = why.split_once(": {").and_then(|(code, json)| {
        let status: Value = serde_json::from_str(&format!("{{{json}")).ok()?;
        Some(format!("{code}: {}", status["message"].as_str()?))
    });
    message.unwrap_or_else(|| why.to_owned())
}

/// What all readers have seen in a stretch of time, by place.
#[derive(Debug)]
pub(crate) struct Lap {
    what: String,
    by_place: Vec<(String, Count)>,
}

impl Lap {
    pub(super) fn new(what: &str, by_place: Vec<(String, Count)>) -> Self {
        Self {
            what: what.to_owned(),
            by_place,
        }
    }

    /// What was seen at a place.
    #[track_caller]
    pub(crate) fn at(&self, place: &str) -> &Count {
        let found = self.by_place.iter().find(|(name, _)| name == place);
        &found.unwrap_or_else(|| panic!("nobody reads at {place}")).1
    }

    /// The test fails if a value was wrong, or old and served as new, at any place.
    #[track_caller]
    pub(crate) fn is_right(&self) -> &Self {
        for (place, count) in &self.by_place {
            assert!(
                (count.wrong, count.stale) == (0, 0),
                "{}, at {place}: {count:#?}",
                self.what
            );
        }
        self
    }

    /// The test fails if a read had no answer at one of these places, or nobody read there.
    #[track_caller]
    pub(crate) fn is_whole_at(&self, places: &[&str]) -> &Self {
        for place in places {
            let count = self.at(place);
            assert!(
                count.reads > 0 && count.failures() == 0,
                "{}, at {place}: {count:#?}",
                self.what
            );
        }
        self
    }
}

impl fmt::Display for Lap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, count) in &self.by_place {
            writeln!(
                f,
                "| {} | {place} | {} | {} | {} | {} | {:.1} s |",
                self.what,
                count.reads,
                count.wrong,
                count.stale,
                count.failures(),
                count.longest_gap.as_secs_f64()
            )?;
            for (why, times) in &count.failed {
                writeln!(f, "  {times} × {why}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin")]
    fn a_gap_lasts_from_one_good_answer_to_the_next_across_laps() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut count = Count::since(start);
        count.note(Ok(Ok(())), at(1));
        count.note(Err("503 at 12:01".to_owned()), at(2));
        count.note(Err("503 at 12:02".to_owned()), at(3));
        assert_eq!(told(r#"HTTP 503: {"message":"gone"}"#), "HTTP 503: gone");
        let first = count.take(at(4));
        assert_eq!(
            (first.reads, first.failures(), first.failed.len()),
            (3, 2, 1)
        );
        assert_eq!(first.longest_gap, Duration::from_secs(3));
        count.note(Ok(Err(Flaw::Wrong("7".to_owned()))), at(5));
        count.note(Ok(Ok(())), at(6));
        let second = count.take(at(6));
        assert_eq!((second.reads, second.wrong, second.stale), (2, 1, 0));
        assert_eq!(second.longest_gap, Duration::from_secs(5));
    }
}
