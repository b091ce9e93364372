//! [`Callers`]: a gate for each caller that has calls, and for no other.
//!
//! Who counts calls by caller must not be made to count callers: an entry lives while its caller has a call in flight or
//! waiting, and a few of those that have none linger, as most come again; so there are hardly more than calls. What an
//! entry has allocated is kept for the next caller.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::{
    gate::Gate,
    name::{Id, Name},
};
use crate::admission::Caller;

/// So many callers without calls are known at a time.
pub(super) const LINGERING: usize = 16;

/// The gates of callers.
#[derive(Debug)]
pub(super) struct Callers<W> {
    entries: Vec<Entry<W>>,
    /// The entries of callers that have calls, or linger.
    index: HashTable<usize>,
    /// The others.
    free: Vec<usize>,
    /// Callers that had no calls, the longest ago first; some may have by now.
    lingering: VecDeque<usize>,
}

#[derive(Debug)]
struct Entry<W> {
    id: Id,
    name: Name,
    gate: Gate<W>,
    /// Whether it is among those that linger.
    lingers: bool,
}

impl<W> Default for Callers<W> {
    fn default() -> Self {
        let (entries, index, free) = (Vec::new(), HashTable::new(), Vec::new());
        Self { entries, index, free, lingering: VecDeque::new() }
    }
}

impl<W> Callers<W> {
    /// The entry of this caller, which is made if there is none.
    #[inline]
    pub(super) fn of(&mut self, id: Id, caller: Caller<'_>) -> usize {
        let Self { entries, index, free, .. } = self;
        if let Some(&at) = index.find(id.0, |at| entries[*at].id == id) {
            return at;
        }
        let at = free.pop().unwrap_or(entries.len());
        index.insert_unique(id.0, at, |at| entries[*at].id.0);
        if at == entries.len() {
            let (name, gate) = (Name::default(), Gate::default());
            entries.push(Entry { id, name, gate, lingers: false });
        }
        entries[at].id = id;
        entries[at].name.set(caller);
        at
    }

    /// The gate of an entry.
    #[inline]
    pub(super) fn gate(&mut self, at: usize) -> &mut Gate<W> {
        &mut self.entries[at].gate
    }

    /// Lets the caller of an entry linger, if it has no calls, and forgets the one that does so for longest.
    #[inline]
    pub(super) fn linger_if_idle(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        if entry.lingers || !entry.gate.is_idle() {
            return;
        }
        entry.lingers = true;
        self.lingering.push_back(at);
        if self.lingering.len() > LINGERING
            && let Some(longest) = self.lingering.pop_front()
        {
            self.forget_if_idle(longest);
        }
    }

    /// Forgets the caller of an entry, if it has no calls by now.
    fn forget_if_idle(&mut self, at: usize) {
        let Entry { id, gate, lingers, .. } = &mut self.entries[at];
        *lingers = false;
        if gate.is_idle()
            && let Ok(found) = self.index.find_entry(id.0, |other| *other == at)
        {
            found.remove();
            gate.forget();
            self.free.push(at);
        }
    }

    /// Where the entries are, those of callers and others.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        0..self.entries.len()
    }

    /// Each caller that has calls, with its gate.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Gate<W>)> {
        let entries = self.index.iter().map(|at| &self.entries[*at]);
        let entries = entries.filter(|entry| !entry.gate.is_idle());
        entries.map(|entry| (&entry.name, &entry.gate))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::{
        super::{gate::Bounds, name::Ids},
        *,
    };
    use crate::{admission::Mode, excerpt::MAX_LEN};

    const BOUNDS: Bounds = Bounds {
        limit: NonZeroUsize::MAX,
        queue: 0,
        queue_timeout: Duration::ZERO,
        mode: Mode::Enforce,
    };

    #[test]
    fn a_caller_is_shown_as_what_it_is_told_apart_by() {
        let (ids, mut callers) = (Ids::new(), Callers::<()>::default());
        let long = [b'x'; 10 * MAX_LEN];
        let shown = |caller: Caller<'_>, callers: &mut Callers<()>| {
            let at = callers.of(ids.of(caller), caller);
            callers.gate(at).take(&BOUNDS, Instant::now);
            let shown =
                callers.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join("");
            callers.gate(at).release(Instant::now);
            callers.linger_if_idle(at);
            shown
        };
        assert_eq!(shown(Caller::Text(b"a\nb"), &mut callers), "a\\nb");
        assert_eq!(shown(Caller::Text(&long), &mut callers), "x".repeat(MAX_LEN) + "...");
        assert_eq!(shown(Caller::V4([192, 0, 2, 1].into()), &mut callers), "192.0.2.1");
        assert_eq!(shown(Caller::Unknown, &mut callers), "");
        assert_eq!(callers.iter().count(), 0);
    }

    #[test]
    fn a_few_of_those_without_calls_are_known_and_the_others_take_their_place() {
        let (ids, mut callers) = (Ids::new(), Callers::<()>::default());
        let mut come = |number: u32| {
            let caller = Caller::V4(number.into());
            let at = callers.of(ids.of(caller), caller);
            callers.linger_if_idle(at);
            (at, callers.places().len())
        };
        let first = come(0).0;
        for number in 0..10_000 {
            assert_eq!(come(0).0, first, "it comes again and again");
            assert!(come(number % LINGERING as u32).1 <= LINGERING);
        }
        for number in 0..10_000 {
            assert!(come(number).1 <= LINGERING + 1);
        }
    }

    proptest! {
        /// Against a map: who has how many calls. That all hashes are alike, or few, changes nothing.
        #[test]
        fn it_is_the_map_and_no_larger(steps in proptest::collection::vec((0u8..40, any::<bool>()), 0..300), hashes in 1u64..20) {
            let (mut callers, mut map, mut most) = (Callers::<()>::default(), BTreeMap::new(), 0);
            let now = Instant::now();
            for (caller, begins) in steps {
                let key = format!("caller {caller}");
                let id = Id(u64::from(caller) % hashes, u64::from(caller));
                let at = callers.of(id, Caller::Text(key.as_bytes()));
                if begins {
                    callers.gate(at).take(&BOUNDS, || now);
                    *map.entry(key).or_insert(0) += 1;
                } else if let Some(count) = map.get_mut(&key) {
                    callers.gate(at).release(|| now);
                    *count -= 1;
                }
                map.retain(|_, count| *count > 0);
                callers.linger_if_idle(at);
                most = most.max(map.len());
                let seen: BTreeMap<_, _> = callers.iter().map(|(key, gate)| (key.to_string(), gate.in_flight())).collect();
                prop_assert_eq!(&seen, &map);
            }
            // One more: a caller that is asked for is there, until it is forgotten.
            prop_assert!(callers.places().count() <= most + LINGERING + 1);
        }
    }
}
