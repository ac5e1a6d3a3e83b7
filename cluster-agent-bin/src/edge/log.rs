//! The log, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

use crate::config::Variables;

/// Every request of every autoscaler has a line; at the usual level only those that
/// went wrong are written. What the Kubernetes client says of a failed call is said
/// again, and better, by whoever made it.
const USUAL: &str =
    "info,provider_api::layer::access_log=warn,kube_client::client=off,kube_runtime::watcher=off";

/// Logs at the level of `DD_LOG_LEVEL`, or at `default`. Datadog's names of levels
/// are understood, and so are directives for single modules.
pub(crate) fn log_to_stderr(variables: &Variables, default: &str) {
    let level = variables.value("DD_LOG_LEVEL").unwrap_or(default);
    let filter = filter(level);
    let mistake = filter.as_ref().err().cloned();
    fmt()
        .with_writer(stderr)
        // A line that cannot be written is lost: to complain of it, on the same stream, is
        // a panic when that stream is closed.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal())
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(USUAL)))
        .init();
    if let Some(mistake) = mistake {
        tracing::warn!("DD_LOG_LEVEL is `{level}`, which is no level ({mistake}): logging at info");
    }
}

/// The filter for a level, or what is wrong with it.
fn filter(level: &str) -> Result<EnvFilter, String> {
    let level = level.to_lowercase();
    let directives = match level.as_str() {
        "critical" => "error",
        "info" => USUAL,
        "warning" => "warn",
        // A lone word would be read as a module of which all is logged, and nothing else
        // would be: a misspelt level would silence the log.
        word if !word.contains(['=', ',', ':']) && word.parse::<LevelFilter>().is_err() => {
            return Err("a level is error, warn, info, debug, trace or off".to_owned());
        }
        directives => directives,
    };
    EnvFilter::try_new(directives).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_of_datadog_are_understood() {
        for (level, directives) in [
            ("INFO", USUAL),
            ("warning", "warn"),
            ("critical", "error"),
            ("off", "off"),
            ("info,provider_api=debug", "info,provider_api=debug"),
        ] {
            let expected = EnvFilter::new(directives).to_string();
            let filter = filter(level).map(|filter| filter.to_string());
            assert_eq!(filter, Ok(expected), "{level}");
        }
    }

    #[test]
    fn a_misspelt_level_does_not_silence_the_log() {
        for level in ["inof", "a=b=c"] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
