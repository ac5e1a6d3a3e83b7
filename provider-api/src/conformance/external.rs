//! External metrics.

mod refused;
mod selected;
mod served;

use super::case::Case;

pub(super) const CASES: &[&[Case]] = &[served::CASES, selected::CASES, refused::CASES];
