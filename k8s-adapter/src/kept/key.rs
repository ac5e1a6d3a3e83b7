//! The key of an entry. It is for people: what an entry says stands in its value.

use provider_api::ObjectReference;
use ring::digest::{SHA256, digest};

use crate::Demand;

/// What all our keys begin with. Other keys of a ConfigMap belong to others.
pub(super) const PREFIX: &str = "external_metric-";

/// The longest key that a ConfigMap can have.
const LONGEST: usize = 253;

/// The key that Datadog's cluster agent would give to the entry, where that is a legal
/// one and is free; else one that tells this demand from every other.
pub(super) fn key_of(demand: &Demand, is_free: impl Fn(&str) -> bool) -> String {
    let plain = plain(demand);
    if plain.len() <= LONGEST && plain.bytes().all(is_legal) && is_free(&plain) {
        return plain;
    }
    (0..)
        .map(|round| marked(&plain, demand, round))
        .find(|key| is_free(key))
        .expect("no ConfigMap holds as many keys as there are rounds")
}

fn plain(demand: &Demand) -> String {
    let ObjectReference {
        kind,
        namespace,
        name,
    } = &demand.asker;
    let kind = word_of(kind);
    format!("{PREFIX}{kind}-{namespace}-{name}-{}", demand.metric.name())
}

/// Hyphens part the words of a key, and names have hyphens as well: so the mark is of the
/// whole demand, and not of the key.
fn marked(plain: &str, demand: &Demand, round: u32) -> String {
    let Demand { asker, metric } = demand;
    let digest = digest(&SHA256, format!("{asker} {metric} {round}").as_bytes());
    let mark: String = digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let legal = |c: char| match u8::try_from(c) {
        Ok(byte) if is_legal(byte) => c,
        _ => '_',
    };
    let room = LONGEST - mark.len() - 1;
    let start: String = plain.chars().map(legal).take(room).collect();
    format!("{start}-{mark}")
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// The two kinds of autoscalers that have a word of their own; any other kind is written
/// as it is.
const WORDS: [(&str, &str); 2] = [
    ("HorizontalPodAutoscaler", "horizontal"),
    ("WatermarkPodAutoscaler", "watermark"),
];

pub(super) fn word_of(kind: &str) -> &str {
    let found = WORDS.iter().find(|(of, _)| *of == kind);
    found.map_or(kind, |(_, word)| word)
}

pub(super) fn kind_of(word: &str) -> &str {
    let found = WORDS.iter().find(|(_, of)| *of == word);
    found.map_or(word, |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kept::testing::demand;

    #[test]
    fn the_key_is_the_one_that_people_know() {
        assert_eq!(
            key_of(&demand("nginxext", "nginx.net.request_per_s"), |_| true),
            "external_metric-horizontal-shop-nginxext-nginx.net.request_per_s"
        );
    }

    #[test]
    fn a_key_that_is_taken_gets_a_mark_by_its_demand() {
        let plain = "external_metric-horizontal-shop-nginxext-queue.depth";
        let key = |metric: &str| key_of(&demand("nginxext", metric), |key| key != plain);
        let (one, other) = (key("queue.depth{queue=a}"), key("queue.depth{queue=b}"));
        assert_ne!(one, other);
        for marked in [one, other] {
            let mark = marked.strip_prefix(&format!("{plain}-")).unwrap();
            assert_eq!(mark.len(), 16, "{mark}");
        }
    }

    proptest! {
        #[test]
        fn every_key_is_legal_whatever_the_metric_is_called(name in "[^/%]{1,300}", is_free: bool) {
            prop_assume!(name != "." && name != "..");
            let mut demand = demand("nginxext", "x");
            demand.metric = provider_api::ExternalMetric::new(
                demand.metric.namespace().clone(),
                name.parse().unwrap(),
                demand.metric.selector().clone(),
            );
            let key = key_of(&demand, |key| is_free || key.ends_with(|c: char| c.is_ascii_hexdigit()));
            prop_assert!((1..=LONGEST).contains(&key.len()), "{}", key.len());
            prop_assert!(key.bytes().all(is_legal), "{key}");
        }
    }
}
