//! Which of Datadog's two routes for queries is asked.

use std::{fmt, str::FromStr};

/// Which of Datadog's two routes for time series is asked. They take the same queries and
/// have the same values; the answers of either become the same [`Reply`](crate::Reply).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// `GET /api/v1/query`. Its answers tell how many calls are left, and how wide the
    /// buckets are.
    #[default]
    V1,
    /// `POST /api/v2/query/timeseries`, the one that Datadog recommends. Its answers tell
    /// neither.
    V2,
}

/// A text names no [`ApiVersion`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of Datadog's query API: use v1 or v2")]
pub struct InvalidApiVersion(String);

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            other => Err(InvalidApiVersion(other.to_owned())),
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written() {
        for version in [ApiVersion::V1, ApiVersion::V2] {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        for text in ["", "V2", "2", "v3"] {
            assert_eq!(
                text.parse::<ApiVersion>(),
                Err(InvalidApiVersion(text.into()))
            );
        }
    }
}
