//! What the admin port asks of a rule of the layers', and is told.

use std::{sync::Arc, time::Duration};

use rootcap_layers::limits::TopCaller;

use super::{LimitError, LimitSetting};
use crate::config::Rate;

/// A rule of the layers': what the admin port asks of it.
pub(crate) trait Rule: Send + Sync + 'static {
    /// What it has done, and does now.
    fn looks(&self) -> Looks;

    /// Has another limit count from now on.
    ///
    /// # Errors
    /// When it cannot.
    fn set(&self, setting: &LimitSetting) -> Result<(), LimitError>;

    /// What another quota would have made of the recent calls; `None` where they are not kept.
    fn what_if(&self, quota: Rate, burst: u32) -> Option<WhatIf>;
}

/// What a rule is about; that does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) name: Arc<str>,
    /// `rate`, `concurrency` or `request_bytes`.
    pub(crate) kind: &'static str,
    /// Which calls.
    pub(crate) matches: String,
    /// What is counted by.
    pub(crate) per: String,
    /// How many calls may wait, and for how long, of a rule of calls in flight.
    pub(crate) queue: Option<(u64, Duration)>,
    /// How many callers are known at most, of a rule of rates that tells them apart.
    pub(crate) max_keys: Option<u64>,
}

/// What a rule has done, and does now. What a kind of rule does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Looks {
    /// Calls that it let pass.
    pub(crate) allowed: Option<u64>,
    /// Calls that it refused.
    pub(crate) rejected: Option<u64>,
    /// Calls that it would have refused.
    pub(crate) observed: Option<u64>,
    /// Callers that it keeps something of.
    pub(crate) keys: Option<u64>,
    /// Calls, or bytes, in flight.
    pub(crate) in_flight: Option<u64>,
    /// Calls that wait.
    pub(crate) queued: Option<u64>,
    /// How long the first of them has waited.
    pub(crate) oldest_wait: Option<Duration>,
    /// Who is being limited now, whoever is most so first.
    pub(crate) callers: Vec<Caller>,
}

/// A caller that is being limited now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caller {
    /// Its key; a caller chose it.
    pub(crate) key: String,
    /// How often it is refused, or would be, in times per second: this or less.
    pub(crate) rate: f64,
    /// How often at least.
    pub(crate) at_least: f64,
    /// Its calls in flight, where they are counted.
    pub(crate) in_flight: Option<u64>,
}

impl From<TopCaller> for Caller {
    fn from(TopCaller { key, rate, at_least }: TopCaller) -> Self {
        Self { key, rate, at_least, in_flight: None }
    }
}

/// What another quota would have made of the recent calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WhatIf {
    pub(crate) window: Duration,
    pub(crate) calls: usize,
    pub(crate) callers: usize,
    pub(crate) would_reject: usize,
    pub(crate) callers_rejected: usize,
    /// Who would have been refused most, and how often; `None` for a caller whose key is not kept.
    pub(crate) worst: Vec<(Option<String>, usize)>,
}
