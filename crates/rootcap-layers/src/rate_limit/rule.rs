//! [`RateRule`]: a rule as it is set.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use super::Quota;
use crate::admission::{Match, Mode, Per};

/// How many callers a rule tells apart, unless set otherwise.
pub const DEFAULT_MAX_KEYS: NonZeroUsize = NonZeroUsize::new(100_000).expect("it is not zero");

/// A rule: which calls, per what, how much.
///
/// ```
/// use std::num::NonZeroU32;
/// use rootcap_layers::rate_limit::{Quota, RateRule};
///
/// let hundred = NonZeroU32::new(100).unwrap();
/// let rule = RateRule::new("greetings", Quota::per_second(hundred))
///     .matching("/helloworld.Greeter/*".parse().unwrap())
///     .per("metadata:x-tenant".parse().unwrap());
/// assert_eq!(rule.name(), "greetings");
/// ```
#[derive(Debug, Clone)]
pub struct RateRule {
    pub(super) name: Arc<str>,
    pub(super) matching: Match,
    pub(super) per: Per,
    pub(super) quota: Quota,
    pub(super) mode: Mode,
    pub(super) max_keys: NonZeroUsize,
}

impl RateRule {
    /// A limit of all calls together. The name shows in metrics, errors and pages.
    pub fn new(name: impl Into<Arc<str>>, quota: Quota) -> Self {
        Self {
            name: name.into(),
            matching: Match::ALL,
            per: Per::All,
            quota,
            mode: Mode::Enforce,
            max_keys: DEFAULT_MAX_KEYS,
        }
    }

    /// For these calls alone.
    #[must_use]
    pub fn matching(mut self, matching: Match) -> Self {
        self.matching = matching;
        self
    }

    /// For each of these by itself.
    #[must_use]
    pub fn per(mut self, per: Per) -> Self {
        self.per = per;
        self
    }

    /// Whether it refuses calls, or only counts them.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// How many callers it tells apart at a time, rounded up to the next 16.
    #[must_use]
    pub fn max_keys(mut self, keys: NonZeroUsize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What to change of a rule; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateChange {
    /// So many calls in a period.
    pub rate: Option<(NonZeroU32, Duration)>,
    /// So many at once.
    pub burst: Option<NonZeroU32>,
    /// Whether it refuses calls, or only counts them.
    pub mode: Option<Mode>,
}

impl RateChange {
    /// What becomes of a quota and a mode.
    pub(super) fn apply(&self, quota: Quota, mode: Mode) -> (Quota, Mode) {
        let (calls, period) = self.rate.unwrap_or((quota.calls(), quota.period()));
        let burst = self.burst.unwrap_or(quota.set_burst());
        (Quota::new(calls, period).burst(burst), self.mode.unwrap_or(mode))
    }
}
