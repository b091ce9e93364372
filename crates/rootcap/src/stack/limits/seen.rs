//! The limits that are in force, as the admin port sees them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rootcap_layers::{
    admission::{Match, Mode, Per},
    concurrency::ConcurrencyRules,
    limits::{LastDecision, decisions::LAST},
    rate_limit::RateRules,
};

use super::{
    REQUEST_BYTES, in_flight, rates,
    rules::{Bytes, Calls, Rates},
};
use crate::{
    config::Loaded,
    in_force::{Given, Origin},
    limits::{Amount, Described, Limit, LimitSetting, Limits},
    stack::Layers,
};

impl Layers {
    /// The rules that are in force, as they are configured.
    pub(crate) fn limits(&self, loaded: &Loaded) -> Limits {
        let configured = |key: &str, amount, mode| {
            let source = Origin::Settings(loaded.sources.of(key).to_string());
            Given::new(LimitSetting { amount, mode }, source, SystemTime::now())
        };
        let calls = self.concurrency.limits().into_iter().flat_map(|rules| {
            in_flight(&loaded.config).into_iter().map(|(key, rule)| {
                let queue = Some((rule.queue as u64, rule.queue_timeout));
                let described = described(&rule.name, "concurrency", &rule.r#match, &rule.per);
                let described = Described { queue, ..described };
                let calls = Calls { name: Arc::clone(&described.name), rules: rules.clone() };
                Limit::new(described, configured(&key, Amount::Calls(rule.limit), rule.mode), calls)
            })
        });
        let bytes = loaded.config.limits.request_bytes.map(|limit| {
            let described = described(REQUEST_BYTES, "request_bytes", &Match::ALL, &Per::All);
            let setting = configured(REQUEST_BYTES, Amount::Bytes(limit), Mode::Enforce);
            Limit::new(described, setting, Bytes(self.request_bytes.clone()))
        });
        let rates = self.rate_limit.limits().into_iter().flat_map(|rules| {
            rates(&loaded.config).into_iter().map(|(key, rule)| {
                let amount = Amount::Quota { quota: rule.quota, burst: rule.burst };
                let max_keys = rule.per.is_keyed().then_some(rule.max_keys as u64);
                let described = described(&rule.name, "rate", &rule.r#match, &rule.per);
                let described = Described { max_keys, ..described };
                let rates = Rates { name: Arc::clone(&described.name), rules: rules.clone() };
                Limit::new(described, configured(&key, amount, rule.mode), rates)
            })
        });
        let this = self.clone();
        Limits::new(rates.chain(calls).chain(bytes), move || this.last_decisions())
    }

    /// The last decisions of all rules, the latest first.
    fn last_decisions(&self) -> Vec<(Duration, LastDecision)> {
        let rates = self.rate_limit.limits().map(RateRules::last_decisions);
        let calls = self.concurrency.limits().map(ConcurrencyRules::last_decisions);
        let all = [rates, calls, Some(self.request_bytes.last_decisions())];
        let mut all: Vec<_> = all.into_iter().flatten().flatten().collect();
        all.sort_by_key(|(ago, _)| *ago);
        all.truncate(LAST);
        all
    }
}

fn described(name: &str, kind: &'static str, matches: &Match, per: &Per) -> Described {
    let (matches, per) = (matches.to_string(), per.to_string());
    Described { name: Arc::from(name), kind, matches, per, queue: None, max_keys: None }
}
