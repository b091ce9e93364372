//! [`Callers`]: a gate for each caller that has calls, and for no other.
//!
//! Who counts calls by caller must not be made to count callers: an entry lives while its caller has a call in flight or
//! waiting, so there are never more of them than calls. What an entry has allocated is kept for the next caller.

use hashbrown::{HashTable, hash_table::Entry::Vacant};

use super::gate::Gate;

/// The gates of callers, by their keys.
#[derive(Debug)]
pub(super) struct Callers<W> {
    entries: Vec<Entry<W>>,
    /// The entries of callers that have calls.
    index: HashTable<usize>,
    /// The others.
    free: Vec<usize>,
}

#[derive(Debug)]
struct Entry<W> {
    hash: u64,
    key: String,
    gate: Gate<W>,
}

impl<W> Default for Callers<W> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashTable::new(), free: Vec::new() }
    }
}

impl<W> Callers<W> {
    /// The entry of this caller, which is made if there is none. `hash` is that of the key.
    pub(super) fn of(&mut self, hash: u64, key: &str) -> usize {
        let Self { entries, index, free } = self;
        let is_it = |at: &usize| entries[*at].key == key;
        let vacant = match index.entry(hash, is_it, |at| entries[*at].hash) {
            Vacant(vacant) => vacant,
            occupied => return *occupied.or_insert(0).get(),
        };
        let at = free.pop().unwrap_or(entries.len());
        vacant.insert(at);
        match entries.get_mut(at) {
            Some(entry) => {
                entry.hash = hash;
                entry.key.clear();
                entry.key.push_str(key);
            }
            None => entries.push(Entry { hash, key: key.to_owned(), gate: Gate::default() }),
        }
        at
    }

    /// The gate of an entry.
    pub(super) fn gate(&mut self, at: usize) -> &mut Gate<W> {
        &mut self.entries[at].gate
    }

    /// Forgets the caller of an entry, if it has no calls.
    pub(super) fn forget_if_idle(&mut self, at: usize) {
        let Entry { hash, gate, .. } = &mut self.entries[at];
        if gate.is_idle()
            && let Ok(found) = self.index.find_entry(*hash, |other| *other == at)
        {
            found.remove();
            gate.forget();
            self.free.push(at);
        }
    }

    /// How many callers there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Where the entries of callers are.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + use<W> {
        0..self.entries.len()
    }

    /// Each caller, with its gate.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Gate<W>)> {
        let entries = self.index.iter().map(|at| &self.entries[*at]);
        entries.map(|entry| (&*entry.key, &entry.gate))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::{super::gate::Bounds, *};
    use crate::admission::Mode;

    const BOUNDS: Bounds = Bounds {
        limit: NonZeroUsize::MAX,
        queue: 0,
        queue_timeout: Duration::ZERO,
        mode: Mode::Enforce,
    };

    proptest! {
        /// Against a map: who has how many calls. That all hashes are alike, or few, changes nothing.
        #[test]
        fn it_is_the_map_and_no_larger(steps in proptest::collection::vec((0u8..12, any::<bool>()), 0..300), hashes in 1u64..20) {
            let (mut callers, mut map, mut most) = (Callers::<()>::default(), BTreeMap::new(), 0);
            let now = Instant::now();
            for (caller, begins) in steps {
                let key = format!("caller {caller}");
                let at = callers.of(u64::from(caller) % hashes, &key);
                if begins {
                    callers.gate(at).take(&BOUNDS, now);
                    *map.entry(key).or_insert(0) += 1;
                } else if let Some(count) = map.get_mut(&key) {
                    callers.gate(at).release(|| now);
                    *count -= 1;
                }
                map.retain(|_, count| *count > 0);
                callers.forget_if_idle(at);
                most = most.max(map.len());
                let seen: BTreeMap<_, _> = callers.iter().map(|(key, gate)| (key.to_owned(), gate.in_flight())).collect();
                prop_assert_eq!(&seen, &map);
                prop_assert_eq!(callers.len(), map.len());
            }
            // One more: a caller that is asked for is there, until it is forgotten.
            prop_assert!(callers.places().count() <= most + 1);
        }
    }
}
