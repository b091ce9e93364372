//! The generic cell rate algorithm (ITU-T I.371), for limits of many keys: what is kept of each is one number.
//!
//! The number is the *theoretical arrival time*: when the calls so far would have come, had they come one by one at the
//! rate. What lies in the past is as good as nothing. Times are nanoseconds since any origin.

use super::Quota;

/// A [`Quota`], in the numbers that are calculated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    /// From one call to the next.
    interval: u64,
    /// How far a call may come before its theoretical time.
    tolerance: u64,
}

impl Gcra {
    pub(super) fn new(quota: Quota) -> Self {
        let interval = quota.interval();
        Self { interval, tolerance: interval.saturating_mul(u64::from(quota.at_once().get()) - 1) }
    }

    /// What is to be kept after a call at `now`.
    ///
    /// # Errors
    /// When the call may not be served: how long to wait. What is kept stays.
    #[inline]
    pub(super) fn take(self, kept: u64, now: u64) -> Result<u64, u64> {
        let earliest = kept.saturating_sub(self.tolerance);
        if now < earliest {
            return Err(earliest - now);
        }
        Ok(kept.max(now).saturating_add(self.interval))
    }

    /// What is to be kept when a call that was taken is not served after all.
    pub(super) fn give_back(self, kept: u64) -> u64 {
        kept.saturating_sub(self.interval)
    }

    /// What is to be kept of what another quota has left behind: no more than if all of this one were used up.
    pub(super) fn convert(self, kept: u64, now: u64) -> u64 {
        kept.min(now.saturating_add(self.tolerance).saturating_add(self.interval))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{num::NonZeroU32, time::Duration};

    use governor::{
        RateLimiter,
        clock::{Clock, FakeRelativeClock},
    };
    use proptest::prelude::*;

    use super::*;

    fn quota() -> impl Strategy<Value = Quota> {
        let period = prop_oneof![1u64..100, 1_000_000u64..=3_600_000_000_000];
        let number = |number| NonZeroU32::new(number).unwrap();
        (1u32..2_000, period, 1u32..50).prop_map(move |(calls, period, burst)| {
            Quota::new(number(calls), Duration::from_nanos(period)).burst(number(burst))
        })
    }

    proptest! {
        /// governor's limiter is the oracle: the same calls are served, and the others are told the same.
        #[test]
        fn as_governor_decides(quota in quota(), pauses in prop::collection::vec((0u64..4, any::<prop::sample::Index>()), 1..200)) {
            let clock = FakeRelativeClock::default();
            let oracle = RateLimiter::direct_with_clock(quota.to_governor(), clock.clone());
            let gcra = Gcra::new(quota);
            let (mut kept, mut now) = (0, 0);
            for (intervals, part) in pauses {
                let pause = intervals * quota.interval() / 2 + part.index(quota.interval() as usize + 1) as u64;
                clock.advance(Duration::from_nanos(pause));
                now += pause;
                let expected = oracle.check().map_err(|until| until.wait_time_from(clock.now()));
                let taken = gcra.take(kept, now);
                prop_assert_eq!(taken.map(drop).map_err(Duration::from_nanos), expected);
                kept = taken.unwrap_or(kept);
            }
        }

        /// Whoever waits as told is served then, and not a nanosecond earlier.
        #[test]
        fn the_wait_is_exact(quota in quota(), calls in 1usize..100) {
            let gcra = Gcra::new(quota);
            let mut kept = 0;
            for _ in 0..calls {
                match gcra.take(kept, 1_000) {
                    Ok(next) => kept = next,
                    Err(wait) => {
                        prop_assert_eq!(gcra.take(kept, 1_000 + wait - 1), Err(1));
                        prop_assert!(gcra.take(kept, 1_000 + wait).is_ok());
                    }
                }
            }
        }

        #[test]
        fn what_is_given_back_can_be_taken_again(quota in quota(), now in 0u64..1_000_000_000_000) {
            let gcra = Gcra::new(quota);
            let mut kept = now;
            while let Ok(next) = gcra.take(kept, now) {
                kept = next;
            }
            prop_assert!(gcra.take(gcra.give_back(kept), now).is_ok());
        }

        /// Under another quota nobody has to wait for longer than between two of its calls, or has more than its burst.
        #[test]
        fn what_another_quota_left_is_converted(old in quota(), new in quota(), calls in 0usize..100) {
            let (old, quota, new) = (Gcra::new(old), new, Gcra::new(new));
            let now = 1_000_000;
            let kept = (0..calls).fold(0, |kept, _| old.take(kept, now).unwrap_or(kept));
            let converted = new.convert(kept, now);
            prop_assert!(converted <= kept);
            match new.take(converted, now) {
                Ok(_) => {}
                Err(wait) => prop_assert!(wait <= quota.interval()),
            }
        }
    }
}
