//! Objects that show what an autoscaler asks for by a plain name.

use ring::digest::{SHA256, digest};
use time::{Duration, OffsetDateTime};

use super::{Defined, object::Object, status::inactive_since};

const PREFIX: &str = "dcaautogen-";

/// So many bytes of the digest; one more would look like one of Datadog's keys.
const BYTES: usize = 19;

/// One that nobody has asked for so long is removed.
pub(super) const KEPT_FOR: Duration = Duration::hours(3);

/// The name of the object that is generated for a query, the same as Datadog's agent gives it.
pub fn generated_name(query: &str) -> String {
    let digest = digest(&SHA256, query.as_bytes());
    let digest = digest.as_ref().iter().take(BYTES);
    let hex: String = digest.map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{hex}")
}

impl Defined {
    /// Whether it was generated, by this agent or by Datadog's.
    pub fn is_generated(&self) -> bool {
        self.generated_for.is_some()
            && self.metric.name.strip_prefix(PREFIX).is_some_and(|hex| {
                hex.len() == 2 * BYTES && hex.bytes().all(|digit| digit.is_ascii_hexdigit())
            })
    }
}

/// Whether it has been of no use for so long that it goes.
pub(super) fn is_used_up(object: &Object, now: OffsetDateTime) -> bool {
    let since = object.written.data.get("status").and_then(inactive_since);
    object.defined.is_generated() && since.is_some_and(|since| now - since >= KEPT_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_datadogs_agent_gives() {
        for (query, name) in [
            (
                "avg:docker.cpu.usage{bar:foo}.rollup(30)",
                "dcaautogen-b6ea72b610c00aba6791b5eca1912e68dc7412",
            ),
            (
                "avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)",
                "dcaautogen-9a6e15492f67c189c2541d0a2864a7a7e1779e",
            ),
        ] {
            assert_eq!(generated_name(query), name);
        }
    }
}
