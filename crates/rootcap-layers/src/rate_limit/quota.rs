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

    /// So many calls, in a [`period`](Self::period).
    pub const fn calls(&self) -> NonZeroU32 {
        self.calls
    }

    /// In which time that many [`calls`](Self::calls) may begin.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// The burst as it was set.
    pub(super) const fn set_burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// How many calls may begin at once, after a pause: the burst, or what a century has room for.
    pub fn at_once(&self) -> NonZeroU32 {
        self.burst.min(self.most_at_once())
    }

    /// The largest burst that there can be, which a century of no calls would make up for.
    pub fn most_at_once(&self) -> NonZeroU32 {
        let most = u32::try_from(CENTURY / self.interval()).unwrap_or(u32::MAX);
        NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN)
    }

    /// From one call to the next, in nanoseconds.
    pub(super) fn interval(&self) -> u64 {
        let interval = (self.period / self.calls.get()).as_nanos();
        u64::try_from(interval).unwrap_or(u64::MAX).clamp(1, CENTURY)
    }

    pub(super) fn to_governor(self) -> governor::Quota {
        let interval = Duration::from_nanos(self.interval());
        governor::Quota::with_period(interval).expect("it is not zero").allow_burst(self.at_once())
    }
}

/// In nanoseconds, of which a `u64` has room for almost six.
const CENTURY: u64 = 100 * 365 * 24 * 3_600 * 1_000_000_000;

/// `100 calls in 1s`: what a caller is told, who need not know the burst.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = if self.calls == NonZeroU32::MIN { "call" } else { "calls" };
        write!(f, "{} {calls} in {:?}", self.calls, self.period)
    }
}
