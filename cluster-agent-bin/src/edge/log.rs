//! The log, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::Variables;

/// Every request of every autoscaler has a line; at the usual level only those that
/// went wrong are written. What the Kubernetes client says of a failed call is said
/// again, and better, by whoever made it.
const USUAL: &str = "info,provider_api::layer::access_log=warn,kube_client::client=off";

/// Logs at the level of `DD_LOG_LEVEL`, or at `default`. Datadog's names of levels
/// are understood, and so are directives for single modules.
pub(crate) fn log_to_stderr(variables: &Variables, default: &str) {
    let level = variables
        .value("DD_LOG_LEVEL")
        .unwrap_or(default)
        .to_lowercase();
    let level = match level.as_str() {
        "critical" => "error",
        "info" => USUAL,
        "warning" => "warn",
        level => level,
    };
    let filter = EnvFilter::try_new(level);
    let mistake = filter.as_ref().err().map(ToString::to_string);
    fmt()
        .with_writer(stderr)
        // A line that cannot be written is lost: to complain of it, on the same stream, is
        // a panic when that stream is closed.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal())
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(default)))
        .init();
    if let Some(mistake) = mistake {
        tracing::warn!(
            "DD_LOG_LEVEL is `{level}`, which is no level ({mistake}): logging at {default}"
        );
    }
}
