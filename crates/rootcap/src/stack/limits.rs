//! The limits: made of the settings, and as the admin port sees and changes them.

use std::{
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rootcap_layers::{
    RequestBytesLayer,
    admission::{Match, Mode, Per, TrustedProxies},
    concurrency::{Bounds, CallerState, ConcurrencyRule, ConcurrencyRules},
    limits::{LastDecision, TopCaller, decisions::LAST},
    rate_limit::{Quota, RateChange, RateRule, RateRules},
};

use super::Layers;
use crate::{
    config::{self, Auto, Concurrency, Config, Loaded, Rate, RateLimit, Size, place},
    in_force::{Given, Origin},
    limits::{
        Amount, Caller, Described, Limit, LimitError, LimitSetting, Limits, Looks, Rule, WhatIf,
    },
};

/// The name of the rule that `limits.rate` sets.
const RATE: &str = "limits.rate";
/// The name of the rule that `limits.concurrency` sets.
const CONCURRENCY: &str = "limits.concurrency";

/// The name of the rule that `limits.request_bytes` sets.
const REQUEST_BYTES: &str = "limits.request_bytes";

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
    let rules = (!rules.is_empty()).then(|| RateRules::new(rules, proxies(config)))?;
    Some(rules.expect("the settings have neither two rules of one name nor too many"))
}

fn proxies(config: &Config) -> TrustedProxies {
    config.trusted_proxies.iter().copied().collect()
}

fn rate_rule(rule: &RateLimit) -> RateRule {
    let max_keys = rule.max_keys.try_into().expect("the setting is at least 1");
    RateRule::new(rule.name.as_str(), quota(rule.quota, rule.burst))
        .matching(rule.r#match.clone())
        .per(rule.per.clone())
        .mode(rule.mode)
        .max_keys(max_keys)
}

/// A rule of calls in flight as it is set: its key in the settings, and what it says.
fn in_flight(config: &Config) -> Vec<(String, Concurrency)> {
    let of_all = config.limits.concurrency.map(|limit| {
        let rule = Concurrency { name: CONCURRENCY.to_owned(), limit, ..Concurrency::default() };
        (CONCURRENCY.to_owned(), rule)
    });
    let listed = config.concurrency.iter().cloned().enumerate();
    let listed = listed.map(|(index, rule)| (place("concurrency", index, "limit"), rule));
    of_all.into_iter().chain(listed).collect()
}

/// The rules of calls in flight; `None` where there are none.
pub(super) fn concurrency_rules(config: &Config) -> Option<ConcurrencyRules> {
    let rules = in_flight(config).into_iter().map(|(_, rule)| {
        ConcurrencyRule::new(rule.name, as_usize(rule.limit))
            .matching(rule.r#match)
            .per(rule.per)
            .queue(rule.queue, rule.queue_timeout)
            .mode(rule.mode)
    });
    let rules: Vec<_> = rules.collect();
    let code = config.limits.shed_code;
    let rules = (!rules.is_empty()).then(|| ConcurrencyRules::new(rules, proxies(config), code))?;
    Some(rules.expect("the settings have no two rules of one name"))
}

fn as_usize(calls: NonZeroU32) -> NonZeroUsize {
    calls.try_into().expect("a usize has at least 32 bits")
}

/// The limit on bytes of requests in flight.
pub(super) fn request_bytes(settings: &config::Limits) -> RequestBytesLayer {
    settings.request_bytes.map_or_else(RequestBytesLayer::unlimited, |limit| {
        let code = settings.shed_code;
        RequestBytesLayer::with_rule(REQUEST_BYTES, bytes(limit), Mode::Enforce, code)
    })
}

fn bytes(size: Size) -> NonZeroU64 {
    NonZeroU64::new(size.as_u64()).unwrap_or(NonZeroU64::MIN)
}

fn quota(rate: Rate, burst: Auto<NonZeroU32>) -> Quota {
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
        let calls = self.concurrency.limits().into_iter().flat_map(|rules| {
            in_flight(&loaded.config).into_iter().map(|(key, rule)| {
                let described = described(&rule.name, "concurrency", &rule.r#match, &rule.per);
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
                let described = described(&rule.name, "rate", &rule.r#match, &rule.per);
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
    Described { name: Arc::from(name), kind, matches: matches.to_string(), per: per.to_string() }
}

/// One of the limits of calls in flight.
struct Calls {
    name: Arc<str>,
    rules: ConcurrencyRules,
}

impl Rule for Calls {
    fn looks(&self) -> Looks {
        let Some(state) = self.rules.state(&self.name, CALLERS) else { return Looks::default() };
        let refused = self.rules.top_callers(&self.name, CALLERS).unwrap_or_default();
        Looks {
            allowed: Some(state.counts.allowed),
            rejected: Some(state.counts.refused),
            observed: Some(state.counts.observed),
            keys: state.per.is_keyed().then_some(state.callers as u64),
            in_flight: Some(state.in_flight as u64),
            queued: Some(state.waiting as u64),
            oldest_wait: state.oldest,
            callers: callers(refused, state.top),
        }
    }

    fn set(&self, setting: &LimitSetting) -> Result<(), LimitError> {
        let Amount::Calls(limit) = setting.amount else {
            return Err(other_limit("calls in flight"));
        };
        let (limit, mode) = (as_usize(limit), setting.mode);
        self.rules.change(&self.name, |bounds| Bounds { limit, mode, ..bounds });
        Ok(())
    }

    fn what_if(&self, _: Rate, _: u32) -> Option<WhatIf> {
        None
    }
}

/// Whoever is refused, with its calls in flight if it is among those that have most.
fn callers(refused: Vec<TopCaller>, most: Vec<CallerState>) -> Vec<Caller> {
    let in_flight = |key: &str| {
        most.iter().find(|caller| caller.caller == key).map(|caller| caller.in_flight as u64)
    };
    let caller = |caller: TopCaller| Caller { in_flight: in_flight(&caller.key), ..caller.into() };
    refused.into_iter().map(caller).collect()
}

/// The limit of bytes of requests in flight.
struct Bytes(RequestBytesLayer);

impl Rule for Bytes {
    fn looks(&self) -> Looks {
        let Some(state) = self.0.state() else { return Looks::default() };
        Looks {
            allowed: Some(state.counts.allowed),
            rejected: Some(state.counts.refused),
            observed: Some(state.counts.observed),
            in_flight: Some(state.used),
            ..Looks::default()
        }
    }

    fn set(&self, setting: &LimitSetting) -> Result<(), LimitError> {
        let Amount::Bytes(limit) = setting.amount else { return Err(other_limit("bytes")) };
        self.0.change(bytes(limit), setting.mode);
        Ok(())
    }

    fn what_if(&self, _: Rate, _: u32) -> Option<WhatIf> {
        None
    }
}

/// What a rule is asked for is not of its kind.
fn other_limit(kind: &str) -> LimitError {
    LimitError::Refused(format!("this rule has a limit of {kind}, and no other"))
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
