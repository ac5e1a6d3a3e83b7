//! The name of the Lease.

use std::{fmt, str::FromStr};

use super::InvalidElection;
use crate::dns_name::is_dns_name;

/// What Kubernetes accepts as the name of an object.
const LONGEST: usize = 253;

/// A name that a Lease can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName(String);

impl LeaseName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LeaseName {
    type Err = InvalidElection;

    fn from_str(text: &str) -> Result<Self, InvalidElection> {
        match is_dns_name(text, LONGEST) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidElection::Lease(text.to_owned())),
        }
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_has_a_name_that_the_api_server_accepts() {
        for name in ["datadog-leader-election", "a.b", "0"] {
            assert_eq!(name.parse::<LeaseName>().unwrap().as_str(), name);
        }
        for text in ["", "A b", "a_b", "-a", "a.", "a/b", &"a".repeat(254)] {
            let refused = Err(InvalidElection::Lease(text.to_owned()));
            assert_eq!(text.parse::<LeaseName>(), refused);
        }
    }
}
