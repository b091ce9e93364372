//! [`RateRule`]: a rule as it is set; and as it stands, with what has been used of it.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use tonic::Code;

use super::{POLICY, Quota, direct::Direct, gcra::Gcra, keyed::Keyed};
use crate::admission::{
    Arrival, Match, Mode, Per, Reason, Refusal, Tally, TrustedProxies, Violation,
};

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
    max_keys: NonZeroUsize,
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

/// A rule as it stands.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) matching: Match,
    pub(super) per: Per,
    pub(super) used: Used,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) tally: Tally,
}

/// What has been used of a quota.
#[derive(Debug)]
pub(super) enum Used {
    Together(Direct),
    Each(Keyed),
}

impl Rule {
    pub(super) fn new(rule: RateRule) -> Self {
        let used = match rule.per.is_keyed() {
            false => Used::Together(Direct::default()),
            true => Used::Each(Keyed::new(rule.max_keys)),
        };
        let settings = Settings::new(&rule.name, &rule.per, rule.quota, rule.mode);
        Self {
            tally: Tally::new(POLICY, Arc::clone(&rule.name), &[Reason::RateLimitExceeded]),
            settings: ArcSwap::from_pointee(settings),
            name: rule.name,
            matching: rule.matching,
            per: rule.per,
            used,
        }
    }

    /// Takes a call from the quota, at `now`.
    ///
    /// # Errors
    /// When it is used up: how long to wait.
    pub(super) fn take(&self, settings: &Settings, call: &Taken<'_>) -> Result<(), Duration> {
        match &self.used {
            Used::Together(direct) => direct.take(settings.governor, call.now),
            Used::Each(keyed) => keyed.take(call.key(self, keyed), settings.gcra, call.now),
        }
    }

    /// Gives a call back that another rule has refused.
    pub(super) fn give_back(&self, call: &Taken<'_>) {
        let gcra = self.settings.load().gcra;
        match &self.used {
            Used::Together(direct) => direct.give_back(gcra),
            Used::Each(keyed) => keyed.give_back(call.key(self, keyed), gcra),
        }
    }

    /// Goes on with another quota, and in another mode.
    pub(super) fn set(&self, quota: Quota, mode: Mode, now: u64) {
        let settings = Settings::new(&self.name, &self.per, quota, mode);
        let gcra = settings.gcra;
        let old = self.settings.swap(Arc::new(settings));
        // Whoever still takes by the old ones would leave a debt behind that the new ones do not know.
        while Arc::strong_count(&old) > 1 {
            thread::yield_now();
        }
        match &self.used {
            Used::Together(direct) => direct.convert(gcra, now),
            Used::Each(keyed) => keyed.convert(gcra, now),
        }
    }

    pub(super) fn refusal(&self, settings: &Settings, retry_after: Duration) -> Refusal {
        Refusal {
            policy: POLICY,
            rule: Arc::clone(&self.name),
            code: Code::ResourceExhausted,
            reason: settings.reason.clone().into(),
            retry_after,
            violation: settings.violation.clone(),
        }
    }
}

/// A call, as rules look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) arrival: &'a Arrival<'a>,
    pub(super) proxies: &'a TrustedProxies,
    /// In nanoseconds since the rules were made.
    pub(super) now: u64,
}

impl Taken<'_> {
    fn key(&self, rule: &Rule, keyed: &Keyed) -> u64 {
        keyed.key(rule.per.caller(self.arrival, self.proxies))
    }
}

/// What of a rule may change, with all that follows from it.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) quota: Quota,
    pub(super) mode: Mode,
    gcra: Gcra,
    governor: governor::Quota,
    /// What a caller who is refused is told.
    reason: String,
    violation: Violation,
}

impl Settings {
    fn new(name: &str, per: &Per, quota: Quota, mode: Mode) -> Self {
        let limit = quota.to_string();
        let reason = match per {
            Per::All => format!("the limit of {limit} is used up"),
            Per::Peer => format!("the limit of {limit} for each address is used up"),
            Per::Metadata(key) => format!("the limit of {limit} for each `{key}` is used up"),
            Per::TlsIdentity => format!("the limit of {limit} for each identity is used up"),
        };
        let metadata = [("limit", limit.clone())];
        let violation = Violation::new(Reason::RateLimitExceeded, name, metadata)
            .quota(&per.to_string(), &limit);
        let (gcra, governor) = (Gcra::new(quota), quota.to_governor());
        Self { quota, mode, gcra, governor, reason, violation }
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
