//! What an endpoint and the keys for it are good for.

use std::fmt;

use crate::{
    endpoint::Endpoint,
    error::{Chain, Error},
};

/// What an endpoint and the keys for it are good for. Its text has a line for each finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Who was asked.
    pub endpoint: Endpoint,
    /// Whether Datadog answers there.
    pub site: Finding,
    /// Whether the API key is one of this site.
    pub api_key: Finding,
    /// Whether the application key belongs to it.
    pub app_key: Finding,
    /// Whether the application key may query: without it there are no values.
    pub timeseries_query: Finding,
    /// Whether the application key may look up metrics: without it, a misspelt metric is not told
    /// from a silent one.
    pub metrics_read: Finding,
}

/// One thing that was to be found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad(Error),
    /// The answer leaves it open.
    Unknown(Error),
    /// What it depends on is not good.
    Unasked,
}

impl Validation {
    pub(crate) fn of(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            site: Finding::Unasked,
            api_key: Finding::Unasked,
            app_key: Finding::Unasked,
            timeseries_query: Finding::Unasked,
            metrics_read: Finding::Unasked,
        }
    }

    /// Whether everything is good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings()
            .iter()
            .all(|(_, finding)| **finding == Finding::Good)
    }

    /// Each finding and the name of what was found out.
    #[must_use]
    pub fn findings(&self) -> [(&'static str, &Finding); 5] {
        [
            ("site", &self.site),
            ("API key", &self.api_key),
            ("application key", &self.app_key),
            ("scope timeseries_query", &self.timeseries_query),
            ("scope metrics_read", &self.metrics_read),
        ]
    }

    /// What the call told that needs an API key.
    pub(crate) fn note_api_key(&mut self, outcome: Result<(), Error>) {
        (self.site, self.api_key) = match outcome {
            Ok(()) => (Finding::Good, Finding::Good),
            Err(error @ Error::KeysRefused { .. }) => (Finding::Good, Finding::Bad(error)),
            Err(error @ Error::RateLimited { .. }) => (Finding::Good, Finding::Unknown(error)),
            Err(error) => (Finding::Bad(error), Finding::Unasked),
        };
    }

    /// What a query told, where the API key is good.
    pub(crate) fn note_query(&mut self, outcome: Result<(), Error>) {
        (self.app_key, self.timeseries_query) = match outcome {
            Err(error @ Error::KeysRefused { .. }) => (Finding::Bad(error), Finding::Unasked),
            Err(error @ Error::PermissionMissing { .. }) => (Finding::Good, Finding::Bad(error)),
            Err(error) if !error.blames_a_query() => (Finding::Unknown(error), Finding::Unasked),
            // Who is refused for the query was let in.
            Ok(()) | Err(_) => (Finding::Good, Finding::Good),
        };
    }

    /// What a look-up told, where both keys are good.
    pub(crate) fn note_metadata(&mut self, outcome: Result<(), Error>) {
        self.metrics_read = match outcome {
            Ok(()) => Finding::Good,
            Err(error @ Error::PermissionMissing { .. }) => Finding::Bad(error),
            Err(error) => Finding::Unknown(error),
        };
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.endpoint)?;
        self.findings()
            .iter()
            .try_for_each(|(what, finding)| match finding {
                Finding::Good => write!(f, "\n  good     {what}"),
                Finding::Bad(error) => write!(f, "\n  bad      {what}: {}", Chain(error)),
                Finding::Unknown(error) => write!(f, "\n  unknown  {what}: {}", Chain(error)),
                Finding::Unasked => write!(f, "\n  unasked  {what}"),
            })
    }
}
