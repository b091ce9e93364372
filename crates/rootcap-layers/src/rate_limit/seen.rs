//! What operators see of the rules: who is refused, what was decided last, and what another quota would have done.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Quota, RateRules,
    gcra::Gcra,
    standing::{Rule, Taken, Used},
};
use crate::{
    admission::{Caller, Per, Reason},
    limits::{Decided, LastDecision, LastDecisions, TopCaller, Verdict, WhatIf},
};

impl RateRules {
    /// The callers that a rule has refused most lately, or would have; `None` if no rule has that name.
    pub fn top_callers(&self, name: &str, most: usize) -> Option<Vec<TopCaller>> {
        let now = self.0.nanos(Instant::now());
        self.find(name).map(|rule| rule.callers.top(most, now))
    }

    /// What another quota would have made of the recent calls of a rule, each of its callers with all of it at first;
    /// `None` if no rule has that name. `worst` has the names of those callers that are known by name.
    pub fn what_if(&self, name: &str, quota: Quota) -> Option<(WhatIf, Vec<Option<String>>)> {
        let now = self.0.nanos(Instant::now());
        let (rule, gcra) = (self.find(name)?, Gcra::new(quota));
        let what_if = rule.arrivals.replay(now, |kept: &mut u64, at| {
            let taken = gcra.take(*kept, at);
            *kept = taken.unwrap_or(*kept);
            taken.is_ok()
        });
        let known = rule.callers.keys();
        let name_of = |key| known.iter().find(|name| rule.key_of(name) == Some(key)).cloned();
        let names = what_if.worst.iter().map(|&(key, _)| name_of(key)).collect();
        Some((what_if, names))
    }

    /// The last calls that were refused, or would have been, and how long ago that was; the latest first.
    pub fn last_decisions(&self) -> Vec<(Duration, LastDecision)> {
        self.0.decisions.before(self.0.nanos(Instant::now()))
    }
}

impl Rule {
    /// Notes a call that is refused, or would be.
    pub(super) fn note(
        &self,
        decisions: &LastDecisions,
        call: &Taken<'_>,
        verdict: Verdict,
        retry_after: Duration,
    ) {
        let caller = self.per.caller(call.arrival, call.proxies).to_string();
        self.callers.note(&caller, call.now);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let quota = self.settings.load().quota;
        decisions.note(&Decided {
            at: call.now,
            rule: &self.name,
            method: call.arrival.path,
            caller: &caller,
            verdict,
            reason: Reason::RateLimitExceeded.as_str(),
            inputs: &[
                ("calls", quota.calls().get().into()),
                ("period_ms", millis(quota.period())),
                ("burst", quota.at_once().get().into()),
                ("retry_after_ms", millis(retry_after)),
            ],
        });
    }

    /// The key of a caller that is shown by this name; `None` where it cannot be told.
    fn key_of(&self, name: &str) -> Option<u64> {
        let Used::Each(keyed) = &self.used else { return Some(Taken::TOGETHER) };
        let caller = match &self.per {
            _ if name.is_empty() => Caller::Unknown,
            Per::Peer => match name.strip_suffix("/64") {
                Some(half) => Caller::V6((u128::from(half.parse::<Ipv6Addr>().ok()?) >> 64) as u64),
                None => Caller::V4(name.parse::<Ipv4Addr>().ok()?),
            },
            _ => Caller::Text(name.as_bytes()),
        };
        Some(keyed.key(caller))
    }
}
