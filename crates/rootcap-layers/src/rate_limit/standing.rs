//! [`Rule`]: a rule as it stands, with what has been used of it.

use std::{sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tonic::Code;

use super::{POLICY, Quota, RateRule, direct::Direct, keyed::Keyed, settings::Settings};
use crate::{
    admission::{Arrival, Match, Mode, Per, Reason, Refusal, Tally, TrustedProxies},
    limits::{Arrivals, TopCallers},
};

/// A rule as it stands.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) matching: Match,
    pub(super) per: Per,
    pub(super) used: Used,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) tally: Tally,
    pub(super) arrivals: Arrivals,
    pub(super) callers: TopCallers,
}

/// What has been used of a quota.
#[derive(Debug)]
pub(super) enum Used {
    Together(Direct),
    Each(Keyed),
}

impl Rule {
    pub(super) fn new(rule: RateRule) -> Self {
        let settings = Settings::new(&rule.name, &rule.per, rule.quota, rule.mode);
        let used = match rule.per.is_keyed() {
            false => Used::Together(Direct::default()),
            true => Used::Each(Keyed::new(rule.max_keys, settings.gcra)),
        };
        Self {
            tally: Tally::new(POLICY, Arc::clone(&rule.name), &[Reason::RateLimitExceeded]),
            settings: ArcSwap::from_pointee(settings),
            name: rule.name,
            matching: rule.matching,
            per: rule.per,
            used,
            arrivals: Arrivals::new(),
            callers: TopCallers::new(),
        }
    }

    /// Takes a call from the quota, at `now`.
    ///
    /// # Errors
    /// When it is used up: how long to wait.
    #[inline]
    pub(super) fn take(&self, call: &Taken<'_>) -> Result<(), Duration> {
        match &self.used {
            Used::Together(direct) => {
                self.arrivals.note(Taken::TOGETHER, call.now);
                // Held to the end: a change waits for it.
                let settings = self.settings.load();
                direct.take(settings.governor, call.now)
            }
            Used::Each(keyed) => {
                let key = call.key(self, keyed);
                self.arrivals.note(key, call.now);
                keyed.take(key, call.now)
            }
        }
    }

    /// What [`take`](Self::take) would say, which takes nothing.
    pub(super) fn look(&self, call: &Taken<'_>) -> Result<(), Duration> {
        match &self.used {
            Used::Together(direct) => direct.look(self.settings.load().gcra, call.now),
            Used::Each(keyed) => keyed.look(call.key(self, keyed), call.now),
        }
    }

    /// Gives a call back that another rule has refused.
    pub(super) fn give_back(&self, call: &Taken<'_>) {
        match &self.used {
            Used::Together(direct) => direct.give_back(self.settings.load().gcra),
            Used::Each(keyed) => keyed.give_back(call.key(self, keyed)),
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
            reason: Arc::clone(&settings.reason),
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
    /// The key of all callers, where they are not told apart.
    pub(super) const TOGETHER: u64 = 0;

    #[inline]
    fn key(&self, rule: &Rule, keyed: &Keyed) -> u64 {
        keyed.key(rule.per.caller(self.arrival, self.proxies))
    }
}
