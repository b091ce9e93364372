//! [`Tally`]: what a rule has decided, by method.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics::{Counter, counter};

use super::{
    Reason,
    by_method::ByMethod,
    metrics::{DECISIONS, REJECTED},
};
use crate::Method;

/// Counts what one rule decides: for metrics by method and reason, and in all for whoever asks.
///
/// The handles of the metrics are looked up when a method is first decided about, and then kept: a look-up by label costs
/// more than all else that a limit does.
pub struct Tally {
    policy: &'static str,
    rule: Arc<str>,
    reasons: &'static [Reason],
    slots: ByMethod<Slot>,
    /// Of the methods that are not known.
    unknown: OnceLock<Box<Slot>>,
    allowed: AtomicU64,
    refused: AtomicU64,
    observed: AtomicU64,
}

/// What a [`Tally`] has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that the rule let pass.
    pub allowed: u64,
    /// Calls that it refused.
    pub refused: u64,
    /// Calls that it let pass, and would have refused if it were not only observing.
    pub observed: u64,
}

/// The handles of one method.
struct Slot {
    allowed: Counter,
    /// By reason; both count nothing where the rule cannot have that reason.
    refused: [Counter; REASONS],
    observed: [Counter; REASONS],
    rejected: Counter,
}

const REASONS: usize = Reason::ALL.len();

impl Tally {
    /// For the rule of this name. `policy` is how metrics and logs name what the rule belongs to; `reasons` are all that
    /// it refuses for: their counters start at zero, so that the first refusal is seen as one.
    pub fn new(policy: &'static str, rule: Arc<str>, reasons: &'static [Reason]) -> Self {
        let [allowed, refused, observed] = [0; 3].map(AtomicU64::new);
        let (slots, unknown) = (ByMethod::default(), OnceLock::new());
        Self { policy, rule, reasons, slots, unknown, allowed, refused, observed }
    }

    /// The rule lets a call of this method pass.
    #[inline]
    pub fn allowed(&self, method: Option<&Arc<Method>>) {
        self.allowed.fetch_add(1, Relaxed);
        self.slot(method).allowed.increment(1);
    }

    /// The rule refuses a call of this method.
    pub fn refused(&self, method: Option<&Arc<Method>>, reason: Reason) {
        self.refused.fetch_add(1, Relaxed);
        let slot = self.slot(method);
        slot.refused[reason as usize].increment(1);
        slot.rejected.increment(1);
    }

    /// The rule lets a call of this method pass, and would have refused it if it were not only observing.
    pub fn observed(&self, method: Option<&Arc<Method>>, reason: Reason) {
        self.observed.fetch_add(1, Relaxed);
        self.slot(method).observed[reason as usize].increment(1);
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        let load = |count: &AtomicU64| count.load(Relaxed);
        Counts {
            allowed: load(&self.allowed),
            refused: load(&self.refused),
            observed: load(&self.observed),
        }
    }

    #[inline]
    fn slot(&self, method: Option<&Arc<Method>>) -> &Slot {
        let known = method.and_then(|it| self.slots.of(it, || self.resolve(Some(it))));
        known.unwrap_or_else(|| self.unknown.get_or_init(|| Box::new(self.resolve(None))))
    }

    fn resolve(&self, method: Option<&Arc<Method>>) -> Slot {
        let (service, name) = match method {
            Some(method) => (method.service(), method.name()),
            None => (Method::UNKNOWN, Method::UNKNOWN),
        };
        let handle = |decision: &'static str, reason: &'static str| {
            counter!(DECISIONS.name, "rule" => Arc::clone(&self.rule), "grpc_service" => service.to_owned(),
                "grpc_method" => name.to_owned(), "decision" => decision, "reason" => reason)
        };
        let by_reason = |observed| {
            Reason::ALL.map(|reason| match self.reasons.contains(&reason) {
                true => {
                    handle(if observed { "observed" } else { reason.decision() }, reason.as_str())
                }
                false => Counter::noop(),
            })
        };
        Slot {
            allowed: handle("allowed", ""),
            refused: by_reason(false),
            observed: by_reason(true),
            rejected: counter!(REJECTED.name, "policy" => self.policy),
        }
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("rule", &self.rule).field("counts", &self.counts()).finish()
    }
}

#[cfg(test)]
mod tests;
