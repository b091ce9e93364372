//! The last decisions that were not plain admissions, with what they were made from.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::excerpt::{Excerpt, MAX_LEN, cut};

/// How many are kept.
pub const LAST: usize = 64;
/// How many inputs a decision has at most; what is beyond is not kept.
pub const MAX_INPUTS: usize = 4;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A rate limit refused it.
    Rejected,
    /// It was refused because too much was in flight.
    Shed,
    /// It would have been refused, by a rule that only observes.
    Observed,
}

impl Verdict {
    /// The word for it, the same as in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Shed => "shed",
            Self::Observed => "observed",
        }
    }
}

/// A decision, as the limits note it.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// When.
    pub at: u64,
    /// The rule's name.
    pub rule: &'a Arc<str>,
    /// The path of the call.
    pub method: &'a str,
    /// The caller's key.
    pub caller: &'a str,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, in a word, the same as in metrics.
    pub reason: &'static str,
    /// What it was decided from: names with their units, such as `in_flight` or `retry_after_ms`, and values.
    pub inputs: &'a [(&'static str, u64)],
}

/// A decision, as it is kept: what a caller controls is cut, and fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastDecision {
    /// When.
    pub at: u64,
    /// The rule's name.
    pub rule: Arc<str>,
    /// The path of the call.
    pub method: String,
    /// The caller's key.
    pub caller: String,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, in a word.
    pub reason: &'static str,
    /// What it was decided from.
    pub inputs: Inputs,
}

/// Names and values of what a decision was made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inputs([Option<(&'static str, u64)>; MAX_INPUTS]);

impl Inputs {
    fn new(inputs: &[(&'static str, u64)]) -> Self {
        let mut kept = [None; MAX_INPUTS];
        for (kept, input) in kept.iter_mut().zip(inputs) {
            *kept = Some(*input);
        }
        Self(kept)
    }

    /// One after another.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.into_iter().flatten()
    }
}

/// The last [`LAST`] decisions. Once so many were made, noting one more reuses the memory of the oldest.
#[derive(Debug, Default)]
pub struct LastDecisions(Mutex<Ring>);

#[derive(Debug, Clone, Default)]
struct Ring {
    kept: Vec<LastDecision>,
    /// Where the oldest is, once all places are taken.
    oldest: usize,
}

impl LastDecisions {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a decision.
    pub fn note(&self, decided: &Decided<'_>) {
        self.0.lock().note(decided);
    }

    /// The last ones, and how long before `now` each was made; the latest first.
    pub fn before(&self, now: u64) -> Vec<(Duration, LastDecision)> {
        let ago = |at| Duration::from_nanos(now.saturating_sub(at));
        self.latest().into_iter().map(|decision| (ago(decision.at), decision)).collect()
    }

    /// The last ones, the latest first, fit to be shown.
    pub fn latest(&self) -> Vec<LastDecision> {
        let ring = self.0.lock().clone();
        let (later, earlier) = ring.kept.split_at(ring.oldest);
        later.iter().rev().chain(earlier.iter().rev()).map(LastDecision::shown).collect()
    }
}

impl Ring {
    fn note(&mut self, decided: &Decided<'_>) {
        if self.kept.len() < LAST {
            self.kept.push(LastDecision::empty(decided));
            let new = self.kept.len() - 1;
            self.kept[new].become_of(decided);
            return;
        }
        self.kept[self.oldest].become_of(decided);
        self.oldest = (self.oldest + 1) % LAST;
    }
}

impl LastDecision {
    fn empty(decided: &Decided<'_>) -> Self {
        Self {
            at: decided.at,
            rule: Arc::clone(decided.rule),
            method: String::new(),
            caller: String::new(),
            verdict: decided.verdict,
            reason: decided.reason,
            inputs: Inputs::default(),
        }
    }

    fn shown(&self) -> Self {
        let (method, caller) = (Excerpt(&self.method), Excerpt(&self.caller));
        Self { method: method.to_string(), caller: caller.to_string(), ..self.clone() }
    }

    fn become_of(&mut self, decided: &Decided<'_>) {
        let Decided { at, rule, method, caller, verdict, reason, inputs } = *decided;
        self.rule = Arc::clone(rule);
        (self.at, self.verdict, self.reason, self.inputs) =
            (at, verdict, reason, Inputs::new(inputs));
        for (kept, given) in [(&mut self.method, method), (&mut self.caller, caller)] {
            kept.clear();
            // As it is, and longer than is shown: whoever looks pays for making it fit to be shown.
            kept.push_str(cut(given, MAX_LEN + 4));
        }
    }
}

#[cfg(test)]
mod tests;
