//! The limits, made of the settings.

mod rules;
mod seen;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};

use rootcap_layers::{
    RequestBytesLayer,
    admission::{Mode, TrustedProxies},
    concurrency::{ConcurrencyRule, ConcurrencyRules},
    rate_limit::{Quota, RateRule, RateRules},
};

use crate::config::{self, Auto, Concurrency, Config, Rate, RateLimit, Size, place};

/// The name of the rule that `limits.rate` sets.
const RATE: &str = "limits.rate";
/// The name of the rule that `limits.concurrency` sets.
const CONCURRENCY: &str = "limits.concurrency";
/// The name of the rule that `limits.request_bytes` sets.
const REQUEST_BYTES: &str = "limits.request_bytes";

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
