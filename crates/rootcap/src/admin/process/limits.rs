//! What `/debug/limits` is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use rootcap_layers::limits::LastDecision;
use serde::Serialize;

use super::seconds;
use crate::in_force::InForce;
use crate::limits::{Described, Limit, LimitSetting, Limits, Looks};

/// What `/debug/limits` shows.
#[derive(Debug, Clone)]
pub(crate) struct LimitRows {
    /// In the order of the settings.
    pub(crate) rules: Vec<LimitRow>,
    /// The last decisions that were not plain admissions, the latest first.
    pub(crate) decisions: Vec<DecisionRow>,
}

/// One rule of the limits.
#[derive(Debug, Clone)]
pub(crate) struct LimitRow {
    /// What it is about.
    pub(crate) described: Described,
    /// How much it lets pass now, and as configured.
    pub(crate) setting: InForce<LimitSetting>,
    /// What it has done, and does now.
    pub(crate) looks: Looks,
}

/// A decision about a call that was refused, or would have been.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DecisionRow {
    /// How long ago that was.
    #[serde(rename = "ago_seconds", serialize_with = "seconds")]
    pub(crate) ago: Duration,
    /// The rule.
    pub(crate) rule: String,
    /// The path of the call.
    pub(crate) method: String,
    /// The caller's key.
    pub(crate) caller: String,
    /// `rejected`, `shed` or `observed`.
    pub(crate) decision: &'static str,
    /// Why, in a word.
    pub(crate) reason: &'static str,
    /// What it was decided from.
    pub(crate) inputs: BTreeMap<&'static str, u64>,
}

impl LimitRows {
    /// What is true of `limits` now.
    pub(crate) fn of(limits: &Limits) -> Self {
        let decision = |(ago, decision)| DecisionRow::new(ago, decision);
        Self {
            rules: limits.iter().map(LimitRow::of).collect(),
            decisions: limits.decisions().into_iter().map(decision).collect(),
        }
    }
}

impl LimitRow {
    fn of(limit: &Limit) -> Self {
        Self { described: limit.described.clone(), setting: limit.state(), looks: limit.looks() }
    }
}

impl DecisionRow {
    fn new(ago: Duration, decision: LastDecision) -> Self {
        Self {
            ago,
            rule: decision.rule.to_string(),
            method: decision.method,
            caller: decision.caller,
            decision: decision.verdict.as_str(),
            reason: decision.reason,
            inputs: decision.inputs.iter().collect(),
        }
    }
}
