//! One promise of the contract, and what became of it.

use std::fmt::Display;

use futures_util::future::BoxFuture;

use super::{Subject, Unanswered};

/// A promise that can be seen from outside.
pub(super) struct Case {
    /// `family/promise`, which never changes its meaning.
    pub(super) name: &'static str,
    /// What holds when the case passes.
    pub(super) promise: &'static str,
    /// Who relies on it, and what they see otherwise.
    pub(super) relied_on: &'static str,
    pub(super) check: for<'a> fn(&'a Subject) -> BoxFuture<'a, Verdict>,
}

pub(super) type Verdict = Result<(), Miss>;

/// Why a case has not passed.
#[derive(Debug)]
pub(super) enum Miss {
    Fault { expected: String, seen: String },
    Skipped(String),
}

impl Miss {
    pub(super) fn fault(expected: impl Display, seen: impl Display) -> Self {
        Self::Fault {
            expected: expected.to_string(),
            seen: seen.to_string(),
        }
    }
}

impl From<Unanswered> for Miss {
    fn from(unanswered: Unanswered) -> Self {
        let mut seen = unanswered.to_string();
        let mut cause = std::error::Error::source(&unanswered);
        while let Some(why) = cause {
            seen = format!("{seen}: {why}");
            cause = why.source();
        }
        Self::fault("an answer", seen)
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server keeps the promise.
    Passed,
    /// It does not.
    Failed {
        /// What the contract asks for.
        expected: String,
        /// What the server did.
        seen: String,
    },
    /// It could not be asked, for this reason.
    Skipped(String),
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(()) => Self::Passed,
            Err(Miss::Fault { expected, seen }) => Self::Failed { expected, seen },
            Err(Miss::Skipped(reason)) => Self::Skipped(reason),
        }
    }
}
