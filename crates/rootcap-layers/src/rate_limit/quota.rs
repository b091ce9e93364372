//! How many calls may begin in a time.

use std::{fmt, num::NonZeroU32, time::Duration};

/// How many calls may begin in a period, and how many of them at once.
///
/// ```
/// use std::num::NonZeroU32;
/// use rootcap_layers::rate_limit::Quota;
///
/// let hundred = NonZeroU32::new(100).expect("it is not zero");
/// let quota = Quota::per_second(hundred).burst(NonZeroU32::MIN);
/// assert_eq!(quota.to_string(), "100 calls in 1s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    calls: NonZeroU32,
    period: Duration,
    burst: NonZeroU32,
}

impl Quota {
    /// So many calls in a period, and as many at once.
    ///
    /// The shortest interval between two calls is a nanosecond: a period of zero is no limit, in practice.
    pub const fn new(calls: NonZeroU32, period: Duration) -> Self {
        Self { calls, period, burst: calls }
    }

    /// So many calls in a second, and as many at once.
    pub const fn per_second(calls: NonZeroU32) -> Self {
        Self::new(calls, Duration::from_secs(1))
    }

    /// So many calls at once, after a pause.
    #[must_use]
    pub const fn burst(mut self, calls: NonZeroU32) -> Self {
        self.burst = calls;
        self
    }

    /// Kept within what governor can count, in nanoseconds of a `u64`.
    pub(super) fn to_governor(self) -> governor::Quota {
        let interval = (self.period / self.calls.get()).clamp(SHORTEST, LONGEST);
        let most = u32::try_from(LONGEST.as_nanos() / interval.as_nanos()).unwrap_or(u32::MAX);
        let burst = self.burst.min(NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN));
        governor::Quota::with_period(interval).expect("it is not zero").allow_burst(burst)
    }
}

const SHORTEST: Duration = Duration::from_nanos(1);
/// A century.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// `100 calls in 1s`: what a caller is told, who need not know the burst.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = if self.calls == NonZeroU32::MIN { "call" } else { "calls" };
        write!(f, "{} {calls} in {:?}", self.calls, self.period)
    }
}
