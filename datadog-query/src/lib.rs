//! datadog-query

#[cfg(feature = "simulator")]
pub mod simulator;
