//! The limits: made of the settings, and as the admin port sees and changes them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rootcap_layers::{
    admission::{Match, Mode, Per, TrustedProxies},
    concurrency,
    limits::LastDecision,
    rate_limit::{Quota, RateChange, RateRule, RateRules},
};

use super::Layers;
use crate::{
    config::{Auto, Config, Loaded, Rate, RateLimit, place},
    in_force::{Given, Origin},
    limits::{Amount, Described, Limit, LimitError, LimitSetting, Limits, Looks, Rule, WhatIf},
};

/// The name of the rule that `limits.rate` sets.
const RATE: &str = "limits.rate";
/// The name of the rule that `limits.concurrency` sets.
const CONCURRENCY: &str = "limits.concurrency";

/// How many of the callers that are refused are shown.
const CALLERS: usize = 10;

/// A rule of rates as it is set: its key in the settings, and what it says.
fn rates(config: &Config) -> Vec<(String, RateLimit)> {
    let of_all = config.limits.rate.map(|quota| {
        let burst = config.limits.rate_burst;
        (RATE.to_owned(), RateLimit { name: RATE.to_owned(), quota, burst, ..RateLimit::default() })
    });
    let listed = config.rate_limit.iter().cloned().enumerate();
    let listed = listed.map(|(index, rule)| (place("rate_limit", index, "quota"), rule));
    of_all.into_iter().chain(listed).collect()
}

/// The rules of rates; `None` where there are none.
pub(super) fn rate_rules(config: &Config) -> Option<RateRules> {
    let rules: Vec<_> = rates(config).into_iter().map(|(_, rule)| rate_rule(&rule)).collect();
    let proxies: TrustedProxies = config.trusted_proxies.iter().copied().collect();
    let rules = (!rules.is_empty()).then(|| RateRules::new(rules, proxies))?;
    Some(rules.expect("the settings have neither two rules of one name nor too many"))
}

fn rate_rule(rule: &RateLimit) -> RateRule {
    let max_keys = rule.max_keys.try_into().expect("the setting is at least 1");
    RateRule::new(rule.name.as_str(), quota(rule.quota, rule.burst))
        .matching(rule.r#match.clone())
        .per(rule.per.clone())
        .mode(rule.mode)
        .max_keys(max_keys)
}

fn quota(rate: Rate, burst: Auto<std::num::NonZeroU32>) -> Quota {
    let quota = Quota::new(rate.count(), rate.per());
    burst.as_set().map_or(quota, |burst| quota.burst(*burst))
}

impl Layers {
    /// The rules that are in force, as they are configured.
    pub(crate) fn limits(&self, loaded: &Loaded) -> Limits {
        let configured = |key: &str, amount, mode| {
            let source = Origin::Settings(loaded.sources.of(key).to_string());
            Given::new(LimitSetting { amount, mode }, source, SystemTime::now())
        };
        let calls = loaded.config.limits.concurrency.zip(self.concurrency.limit());
        let calls = calls.map(|(max, limit)| {
            let setting = configured(CONCURRENCY, Amount::Calls(max), Mode::Enforce);
            let described = described(CONCURRENCY, "concurrency", &Match::ALL, &Per::All);
            Limit::new(described, setting, Calls(limit.clone()))
        });
        let rates = self.rate_limit.limits().into_iter().flat_map(|rules| {
            rates(&loaded.config).into_iter().map(|(key, rule)| {
                let amount = Amount::Quota { quota: rule.quota, burst: rule.burst };
                let described = described(&rule.name, "rate", &rule.r#match, &rule.per);
                let rates = Rates { name: Arc::clone(&described.name), rules: rules.clone() };
                Limit::new(described, configured(&key, amount, rule.mode), rates)
            })
        });
        let rules = self.rate_limit.limits().cloned();
        Limits::new(calls.into_iter().chain(rates), move || decisions(rules.as_ref()))
    }
}

/// The last decisions of all rules, the latest first.
fn decisions(rates: Option<&RateRules>) -> Vec<(Duration, LastDecision)> {
    rates.map(RateRules::last_decisions).unwrap_or_default()
}

fn described(name: &str, kind: &'static str, matches: &Match, per: &Per) -> Described {
    Described { name: Arc::from(name), kind, matches: matches.to_string(), per: per.to_string() }
}

/// The limit of calls in flight.
struct Calls(concurrency::Limit);

impl Rule for Calls {
    fn looks(&self) -> Looks {
        Looks { in_flight: Some(self.0.in_flight() as u64), ..Looks::default() }
    }

    fn set(&self, _: &LimitSetting) -> Result<(), LimitError> {
        Err(LimitError::Fixed("this rule cannot be changed while the process runs".to_owned()))
    }

    fn what_if(&self, _: Rate, _: u32) -> Option<WhatIf> {
        None
    }
}

/// One of the limits of calls in a time.
struct Rates {
    name: Arc<str>,
    rules: RateRules,
}

impl Rule for Rates {
    fn looks(&self) -> Looks {
        let Some(state) = self.rules.state(&self.name) else { return Looks::default() };
        let callers = self.rules.top_callers(&self.name, CALLERS).unwrap_or_default();
        Looks {
            allowed: Some(state.counts.allowed),
            rejected: Some(state.counts.refused),
            observed: Some(state.counts.observed),
            keys: state.per.is_keyed().then_some(state.keys as u64),
            callers: callers.into_iter().map(Into::into).collect(),
            ..Looks::default()
        }
    }

    fn set(&self, setting: &LimitSetting) -> Result<(), LimitError> {
        let Amount::Quota { quota, .. } = &setting.amount else {
            return Err(LimitError::Refused(
                "this rule has a quota, and no other limit".to_owned(),
            ));
        };
        let change = RateChange {
            rate: Some((quota.count(), quota.per())),
            burst: setting.burst(),
            mode: Some(setting.mode),
        };
        self.rules.change(&self.name, change);
        Ok(())
    }

    fn what_if(&self, rate: Rate, burst: u32) -> Option<WhatIf> {
        let quota = quota(rate, burst.try_into().map_or(Auto::Auto, Auto::Set));
        let (what_if, names) = self.rules.what_if(&self.name, quota)?;
        Some(WhatIf {
            window: what_if.window,
            calls: what_if.arrivals,
            callers: what_if.keys,
            would_reject: what_if.would_reject,
            callers_rejected: what_if.keys_rejected,
            worst: names.into_iter().zip(what_if.worst).map(|(name, (_, n))| (name, n)).collect(),
        })
    }
}
