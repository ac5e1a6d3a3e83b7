//! The few things that were found out last, to be found again.

use std::collections::VecDeque;

use parking_lot::RwLock;

const CAPACITY: usize = 16;

/// The newest of many. Whatever comes when it is full takes the place of the oldest.
pub(super) struct Newest<T>(RwLock<VecDeque<T>>);

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Newest<T> {
    /// What `look` finds in the first in which it finds anything.
    pub(super) fn find<R>(&self, look: impl FnMut(&T) -> Option<R>) -> Option<R> {
        self.0.read().iter().find_map(look)
    }

    pub(super) fn insert(&self, new: T) {
        let mut all = self.0.write();
        if all.len() == CAPACITY {
            all.pop_front();
        }
        all.push_back(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sixteen_are_found() {
        let newest = Newest::default();
        for number in 0..20 {
            newest.insert(number);
        }
        let found = |number| newest.find(|own| (*own == number).then_some(*own * 2));
        assert_eq!([3, 4, 19].map(found), [None, Some(8), Some(38)]);
    }
}
