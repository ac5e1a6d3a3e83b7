//! A map that mostly has one entry.

use std::{collections::BTreeMap, mem};

/// A map in the order of its keys, for where most maps have one entry, and some tens of
/// thousands: a node of a tree has room for eleven.
#[derive(Debug, Default)]
pub(crate) enum Few<K, V = ()> {
    #[default]
    None,
    One(K, V),
    More(BTreeMap<K, V>),
}

impl<K: Ord, V> Few<K, V> {
    /// Returns what was there for this key.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::None => {
                *self = Self::One(key, value);
                None
            }
            Self::One(only, before) if *only == key => Some(mem::replace(before, value)),
            Self::One(..) => {
                let mut more = BTreeMap::from([(key, value)]);
                if let Self::One(only, before) = mem::take(self) {
                    more.insert(only, before);
                }
                *self = Self::More(more);
                None
            }
            Self::More(more) => more.insert(key, value),
        }
    }

    /// Returns what was there for this key.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::One(only, _) if only == key => match mem::take(self) {
                Self::One(_, value) => Some(value),
                _ => None,
            },
            Self::None | Self::One(..) => None,
            Self::More(more) => {
                let value = more.remove(key);
                if more.len() == 1
                    && let Some((only, value)) = more.pop_first()
                {
                    *self = Self::One(only, value);
                }
                value
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, more) = match self {
            Self::None => (None, None),
            Self::One(key, value) => (Some((key, value)), None),
            Self::More(more) => (None, Some(more)),
        };
        one.into_iter().chain(more.into_iter().flatten())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_whatever_it_has(changes in prop::collection::vec((0..4_u8, prop::option::of(0..9_u8)), 0..30)) {
            let (mut few, mut map) = (Few::default(), BTreeMap::new());
            for (key, value) in changes {
                match value {
                    Some(value) => prop_assert_eq!(few.insert(key, value), map.insert(key, value)),
                    None => prop_assert_eq!(few.remove(&key), map.remove(&key)),
                }
                prop_assert_eq!(few.iter().collect::<Vec<_>>(), map.iter().collect::<Vec<_>>());
                prop_assert_eq!(few.keys().copied().collect::<Vec<_>>(), map.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(few.values().copied().collect::<Vec<_>>(), map.values().copied().collect::<Vec<_>>());
                prop_assert_eq!(few.is_empty(), map.is_empty());
            }
        }
    }
}
