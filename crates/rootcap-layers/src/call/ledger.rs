//! [`Ledger`]: where the time of a call goes, kept with two atomic operations per change.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

use super::{Phase, PhaseTimes};

/// The lowest bits say what the call does; the others since when.
const BITS: u32 = 3;
const MASK: u64 = (1 << BITS) - 1;
/// What stands for the phase of a call that has ended.
const OVER: u64 = MASK;

/// Where the time of one call goes. Times are in nanoseconds since its start.
///
/// What it does and since when is one word, so that every moment is counted in one phase, and in no other, even where
/// both bodies of a call are polled by different threads.
#[derive(Debug)]
pub(super) struct Ledger {
    now: AtomicU64,
    spent: [AtomicU64; Phase::ALL.len()],
    /// Whether the handler had nothing when it was last asked for more of its answer.
    waits_for_handler: AtomicBool,
}

impl Default for Ledger {
    /// In the handler from the start.
    fn default() -> Self {
        Self {
            now: AtomicU64::new(pack(Phase::Handler as u64, 0)),
            spent: Default::default(),
            waits_for_handler: AtomicBool::new(false),
        }
    }
}

impl Ledger {
    /// What the call does now; `None` when it has ended.
    #[inline]
    pub(super) fn phase(&self) -> Option<Phase> {
        phase(self.now.load(Relaxed))
    }

    /// From `at` on the call is in `phase`.
    #[inline]
    pub(super) fn enter(&self, phase: Phase, at: u64) {
        self.change(pack(phase as u64, at), at);
    }

    /// The call ends at `at`: what is spent stays what it is.
    #[inline]
    pub(super) fn end(&self, at: u64) {
        self.change(pack(OVER, at), at);
    }

    /// When the call ended; `None` while it goes on.
    #[inline]
    pub(super) fn ended(&self) -> Option<u64> {
        let now = self.now.load(Relaxed);
        (now & MASK == OVER).then_some(now >> BITS)
    }

    #[inline]
    fn change(&self, to: u64, at: u64) {
        let before = self.now.swap(to, AcqRel);
        if let Some(phase) = phase(before) {
            self.spent[phase as usize].fetch_add(at.saturating_sub(before >> BITS), Relaxed);
        }
    }

    /// What is spent by `at`, the phase that goes on included. A change at the same time may be seen in part.
    #[inline]
    pub(super) fn times(&self, at: u64) -> PhaseTimes {
        let now = self.now.load(Relaxed);
        let mut times = std::array::from_fn(|phase| self.spent[phase].load(Relaxed));
        if let Some(phase) = phase(now) {
            times[phase as usize] += at.saturating_sub(now >> BITS);
        }
        PhaseTimes(times)
    }

    #[inline]
    pub(super) fn set_waits_for_handler(&self, waits: bool) {
        self.waits_for_handler.store(waits, Relaxed);
    }

    #[inline]
    pub(super) fn waits_for_handler(&self) -> bool {
        self.waits_for_handler.load(Relaxed)
    }
}

/// A call of 73 years has run out of bits.
#[inline]
fn pack(what: u64, at: u64) -> u64 {
    what | at << BITS
}

#[inline]
fn phase(packed: u64) -> Option<Phase> {
    Phase::ALL.get((packed & MASK) as usize).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_that_has_ended_spends_no_more() {
        let ledger = Ledger::default();
        assert_eq!(ledger.phase(), Some(Phase::Handler));
        ledger.enter(Phase::Streaming, 7);
        assert_eq!(ledger.times(10).0, [0, 0, 7, 3, 0]);
        ledger.end(12);
        assert_eq!((ledger.phase(), ledger.times(100).0), (None, [0, 0, 7, 5, 0]));
        assert_eq!((Ledger::default().ended(), ledger.ended()), (None, Some(12)));
    }

    fn changes() -> impl Strategy<Value = Vec<(Phase, u64)>> {
        proptest::collection::vec((proptest::sample::select(&Phase::ALL[..]), 0u64..1 << 40), 0..50)
    }

    proptest! {
        #[test]
        fn every_moment_is_counted_once(changes in changes(), rest in 0u64..1 << 40) {
            let (ledger, mut at) = (Ledger::default(), 0);
            let (mut expected, mut current) = ([0; 5], Phase::Handler);
            for (phase, later) in changes {
                at += later;
                expected[current as usize] += later;
                ledger.enter(phase, at);
                current = phase;
                prop_assert_eq!((ledger.phase(), ledger.times(at).0), (Some(phase), expected));
            }
            expected[current as usize] += rest;
            prop_assert_eq!(ledger.times(at + rest).0, expected);
            ledger.end(at + rest);
            prop_assert_eq!(ledger.times(u64::MAX).0, expected);
        }
    }
}
