//! [`RequestBytesRule`]: the limit on bytes of requests in flight, and what a caller beyond it is told.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use tonic::Code;

use super::{
    POLICY,
    budget::{Budget, Full},
    demand::Needed,
};
use crate::{
    Call, Peer,
    admission::{Caller, Counts, Mode, Reason, Refusal, ShedCode, Tally, Violation, retry_after},
    excerpt::Excerpt,
    limits::{Decided, LastDecision, LastDecisions, TopCaller, TopCallers, Verdict},
    nanos::nanos,
    reject::Encoded,
};

/// The limit on bytes of requests in flight.
#[derive(Debug)]
pub(super) struct RequestBytesRule {
    name: Arc<str>,
    code: ShedCode,
    budget: Budget,
    tally: Tally,
    origin: Instant,
    decisions: LastDecisions,
    callers: TopCallers,
}

/// The limit at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestBytesState {
    /// The name of the rule.
    pub name: Arc<str>,
    /// The most bytes in flight.
    pub limit: u64,
    /// Whether calls beyond are refused, or only counted.
    pub mode: Mode,
    /// The bytes in flight.
    pub used: u64,
    /// What has been decided so far. A call that was let in and had to end later counts twice.
    pub counts: Counts,
}

impl RequestBytesRule {
    pub(super) fn new(name: Arc<str>, limit: u64, mode: Mode, code: ShedCode) -> Self {
        let tally = Tally::new(POLICY, Arc::clone(&name), &[Reason::RequestBytesExceeded]);
        let (origin, decisions, callers) =
            (Instant::now(), LastDecisions::new(), TopCallers::new());
        Self { name, code, budget: Budget::new(limit, mode), tally, origin, decisions, callers }
    }

    /// The last calls that were refused, cut, or would have been, and how long ago that was; the latest first.
    pub(super) fn last_decisions(&self) -> Vec<(Duration, LastDecision)> {
        self.decisions.before(self.now())
    }

    /// The callers whose calls were refused, cut, or would have been, most lately.
    pub(super) fn top_callers(&self, most: usize) -> Vec<TopCaller> {
        self.callers.top(most, self.now())
    }

    fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    fn note(&self, call: Option<&Call>, verdict: Verdict, Full { limit, used, asked }: Full) {
        let (at, peer) = (self.now(), call.and_then(|call| call.peer()));
        let caller = peer.map(|peer| address(peer)).unwrap_or_default();
        self.callers.note(&caller, at);
        self.decisions.note(&Decided {
            at,
            rule: &self.name,
            method: call.map(Call::path).unwrap_or_default(),
            caller: &caller,
            verdict,
            reason: Reason::RequestBytesExceeded.as_str(),
            inputs: &[("limit", limit), ("in_flight", used), ("asked", asked)],
        });
    }

    pub(super) fn set(&self, limit: u64, mode: Mode) {
        self.budget.set(limit, mode);
    }

    pub(super) fn state(&self) -> RequestBytesState {
        RequestBytesState {
            name: Arc::clone(&self.name),
            limit: self.budget.limit(),
            mode: self.budget.mode(),
            used: self.budget.used(),
            counts: self.tally.counts(),
        }
    }

    /// Lets a call in whose request has so many bytes, as far as its head tells, if there is room for them. They are taken
    /// when they come: else who announces much, and sends nothing, would hold it.
    #[inline]
    pub(super) fn arrive(&self, call: Option<&Call>, bytes: Option<u64>) -> Result<(), Full> {
        let room = match bytes {
            // There is no message: nothing to hold, and nothing to wait for.
            Some(0) => Ok(()),
            Some(bytes) => self.budget.take(0, bytes),
            None => self.budget.has_room(),
        };
        match room {
            Ok(()) => self.tally.allowed(call.map(Call::method)),
            Err(full) => self.unless_observing(call, full, 0)?,
        }
        Ok(())
    }

    /// Takes what a call that was let in needs beyond what it holds.
    #[inline]
    pub(super) fn take(&self, call: Option<&Call>, held: u64, needed: Needed) -> Result<(), Full> {
        let more = needed.held.saturating_sub(held);
        self.budget.take(more, needed.to_come).or_else(|full| {
            // What the call holds already makes room for what it asks for.
            let used = full.used.saturating_sub(held);
            let full = Full { used, asked: needed.held + needed.to_come, ..full };
            self.unless_observing(call, full, more)
        })
    }

    #[inline]
    pub(super) fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.budget.give_back(bytes);
        }
    }

    #[cold]
    fn unless_observing(&self, call: Option<&Call>, full: Full, bytes: u64) -> Result<(), Full> {
        let (method, reason) = (call.map(Call::method), Reason::RequestBytesExceeded);
        if self.budget.mode() == Mode::Observe {
            self.tally.observed(method, reason);
            self.note(call, Verdict::Observed, full);
            self.budget.take_anyway(bytes);
            return Ok(());
        }
        self.tally.refused(method, reason);
        self.note(call, Verdict::Shed, full);
        if let Some(call) = call {
            call.set_rejected_by(POLICY);
        }
        Err(full)
    }

    /// The head of the answer to a call of `path` for which there is no room, or its trailers. `has_begun` is whether its
    /// handler has had a message.
    pub(super) fn answer(&self, path: &str, full: Full, has_begun: bool) -> HeaderMap {
        if full.asked > full.limit {
            return self.never(path, full);
        }
        let reason = full.to_string();
        if has_begun {
            return self.cut(path, &reason, full);
        }
        let refusal = Refusal {
            policy: POLICY,
            rule: Arc::clone(&self.name),
            code: self.code.code(),
            reason: reason.into(),
            retry_after: retry_after(None),
            violation: self.violation(full),
        };
        refusal.headers(path)
    }

    /// To one that asks for more than there will ever be: it need not try again.
    fn never(&self, path: &str, full: Full) -> HeaderMap {
        let (path, rule) = (Excerpt(path), &self.name);
        let Full { limit, asked, .. } = full;
        let message = format!(
            "{path}: {asked} bytes of a request are more than the {limit} that may be in flight (rule `{rule}`)"
        );
        self.finally(Code::ResourceExhausted, message, full)
    }

    /// To one that runs: what its handler has done already, nobody may do again unasked.
    fn cut(&self, path: &str, reason: &str, full: Full) -> HeaderMap {
        let (path, rule) = (Excerpt(path), &self.name);
        let message = format!("{path}: {reason} (rule `{rule}`); the call had begun");
        self.finally(self.code.code(), message, full)
    }

    fn finally(&self, code: Code, message: String, full: Full) -> HeaderMap {
        let details = self.violation(full).final_status(code, &message);
        Encoded::new(code, message, details, HeaderValue::from_static("-1")).passing().headers()
    }

    fn violation(&self, full: Full) -> Violation {
        Violation::new(Reason::RequestBytesExceeded, &self.name, metadata(full))
    }
}

/// Whom a call is of: this limit is all callers' together, but who fills it is of interest.
fn address(peer: &Peer) -> String {
    match peer.caller() {
        Caller::Unknown => peer.as_str().to_owned(),
        known => known.to_string(),
    }
}

fn metadata(full: Full) -> [(&'static str, String); 3] {
    [
        ("limit", full.limit.to_string()),
        ("in_flight", full.used.to_string()),
        ("asked", full.asked.to_string()),
    ]
}
