//! What operators see of the rules: who is refused, and what was decided last.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{ConcurrencyRules, ConcurrencyState, over::Over};
use crate::{
    Method,
    limits::{Decided, LastDecision, LastDecisions, TopCaller, TopCallers, Verdict},
    nanos::nanos,
};

/// What a rule keeps of the calls that it refuses, or would refuse.
#[derive(Debug)]
pub(super) struct Seen {
    origin: Instant,
    callers: TopCallers,
    decisions: LastDecisions,
}

impl Seen {
    pub(super) fn since(origin: Instant) -> Self {
        Self { origin, callers: TopCallers::new(), decisions: LastDecisions::new() }
    }

    fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    /// Notes a call that is refused, or would be.
    pub(super) fn note(
        &self,
        rule: &Arc<str>,
        (method, caller): (Option<&Arc<Method>>, &str),
        (verdict, over): (Verdict, &Over),
    ) {
        let now = self.now();
        self.callers.note(caller, now);
        let method = method.map(|method| format!("/{}/{}", method.service(), method.name()));
        self.decisions.note(&Decided {
            at: now,
            rule,
            method: method.as_deref().unwrap_or_default(),
            caller,
            verdict,
            reason: over.why().reason().as_str(),
            inputs: &over.inputs(),
        });
    }
}

impl ConcurrencyRules {
    /// A rule as it is now, with at most `top` callers; `None` if none has that name.
    pub fn state(&self, name: &str, top: usize) -> Option<ConcurrencyState> {
        self.find(name).map(|limit| limit.state(Instant::now(), top))
    }

    /// The callers that a rule has refused most lately, or would have; `None` if no rule has that name.
    pub fn top_callers(&self, name: &str, most: usize) -> Option<Vec<TopCaller>> {
        let seen = self.find(name)?.seen();
        Some(seen.callers.top(most, seen.now()))
    }

    /// The last calls that each rule has refused, or would have, and how long ago that was.
    pub fn last_decisions(&self) -> Vec<(Duration, LastDecision)> {
        let seen = self.limits().iter().map(|limit| limit.seen());
        seen.flat_map(|seen| seen.decisions.before(seen.now())).collect()
    }
}
