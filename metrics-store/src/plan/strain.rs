//! Whether values stay young enough to be served.

use time::Duration;

/// How long values live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// The width of a bucket: a value is as old as that when it is known at all.
    pub(crate) bucket: Duration,
    /// The age up to which a value is served.
    pub(crate) max_age: Duration,
}

/// A rate limit makes values too old, or no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strain {
    /// What the limit leaves is not enough.
    Begun(Round),
    /// It is enough again.
    Over(Round),
}

/// What it takes to ask for everything once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// How many queries there are.
    pub queries: usize,
    /// The calls that they travel in.
    pub calls: u32,
    /// How long these take under the limit.
    pub takes: Duration,
    /// How old values become.
    pub oldest: Duration,
    /// The age up to which they are served.
    pub max_age: Duration,
}

/// Tells of a strain when it begins and when it is over.
#[derive(Debug, Default)]
pub(super) struct Watch {
    is_strained: bool,
}

impl Watch {
    pub(super) fn turn(
        &mut self,
        queries: usize,
        calls: u32,
        takes: Duration,
        Life { bucket, max_age }: Life,
    ) -> Option<Strain> {
        // A bucket is known when it has closed, and the newest one until the next closes.
        let oldest = bucket.saturating_mul(2).saturating_add(takes);
        let round = Round {
            queries,
            calls,
            takes,
            oldest,
            max_age,
        };
        // What is left of a limit is never quite what it was thought to be: a little more
        // is no relief.
        let is_strained = match self.is_strained {
            false => oldest > max_age,
            true => oldest > max_age * 0.9,
        };
        if is_strained == self.is_strained {
            return None;
        }
        self.is_strained = is_strained;
        Some(match is_strained {
            true => Strain::Begun(round),
            false => Strain::Over(round),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strain_is_told_when_it_begins_and_when_it_is_clearly_over() {
        let life = Life {
            bucket: Duration::seconds(30),
            max_age: Duration::seconds(120),
        };
        let mut watch = Watch::default();
        let mut turn = |takes| watch.turn(1000, 29, Duration::seconds(takes), life);
        let round = |takes, oldest| Round {
            queries: 1000,
            calls: 29,
            takes: Duration::seconds(takes),
            oldest: Duration::seconds(oldest),
            max_age: life.max_age,
        };
        assert_eq!(turn(60), None);
        assert_eq!(turn(61), Some(Strain::Begun(round(61, 121))));
        assert_eq!(turn(600), None);
        assert_eq!(turn(55), None);
        assert_eq!(turn(48), Some(Strain::Over(round(48, 108))));
        assert_eq!(turn(48), None);
    }
}
