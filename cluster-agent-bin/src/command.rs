//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod query;
pub(crate) mod simulate_datadog;
pub(crate) mod start;
pub(crate) mod validate;

/// How a command ends.
pub(crate) type Ended = Result<(), Box<dyn std::error::Error>>;
