//! [`Brevity`]: whether the calls of a method end as soon as they begin, learnt from those that did.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::Poll,
    time::Duration,
};

use crate::call::Call;

/// So many short calls in a row earn full trust.
const FULL: u32 = 1_024;
/// From here on a method is trusted.
const TRUSTED: u32 = FULL / 2;
/// What a call that had to wait takes back, in short calls: running it at once was work for nothing.
const WAITED: u32 = 16;

/// What is known of how long the first poll of a method's calls takes, and whether it is the last one.
///
/// An account: a call that ends in its first poll and is short pays in one; one that is longer takes out as many as
/// there are short ones in its time; one that has to wait for something takes out sixteen. A method is trusted while the
/// account holds half of what it can. So it is not trusted before it has proved itself, one call in a hundred may wait
/// or be interrupted by the machine without a change, and a single call of a thousand times the short ones ends the
/// trust.
#[derive(Debug, Default)]
pub struct Brevity(AtomicU32);

/// What came of the first poll of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPoll {
    /// The handler has answered, and the call has ended, this long after it began.
    Ended(Duration),
    /// The call has ended without an answer of the handler: it was refused, or given up. How short it was says nothing.
    Refused(Duration),
    /// It waits for something.
    Waits,
}

impl FirstPoll {
    /// What it was of `call` that answered `polled`, and `took` this long.
    #[inline]
    pub fn of(call: &Call, polled: Poll<()>, took: Duration) -> Self {
        match polled {
            Poll::Ready(()) if call.is_handled() => FirstPoll::Ended(took),
            Poll::Ready(()) => FirstPoll::Refused(took),
            Poll::Pending => FirstPoll::Waits,
        }
    }
}

impl Brevity {
    /// Whether the next call will probably end in its first poll, within microseconds.
    #[inline]
    pub fn is_trusted(&self) -> bool {
        self.0.load(Relaxed) >= TRUSTED
    }

    /// Learns from one call; one that takes no longer than `short` is a short one. Calls at the same time may be learnt
    /// from only in part: the account is an estimate.
    #[inline]
    pub fn learn(&self, first: FirstPoll, short: Duration) {
        let before = self.0.load(Relaxed);
        let after = match first {
            FirstPoll::Ended(time) if time <= short => (before + 1).min(FULL),
            FirstPoll::Ended(time) | FirstPoll::Refused(time) => {
                before.saturating_sub(shorts(time, short))
            }
            FirstPoll::Waits => before.saturating_sub(WAITED),
        };
        // What does not change is not written: all cores share it.
        if after != before {
            self.0.store(after, Relaxed);
        }
    }
}

/// How many short calls there are in `time`.
fn shorts(time: Duration, short: Duration) -> u32 {
    u32::try_from(time.as_nanos() / short.as_nanos().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(calls: impl IntoIterator<Item = FirstPoll>) -> bool {
        let brevity = Brevity::default();
        calls.into_iter().for_each(|call| brevity.learn(call, SHORT));
        brevity.is_trusted()
    }

    fn calls(count: usize, call: FirstPoll) -> impl Iterator<Item = FirstPoll> + Clone {
        std::iter::repeat_n(call, count)
    }

    const SHORT: Duration = Duration::from_micros(50);
    const BRIEF: FirstPoll = FirstPoll::Ended(SHORT);
    const BLOCKED: FirstPoll = FirstPoll::Ended(Duration::from_millis(100));

    #[test]
    fn trust_is_earned_by_short_calls() {
        assert!(!after([]));
        assert!(!after(calls(TRUSTED as usize - 1, BRIEF)));
        assert!(after(calls(TRUSTED as usize, BRIEF)));
    }

    #[test]
    fn one_call_that_blocks_ends_all_trust() {
        let earned = calls(10_000, BRIEF);
        assert!(!after(earned.clone().chain([BLOCKED])));
        assert!(!after(earned.clone().chain([BLOCKED]).chain(calls(TRUSTED as usize - 1, BRIEF))));
        assert!(after(earned.chain([BLOCKED]).chain(calls(TRUSTED as usize, BRIEF))));
    }

    #[test]
    fn refusals_earn_no_trust_however_many() {
        assert!(!after(calls(100_000, FirstPoll::Refused(Duration::from_micros(1)))));
        let overload = calls(1_000, FirstPoll::Refused(Duration::from_micros(1))).chain([BLOCKED]);
        assert!(!after(calls(10_000, BRIEF).chain(overload)));
    }

    #[test]
    fn one_call_in_a_hundred_may_be_interrupted_or_wait() {
        for other in [FirstPoll::Ended(Duration::from_millis(1)), FirstPoll::Waits] {
            assert!(after(calls(99, BRIEF).chain([other]).cycle().take(100_000)), "{other:?}");
        }
    }

    #[test]
    fn a_method_that_waits_every_tenth_time_is_not_trusted() {
        assert!(!after(calls(9, BRIEF).chain([FirstPoll::Waits]).cycle().take(100_000)));
    }

    proptest! {
        #[test]
        fn calls_that_are_too_long_on_average_are_not_trusted(micros in prop::collection::vec(0u64..1_000, 1..50)) {
            prop_assume!(micros.iter().sum::<u64>() / micros.len() as u64 > 2 * SHORT.as_micros() as u64);
            let calls = micros.iter().map(|it| FirstPoll::Ended(Duration::from_micros(*it)));
            let calls = calls.cycle().take(micros.len() * 1_000);
            prop_assert!(!after(calls));
        }
    }
}
