//! When calls came, and of whom: the recent past of a rule, to ask what another quota would have done.

use std::{
    collections::HashMap,
    sync::{
        OnceLock,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
    },
    time::Duration,
};

/// How many arrivals are kept.
pub const KEPT: usize = 65_536;
/// They are kept in chunks, which are made as they are needed: a rule that sees few calls takes little memory.
const CHUNK: usize = 4_096;
/// How many of the callers that would have been refused most are told.
const WORST: usize = 10;

/// The last [`KEPT`] arrivals. Noting one neither waits nor, but for the first of each chunk, allocates.
#[derive(Debug)]
pub struct Arrivals {
    next: AtomicUsize,
    chunks: [OnceLock<Box<[Slot]>>; KEPT / CHUNK],
}

/// One arrival, or none yet.
#[derive(Debug, Default)]
struct Slot {
    /// One more than the time, so that zero is no arrival; zero too while the slot is being written.
    at: AtomicU64,
    key: AtomicU64,
}

impl Slot {
    #[inline]
    fn write(&self, at: u64, key: u64) {
        self.at.store(0, Relaxed);
        fence(Release);
        self.key.store(key, Relaxed);
        self.at.store(at.saturating_add(1), Release);
    }

    /// The time and the key of one and the same arrival; `None` where there is none, or it is being replaced. (Two that
    /// write one slot at once are a whole ring apart: what mixes them up is one arrival in 65,536 of a moment's.)
    fn read(&self) -> Option<(u64, u64)> {
        let at = self.at.load(Acquire);
        let key = self.key.load(Relaxed);
        fence(Acquire);
        (at != 0 && self.at.load(Relaxed) == at).then(|| (at - 1, key))
    }
}

/// What other limits would have made of the arrivals that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// From the first of them until now.
    pub window: Duration,
    /// How many there are.
    pub arrivals: usize,
    /// Of how many callers.
    pub keys: usize,
    /// How many would have been refused.
    pub would_reject: usize,
    /// Of how many callers.
    pub keys_rejected: usize,
    /// The callers that would have been refused most, by the hash of their key, and how often; at most ten.
    pub worst: Vec<(u64, usize)>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::new()
    }
}

impl Arrivals {
    /// None yet.
    pub fn new() -> Self {
        Self { next: AtomicUsize::new(0), chunks: [const { OnceLock::new() }; KEPT / CHUNK] }
    }

    /// A call came at `now`, of the caller whose key has the hash `key`. It takes the place of the oldest.
    #[inline]
    pub fn note(&self, key: u64, now: u64) {
        let index = self.next.fetch_add(1, Relaxed) % KEPT;
        let chunk = self.chunks[index / CHUNK]
            .get_or_init(|| std::iter::repeat_with(Slot::default).take(CHUNK).collect());
        chunk[index % CHUNK].write(now, key);
    }

    /// Plays the arrivals again, in the order of their times, to `admit`: given what it has kept of the caller, and the
    /// time. Each caller begins with nothing kept, so what was used up before the window is not counted.
    pub fn replay<S: Default>(
        &self,
        now: u64,
        mut admit: impl FnMut(&mut S, u64) -> bool,
    ) -> WhatIf {
        let arrivals = self.known();
        let mut callers: HashMap<u64, (S, usize)> = HashMap::new();
        for &(at, key) in &arrivals {
            let (state, rejected) = callers.entry(key).or_default();
            *rejected += usize::from(!admit(state, at));
        }
        let first = arrivals.first().map_or(now, |(at, _)| *at);
        let mut worst: Vec<_> =
            callers.iter().map(|(&key, (_, rejected))| (key, *rejected)).collect();
        worst.retain(|(_, rejected)| *rejected > 0);
        worst.sort_unstable_by_key(|&(key, rejected)| (usize::MAX - rejected, key));
        let (would_reject, keys_rejected) = (worst.iter().map(|(_, n)| n).sum(), worst.len());
        worst.truncate(WORST);
        let window = Duration::from_nanos(now.saturating_sub(first));
        WhatIf {
            window,
            arrivals: arrivals.len(),
            keys: callers.len(),
            would_reject,
            keys_rejected,
            worst,
        }
    }

    /// The arrivals, in the order of their times.
    fn known(&self) -> Vec<(u64, u64)> {
        let slots = self.chunks.iter().filter_map(OnceLock::get).flatten();
        let mut known: Vec<_> = slots.filter_map(Slot::read).collect();
        known.sort_unstable();
        known
    }
}

#[cfg(test)]
mod tests;
