//! [`RateState`]: a rule at one instant, for whoever looks.

use std::sync::Arc;

use super::{
    Quota,
    standing::{Rule, Used},
};
use crate::admission::{Counts, Match, Mode, Per};

/// What of a rule may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSettings {
    /// How many calls, and how many at once.
    pub quota: Quota,
    /// Whether it refuses calls, or only counts them.
    pub mode: Mode,
}

/// A rule at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateState {
    /// Its name.
    pub name: Arc<str>,
    /// Which calls it is about.
    pub matching: Match,
    /// What it tells callers apart by.
    pub per: Per,
    /// How many calls, and how many at once.
    pub quota: Quota,
    /// Whether it refuses calls, or only counts them.
    pub mode: Mode,
    /// How many callers have used something of their quota; 0 if it does not tell them apart.
    pub keys: usize,
    /// How many callers it tells apart at most; 0 if it does not.
    pub max_keys: usize,
    /// How many bytes that takes now.
    pub bytes: usize,
    /// What it has decided so far.
    pub counts: Counts,
}

impl Rule {
    pub(super) fn settings(&self) -> RateSettings {
        let settings = self.settings.load();
        RateSettings { quota: settings.quota, mode: settings.mode }
    }

    pub(super) fn state(&self, now: u64) -> RateState {
        let RateSettings { quota, mode } = self.settings();
        let (keys, max_keys, bytes) = match &self.used {
            Used::Together(_) => (0, 0, 0),
            Used::Each(keyed) => (keyed.live(now), keyed.most(), keyed.bytes()),
        };
        RateState {
            name: Arc::clone(&self.name),
            matching: self.matching.clone(),
            per: self.per.clone(),
            quota,
            mode,
            keys,
            max_keys,
            bytes,
            counts: self.tally.counts(),
        }
    }
}
