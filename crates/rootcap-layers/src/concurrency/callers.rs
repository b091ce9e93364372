//! [`Callers`]: a gate for each caller that has calls, and for no other.
//!
//! Who counts calls by caller must not be made to count callers: an entry lives while its caller has a call in flight or
//! waiting, so there are never more of them than calls. What an entry has allocated is kept for the next caller.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
};

use hashbrown::{HashTable, hash_table::Entry::Vacant};

use super::gate::Gate;
use crate::{admission::Caller, excerpt::MAX_LEN};

/// The gates of callers.
#[derive(Debug)]
pub(super) struct Callers<W> {
    entries: Vec<Entry<W>>,
    /// The entries of callers that have calls.
    index: HashTable<usize>,
    /// The others.
    free: Vec<usize>,
}

/// Whose an entry is: two hashes, with random keys, so that a caller takes no more room than another however long its
/// name is, and none can be mistaken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u64, u64);

/// Makes [`Id`]s.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids(RandomState, RandomState);

#[derive(Debug)]
struct Entry<W> {
    id: Id,
    name: Name,
    gate: Gate<W>,
}

/// As much of a caller as is shown of it.
#[derive(Debug)]
pub(super) struct Name {
    caller: Caller<'static>,
    text: Vec<u8>,
}

impl Ids {
    pub(super) fn of(&self, caller: Caller<'_>) -> Id {
        Id(self.0.hash_one(caller), self.1.hash_one(caller))
    }
}

impl Id {
    /// Of all calls together.
    pub(super) const ALL: Self = Self(0, 0);

    /// A number below `n`.
    pub(super) fn spread(self, n: usize) -> usize {
        // Not of the half that finds the place in a table.
        (self.1 % n as u64) as usize
    }
}

impl Default for Name {
    fn default() -> Self {
        Self { caller: Caller::Unknown, text: Vec::new() }
    }
}

impl Name {
    /// What is to be shown of this caller.
    pub(super) fn of(caller: Caller<'_>) -> Self {
        let mut name = Self::default();
        name.set(caller);
        name
    }

    /// A caller that is shown alike.
    pub(super) fn caller(&self) -> Caller<'_> {
        match self.caller {
            Caller::Text(_) => Caller::Text(&self.text),
            other => other,
        }
    }

    fn set(&mut self, caller: Caller<'_>) {
        self.text.clear();
        self.caller = match caller {
            Caller::Unknown => Caller::Unknown,
            Caller::V4(address) => Caller::V4(address),
            Caller::V6(half) => Caller::V6(half),
            Caller::Text(text) => {
                // One byte more than is shown, so that it is seen that it was cut.
                self.text.extend_from_slice(&text[..text.len().min(MAX_LEN + 1)]);
                Caller::Text(&[])
            }
        };
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.caller().fmt(f)
    }
}

impl<W> Default for Callers<W> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashTable::new(), free: Vec::new() }
    }
}

impl<W> Callers<W> {
    /// The entry of this caller, which is made if there is none.
    pub(super) fn of(&mut self, id: Id, caller: Caller<'_>) -> usize {
        let Self { entries, index, free } = self;
        let entry = index.entry(id.0, |at| entries[*at].id == id, |at| entries[*at].id.0);
        let vacant = match entry {
            Vacant(vacant) => vacant,
            occupied => return *occupied.or_insert(0).get(),
        };
        let at = free.pop().unwrap_or(entries.len());
        vacant.insert(at);
        if at == entries.len() {
            entries.push(Entry { id, name: Name::default(), gate: Gate::default() });
        }
        entries[at].id = id;
        entries[at].name.set(caller);
        at
    }

    /// The gate of an entry.
    pub(super) fn gate(&mut self, at: usize) -> &mut Gate<W> {
        &mut self.entries[at].gate
    }

    /// Forgets the caller of an entry, if it has no calls.
    pub(super) fn forget_if_idle(&mut self, at: usize) {
        let Entry { id, gate, .. } = &mut self.entries[at];
        if gate.is_idle()
            && let Ok(found) = self.index.find_entry(id.0, |other| *other == at)
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

    /// Where the entries are, those of callers and others.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        0..self.entries.len()
    }

    /// Each caller, with its gate.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Gate<W>)> {
        let entries = self.index.iter().map(|at| &self.entries[*at]);
        entries.map(|entry| (&entry.name, &entry.gate))
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

    #[test]
    fn a_caller_is_shown_as_what_it_is_told_apart_by() {
        let (ids, mut callers) = (Ids::default(), Callers::<()>::default());
        let long = [b'x'; 10 * MAX_LEN];
        let shown = |caller: Caller<'_>, callers: &mut Callers<()>| {
            let at = callers.of(ids.of(caller), caller);
            let shown =
                callers.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join("");
            callers.forget_if_idle(at);
            shown
        };
        assert_eq!(shown(Caller::Text(b"a\nb"), &mut callers), "a\\nb");
        assert_eq!(shown(Caller::Text(&long), &mut callers), "x".repeat(MAX_LEN) + "...");
        assert_eq!(shown(Caller::V4([192, 0, 2, 1].into()), &mut callers), "192.0.2.1");
        assert_eq!(shown(Caller::Unknown, &mut callers), "");
        assert_eq!(callers.places().len(), 1, "one after the other take the same place");
    }

    proptest! {
        /// Against a map: who has how many calls. That all hashes are alike, or few, changes nothing.
        #[test]
        fn it_is_the_map_and_no_larger(steps in proptest::collection::vec((0u8..12, any::<bool>()), 0..300), hashes in 1u64..20) {
            let (mut callers, mut map, mut most) = (Callers::<()>::default(), BTreeMap::new(), 0);
            let now = Instant::now();
            for (caller, begins) in steps {
                let key = format!("caller {caller}");
                let id = Id(u64::from(caller) % hashes, u64::from(caller));
                let at = callers.of(id, Caller::Text(key.as_bytes()));
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
                let seen: BTreeMap<_, _> = callers.iter().map(|(key, gate)| (key.to_string(), gate.in_flight())).collect();
                prop_assert_eq!(&seen, &map);
                prop_assert_eq!(callers.len(), map.len());
            }
            // One more: a caller that is asked for is there, until it is forgotten.
            prop_assert!(callers.places().count() <= most + 1);
        }
    }
}
