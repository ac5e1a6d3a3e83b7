//! Many queries in one call.

use std::{collections::HashSet, num::NonZeroUsize};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{api_version::ApiVersion, query::Query, request::v2};

/// What each query costs on top of its own characters: the comma before it,
/// escaped, and a margin.
const EACH: usize = 16;

/// Escapes for a query parameter: all but the characters that RFC 3986 never
/// gives a meaning.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Queries that go to Datadog in one call, each at its position. The answers
/// come back under these positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    queries: Vec<Query>,
}

/// How many queries go into one call, and by which route. Datadog documents no limits; by
/// default these are the ones that its own agent keeps: more characters have met HTTP 414.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The route that the calls go to. It decides which of the two sizes counts.
    pub version: ApiVersion,
    /// At most so many queries.
    pub queries: NonZeroUsize,
    /// Version 1 has the queries in its address: at most so many characters of them,
    /// escaped, 16 more for each query included.
    pub characters: usize,
    /// Version 2 has the queries in a body: at most so many bytes of them.
    pub bytes: usize,
    /// At most so many calls of one round look for queries that spoil a call. A round
    /// that has used them up leaves the rest of the search to the next one.
    pub searches: u32,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            version: ApiVersion::default(),
            queries: const { NonZeroUsize::new(35).expect("35 is not zero") },
            characters: 7000,
            // Far below what any proxy on the way takes for too large.
            bytes: 64 * 1024,
            // Finds three bad queries among 35, whichever they are.
            searches: 40,
        }
    }
}

/// Cuts queries into batches, in their order and equal ones once. The second
/// list holds those that are too long for a call of their own.
#[must_use]
pub fn batches(
    queries: impl IntoIterator<Item = Query>,
    limits: BatchLimits,
) -> (Vec<Batch>, Vec<Query>) {
    let whole = limits.room();
    let mut seen = HashSet::new();
    let mut batches: Vec<Batch> = Vec::new();
    let mut too_long = Vec::new();
    let mut room = 0;
    for query in queries {
        if !seen.insert(query.clone()) {
            continue;
        }
        let cost = limits.cost(&query);
        if cost > whole {
            too_long.push(query);
            continue;
        }
        match batches.last_mut() {
            Some(batch) if cost <= room && batch.queries.len() < limits.queries.get() => {
                batch.queries.push(query);
                room -= cost;
            }
            _ => {
                batches.push(Batch::of(query));
                room = whole - cost;
            }
        }
    }
    (batches, too_long)
}

impl BatchLimits {
    /// The size of a call, in what its version counts.
    pub(crate) fn room(&self) -> usize {
        match self.version {
            ApiVersion::V1 => self.characters,
            ApiVersion::V2 => self.bytes,
        }
    }

    /// How much of it a query takes.
    pub(crate) fn cost(&self, query: &Query) -> usize {
        match self.version {
            ApiVersion::V1 => {
                let pieces = utf8_percent_encode(query.text(), ESCAPED);
                pieces.map(str::len).sum::<usize>() + EACH
            }
            ApiVersion::V2 => v2::cost(query),
        }
    }
}

/// The text as the value of a parameter in an address.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

impl Batch {
    /// A batch of one.
    #[must_use]
    pub fn of(query: Query) -> Self {
        Self {
            queries: vec![query],
        }
    }

    /// The queries, each at its position.
    #[must_use]
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The text of the call: the queries, joined by commas.
    #[must_use]
    pub fn joined(&self) -> String {
        self.queries
            .iter()
            .map(Query::text)
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The batch cut in two, the first half no smaller than the second. There
    /// is nothing to cut in a batch of one.
    #[must_use]
    pub fn halves(&self) -> Option<(Self, Self)> {
        if self.queries.len() < 2 {
            return None;
        }
        let (first, second) = self.queries.split_at(self.queries.len().div_ceil(2));
        Some((
            Self {
                queries: first.to_vec(),
            },
            Self {
                queries: second.to_vec(),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Query {
        Query::written(text).unwrap()
    }

    fn limits(queries: usize, characters: usize) -> BatchLimits {
        BatchLimits {
            queries: NonZeroUsize::new(queries).unwrap(),
            characters,
            ..BatchLimits::default()
        }
    }

    fn joined(batches: &[Batch]) -> Vec<String> {
        batches.iter().map(Batch::joined).collect()
    }

    #[test]
    fn equal_queries_are_asked_once() {
        let (batches, _) = batches(["a{*}", "b{*}", "a{*}"].map(query), BatchLimits::default());
        assert_eq!(joined(&batches), ["a{*},b{*}"]);
    }

    #[test]
    fn a_full_batch_is_followed_by_another() {
        let (by_number, _) = batches(["a{*}", "b{*}", "c{*}"].map(query), limits(2, 7000));
        assert_eq!(joined(&by_number), ["a{*},b{*}", "c{*}"]);

        // Each costs 1 + 3 × 3 escaped characters and 16.
        let (by_length, _) = batches(["a{*}", "b{*}", "c{*}"].map(query), limits(35, 52));
        assert_eq!(joined(&by_length), ["a{*},b{*}", "c{*}"]);
    }

    #[test]
    fn a_query_that_fits_no_call_does_not_take_its_neighbours_along() {
        let long = query(&format!("avg:m{{tag:{}}}", "x".repeat(7000)));
        let (batches, too_long) = batches(
            [query("a{*}"), long.clone(), query("b{*}")],
            BatchLimits::default(),
        );
        assert_eq!(
            (joined(&batches), too_long),
            (vec!["a{*},b{*}".into()], vec![long])
        );
    }

    #[test]
    fn a_batch_halves_down_to_one() {
        let (whole, _) = batches(["a{*}", "b{*}", "c{*}"].map(query), BatchLimits::default());
        let (first, second) = whole[0].halves().unwrap();
        assert_eq!(joined(&[first, second.clone()]), ["a{*},b{*}", "c{*}"]);
        assert_eq!(second.halves(), None);
    }

    #[test]
    fn a_body_holds_queries_that_are_too_long_for_an_address() {
        let long = query(&format!("avg:m{{tag:{}}}", "x".repeat(7000)));
        let longer = query(&format!("avg:m{{tag:{}}}", "x".repeat(70_000)));
        let limits = BatchLimits {
            version: ApiVersion::V2,
            ..BatchLimits::default()
        };
        let (batches, too_long) = batches([long.clone(), longer.clone()], limits);
        assert_eq!((batches, too_long), (vec![Batch::of(long)], vec![longer]));
    }

    proptest! {
        #[test]
        fn every_query_has_one_place_within_the_limits(
            names in prop::collection::vec("[a-z]{1,30}", 0..60),
            version in prop::sample::select(vec![ApiVersion::V1, ApiVersion::V2]),
            most in 1_usize..8,
            characters in 20_usize..200,
        ) {
            let asked: Vec<_> = names.iter().map(|name| query(&format!("{name}{{*}}"))).collect();
            let limits = BatchLimits { version, bytes: 2 * characters, ..limits(most, characters) };
            let (batches, too_long) = batches(asked.clone(), limits);

            let mut placed: Vec<_> = batches.iter().flat_map(Batch::queries).cloned().collect();
            let mut wanted: Vec<_> = asked.iter().filter(|q| !too_long.contains(q)).cloned().collect();
            placed.sort();
            wanted.sort();
            wanted.dedup();
            prop_assert_eq!(placed, wanted);

            for batch in &batches {
                prop_assert!((1..=most).contains(&batch.queries().len()));
                let size: usize = batch.queries().iter().map(|query| limits.cost(query)).sum();
                prop_assert!(size <= limits.room());
                if version == ApiVersion::V1 {
                    prop_assert!(escaped(&batch.joined()).len() <= characters);
                }
            }
        }
    }
}
