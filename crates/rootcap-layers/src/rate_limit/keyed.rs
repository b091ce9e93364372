//! The limits of many callers: a table of fixed size.
//!
//! It is that of Space-Saving (Metwally et al., "Efficient computation of frequent and top-k elements in data streams",
//! 2005), for [`Gcra`]: a key that finds no place takes that of the key with the least debt, *and its debt*. So the least
//! debt of a full set only grows, and a key that comes back never finds less than it has left: whoever invents keys wins
//! no burst by it, neither for these nor for the one that is limited. A debt that is in the past is none, and a place
//! with such a one is free: while the keys of a set fit, it is exact.
//!
//! A key has 16 places where it may be. Which ones follows from its hash, by a secret of the table's, so that nobody aims
//! at a set. With half as many keys as places one in 1,000 finds its set full, with as many one in ten: it begins with the
//! least debt of that set. The hash also stands for the key: that two of 100,000 keys have the same 64 bits is as likely
//! as one in four thousand millions, and they would share a limit.

use std::{array, fmt, num::NonZeroUsize, sync::OnceLock, time::Duration};

use parking_lot::{Mutex, MutexGuard};

use super::gcra::Gcra;
use crate::admission::{Caller, Keys};

/// The places of a set.
const PLACES: usize = 16;
/// So many sets are made when the first of them is needed.
const SETS: usize = 16;

/// What callers have used of their limits.
pub(super) struct Keyed {
    chunks: Box<[OnceLock<Box<Chunk>>]>,
    sets: usize,
    secret: Keys,
    /// That of new sets. Locked while sets are made, and while it is changed.
    gcra: Mutex<Gcra>,
}

type Chunk = [Mutex<Set>; SETS];

/// Places where some keys may be. A lock is held for a look at one of these, and no longer.
#[derive(Debug, Clone, Copy)]
struct Set {
    /// Here, so that what is kept, and what it is reckoned by, change together.
    gcra: Gcra,
    keys: [u64; PLACES],
    kept: [u64; PLACES],
}

impl Keyed {
    /// A table for so many keys, rounded up to whole sets of 16. It takes no room before it is used.
    pub(super) fn new(keys: NonZeroUsize, gcra: Gcra) -> Self {
        let sets = keys.get().div_ceil(PLACES);
        let chunks = (0..sets.div_ceil(SETS)).map(|_| OnceLock::new()).collect();
        Self { chunks, sets, secret: Keys::new(), gcra: Mutex::new(gcra) }
    }

    /// What stands for a caller here.
    #[inline]
    pub(super) fn key(&self, caller: Caller<'_>) -> u64 {
        self.secret.of(caller)
    }

    /// Takes a call from the quota of `key`, at `now`.
    ///
    /// # Errors
    /// When it is used up: how long to wait.
    #[inline]
    pub(super) fn take(&self, key: u64, now: u64) -> Result<(), Duration> {
        self.set(key).take(key, now).map_err(Duration::from_nanos)
    }

    /// What [`take`](Self::take) would say, which takes nothing.
    pub(super) fn look(&self, key: u64, now: u64) -> Result<(), Duration> {
        let mut set = *self.set(key);
        set.take(key, now).map_err(Duration::from_nanos)
    }

    /// Gives a call back that is not served after all.
    pub(super) fn give_back(&self, key: u64) {
        self.set(key).give_back(key);
    }

    /// Goes on under another quota.
    pub(super) fn convert(&self, gcra: Gcra, now: u64) {
        // Held to the end: no set is made meanwhile.
        let mut of_new = self.gcra.lock();
        *of_new = gcra;
        for set in self.used() {
            let mut set = set.lock();
            set.kept = set.kept.map(|kept| gcra.convert(kept, now));
            set.gcra = gcra;
        }
    }

    /// How many keys have used something at `now`.
    pub(super) fn live(&self, now: u64) -> usize {
        let live = |set: &Mutex<Set>| set.lock().kept.iter().filter(|kept| **kept > now).count();
        self.used().map(live).sum()
    }

    /// How many keys there is room for.
    pub(super) fn most(&self) -> usize {
        self.sets * PLACES
    }

    /// How many bytes it takes now.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.chunks) + self.used().count() * size_of::<Mutex<Set>>()
    }

    #[inline]
    fn set(&self, key: u64) -> MutexGuard<'_, Set> {
        // The high bits choose, evenly among any number of sets.
        let set = ((u128::from(key) * self.sets as u128) >> 64) as usize;
        let chunk = &self.chunks[set / SETS];
        let made = chunk.get().map(|chunk| &**chunk);
        made.unwrap_or_else(|| self.make(chunk))[set % SETS].lock()
    }

    #[cold]
    fn make<'a>(&self, chunk: &'a OnceLock<Box<Chunk>>) -> &'a Chunk {
        let gcra = self.gcra.lock();
        chunk.get_or_init(|| Box::new(array::from_fn(|_| Mutex::new(Set::new(*gcra)))))
    }

    fn used(&self) -> impl Iterator<Item = &Mutex<Set>> {
        self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter())
    }
}

impl Set {
    fn new(gcra: Gcra) -> Self {
        Self { gcra, keys: [0; PLACES], kept: [0; PLACES] }
    }

    #[inline]
    fn take(&mut self, key: u64, now: u64) -> Result<(), u64> {
        let place = self.find(key).unwrap_or_else(|| self.least());
        self.kept[place] = self.gcra.take(self.kept[place], now)?;
        self.keys[place] = key;
        Ok(())
    }

    fn give_back(&mut self, key: u64) {
        // Another key may have taken the place meanwhile, and the debt with it.
        if let Some(place) = self.find(key) {
            self.kept[place] = self.gcra.give_back(self.kept[place]);
        }
    }

    #[inline]
    fn find(&self, key: u64) -> Option<usize> {
        self.keys.iter().position(|other| *other == key)
    }

    /// The place with the least debt, or with none.
    fn least(&self) -> usize {
        let places = self.kept.iter().enumerate();
        places.min_by_key(|(_, kept)| **kept).map_or(0, |(place, _)| place)
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("most", &self.most()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
