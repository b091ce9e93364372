//! The limit of all calls together: governor's, over a state of our own.
//!
//! The state is kept apart from the quota, so that the quota may change, and in terms of a time that is given: for governor
//! the clock stands still at zero, and the state is what lies ahead of that.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use governor::{
    RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{NotKeyed, StateStore},
};

use super::gcra::Gcra;

/// When the next call would come if the calls so far had come one by one, in nanoseconds since any origin.
#[derive(Debug, Default)]
pub(super) struct Direct(AtomicU64);

/// The state as it is at one time, which is governor's zero.
struct At<'a> {
    state: &'a AtomicU64,
    now: u64,
}

impl Direct {
    /// Takes a call from `quota`, at `now`.
    ///
    /// # Errors
    /// When it is used up: how long to wait.
    pub(super) fn take(&self, quota: governor::Quota, now: u64) -> Result<(), Duration> {
        let state = At { state: &self.0, now };
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(quota, state, Still);
        limiter.check().map_err(|until| until.wait_time_from(Still.now()))
    }

    /// What `take` would say, which takes nothing.
    pub(super) fn look(&self, gcra: Gcra, now: u64) -> Result<(), Duration> {
        gcra.take(self.0.load(Relaxed), now).map(drop).map_err(Duration::from_nanos)
    }

    /// Gives a call back that is not served after all.
    pub(super) fn give_back(&self, gcra: Gcra) {
        self.update(|kept| gcra.give_back(kept));
    }

    /// Goes on under another quota.
    pub(super) fn convert(&self, gcra: Gcra, now: u64) {
        self.update(|kept| gcra.convert(kept, now));
    }

    fn update(&self, next: impl Fn(u64) -> u64) {
        // Nothing but the number itself is shared, so no ordering is needed.
        let _ = self.0.fetch_update(Relaxed, Relaxed, |kept| Some(next(kept)));
    }
}

impl StateStore for At<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut kept = self.state.load(Relaxed);
        loop {
            let (decided, next) = decide(Some(kept.saturating_sub(self.now).into()))?;
            let next = self.now.saturating_add(next.into());
            match self.state.compare_exchange_weak(kept, next, Relaxed, Relaxed) {
                Ok(_) => return Ok(decided),
                Err(other) => kept = other,
            }
        }
    }
}

/// A clock that stands still.
#[derive(Debug, Clone)]
struct Still;

impl Clock for Still {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;
    use crate::rate_limit::Quota;

    proptest! {
        /// With a state of its own, and a clock that goes, governor decides the same.
        #[test]
        fn a_clock_that_stands_still_decides_nothing_else(number in 1u32..1_000, burst in 1u32..50, pauses in prop::collection::vec(0u64..30_000_000, 1..200)) {
            let calls = |calls| NonZeroU32::new(calls).unwrap();
            let quota = Quota::per_second(calls(number)).burst(calls(burst));
            let (gcra, quota) = (Gcra::new(quota), quota.to_governor());
            let clock = FakeRelativeClock::default();
            let oracle = RateLimiter::direct_with_clock(quota, clock.clone());
            let (direct, mut now) = (Direct::default(), 0);
            for pause in pauses {
                clock.advance(Duration::from_nanos(pause));
                now += pause;
                let expected = oracle.check().map_err(|until| until.wait_time_from(clock.now()));
                prop_assert_eq!(direct.look(gcra, now), expected);
                prop_assert_eq!(direct.take(quota, now), expected);
            }
        }
    }
}
