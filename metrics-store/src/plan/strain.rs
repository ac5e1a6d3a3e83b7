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
    pub(super) fn turn(&mut self, round: Round) -> Option<Strain> {
        // What is left of a limit is never quite what it was thought to be: a little more
        // is no relief.
        let is_strained = match self.is_strained {
            false => round.oldest > round.max_age,
            true => round.oldest > round.max_age * 0.9,
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
        let round = |oldest| Round {
            queries: 1000,
            calls: 29,
            takes: Duration::seconds(oldest - 60),
            oldest: Duration::seconds(oldest),
            max_age: Duration::seconds(120),
        };
        let mut watch = Watch::default();
        let mut turn = |oldest| watch.turn(round(oldest));
        assert_eq!(turn(120), None);
        assert_eq!(turn(121), Some(Strain::Begun(round(121))));
        assert_eq!(turn(600), None);
        assert_eq!(turn(115), None);
        assert_eq!(turn(108), Some(Strain::Over(round(108))));
        assert_eq!(turn(108), None);
    }
}
