//! The rules of the layers, as the admin port looks at them and changes them.

use std::sync::Arc;

use rootcap_layers::{
    RequestBytesLayer,
    concurrency::{Bounds, CallerState, ConcurrencyRules},
    limits::TopCaller,
    rate_limit::{RateChange, RateRules},
};

use super::{as_usize, bytes, quota};
use crate::{
    config::{Auto, Rate},
    limits::{Amount, Caller, LimitError, LimitSetting, Looks, Rule, WhatIf},
};

/// How many of the callers that are refused are shown.
const CALLERS: usize = 10;

/// One of the limits of calls in flight.
pub(super) struct Calls {
    pub(super) name: Arc<str>,
    pub(super) rules: ConcurrencyRules,
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
pub(super) struct Bytes(pub(super) RequestBytesLayer);

impl Rule for Bytes {
    fn looks(&self) -> Looks {
        let Some(state) = self.0.state() else { return Looks::default() };
        Looks {
            allowed: Some(state.counts.allowed),
            rejected: Some(state.counts.refused),
            observed: Some(state.counts.observed),
            in_flight: Some(state.used),
            callers: self.0.top_callers(CALLERS).into_iter().map(Into::into).collect(),
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
pub(super) struct Rates {
    pub(super) name: Arc<str>,
    pub(super) rules: RateRules,
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
