//! [`Budget`]: the bytes of requests that may be in flight.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::admission::Mode;

/// Counts the bytes of requests in flight.
#[derive(Debug)]
pub(super) struct Budget {
    limit: AtomicU64,
    observes: AtomicBool,
    used: AtomicU64,
}

/// There is no room, or would be none if more was done than to observe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) limit: u64,
    pub(super) used: u64,
    /// How many bytes were asked for.
    pub(super) asked: u64,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, used, asked } = self;
        write!(f, "{used} bytes of requests are in flight, and {limit} may be")?;
        match asked {
            0 => Ok(()),
            _ => write!(f, ": there is no room for {asked} more"),
        }
    }
}

impl Budget {
    pub(super) fn new(limit: u64, mode: Mode) -> Self {
        let observes = AtomicBool::new(mode == Mode::Observe);
        Self { limit: AtomicU64::new(limit), observes, used: AtomicU64::new(0) }
    }

    #[inline]
    pub(super) fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    pub(super) fn mode(&self) -> Mode {
        if self.observes.load(Relaxed) { Mode::Observe } else { Mode::Enforce }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// From now on. What is in flight stays.
    pub(super) fn set(&self, limit: u64, mode: Mode) {
        self.limit.store(limit, Relaxed);
        self.observes.store(mode == Mode::Observe, Relaxed);
    }

    /// Whether there is any room.
    #[inline]
    pub(super) fn has_room(&self) -> Result<(), Full> {
        let (limit, used) = (self.limit(), self.used());
        if used < limit { Ok(()) } else { Err(Full { limit, used, asked: 0 }) }
    }

    /// Takes so many bytes, all or none, if there is room for so many besides.
    #[inline]
    pub(super) fn take(&self, bytes: u64, besides: u64) -> Result<(), Full> {
        let limit = self.limit();
        let more = |used: u64| {
            let sum = used.checked_add(bytes)?;
            (sum.checked_add(besides)? <= limit).then_some(sum)
        };
        // Nothing but the number itself is shared, so no ordering is needed.
        let taken = self.used.fetch_update(Relaxed, Relaxed, more);
        taken.map(drop).map_err(|used| Full { limit, used, asked: bytes.saturating_add(besides) })
    }

    /// Takes so many bytes, whether there are as many or not.
    pub(super) fn take_anyway(&self, bytes: u64) {
        self.used.fetch_add(bytes, Relaxed);
    }

    #[inline]
    pub(super) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn never_more_than_the_limit_and_never_less_than_fits(limit in 0u64..200, steps in proptest::collection::vec((any::<bool>(), 0u64..100), 0..100)) {
            let (budget, mut taken) = (Budget::new(limit, Mode::Enforce), Vec::new());
            for (takes, bytes) in steps {
                let used: u64 = taken.iter().sum();
                if takes {
                    let fits = used + bytes <= limit;
                    prop_assert_eq!(budget.take(bytes, 0).is_ok(), fits);
                    taken.extend(fits.then_some(bytes));
                } else if let Some(bytes) = taken.pop() {
                    budget.give_back(bytes);
                }
                prop_assert_eq!(budget.used(), taken.iter().sum::<u64>());
                prop_assert_eq!(budget.has_room().is_ok(), budget.used() < limit);
            }
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let budget = Budget::new(u64::MAX, Mode::Enforce);
        assert_eq!(budget.take(u64::MAX, 0), Ok(()));
        assert_eq!(budget.take(1, 0), Err(Full { limit: u64::MAX, used: u64::MAX, asked: 1 }));
    }
}
